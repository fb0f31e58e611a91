"""Measures of pictures and of the faces in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from skimage.metrics import structural_similarity

Image = NDArray[np.uint8]

# mediapipe's face mesh; left and right are the person's own
LIP_UPPER, LIP_LOWER = 13, 14
MOUTH_CORNERS = {"left": 291, "right": 61}
EYE_CORNERS = {"left": (362, 263), "right": (133, 33)}
EYE_LIDS = {"left": ((385, 380), (387, 373)), "right": ((160, 144), (158, 153))}
BROWS = {"left": (334, 296, 293), "right": (105, 66, 63)}


def psnr(a: Image, b: Image, mask: NDArray[np.float32] | None = None) -> float:
    """Peak signal-to-noise ratio in decibels of two [H, W, 3] pictures; ``mask`` [H, W] in 0..1 weighs the pixels.

    Identical pictures give ``inf``; an empty mask gives ``nan``.
    """
    squared = np.square(a.astype(np.float32) - b.astype(np.float32)).mean(axis=-1, dtype=np.float64)
    error = _weighted_mean(squared, mask)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim(a: Image, b: Image, mask: NDArray[np.float32] | None = None) -> float:
    """Structural similarity of two [H, W, 3] pictures (Gaussian window of 1.5 px), its map weighed by ``mask``."""
    _, similarity = structural_similarity(
        a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    return _weighted_mean(similarity.mean(axis=-1), mask)


def _weighted_mean(values: NDArray[np.floating], mask: NDArray[np.float32] | None) -> float:
    if mask is None:
        return float(values.mean())
    total = float(mask.sum())
    return float((values * mask).sum() / total) if total > 0 else float("nan")


def interocular_distance(points: NDArray[np.floating]) -> float:
    """Pixels between the middles of the two eyes, from [478, 2 or 3] landmarks."""
    left, right = (points[list(EYE_CORNERS[side])].mean(axis=0) for side in ("left", "right"))
    return float(np.linalg.norm(left - right))


def lip_aperture(points: NDArray[np.floating]) -> float:
    """How far the lower inner lip lies below the upper one in the picture, over the inter-ocular distance.

    Below zero where landmarks of shut lips overlap, which a plain distance would take for an opening. Down is the way
    from the eyes to the mouth's corners; depth, which the landmark network only guesses, does not count.
    """
    eyes, mouth = (
        points[corners, :2].mean(axis=0)
        for corners in (np.ravel(list(EYE_CORNERS.values())), list(MOUTH_CORNERS.values()))
    )
    down = (mouth - eyes) / np.linalg.norm(mouth - eyes)
    return float((points[LIP_LOWER, :2] - points[LIP_UPPER, :2]) @ down) / interocular_distance(points)


def mouth_width(points: NDArray[np.floating]) -> float:
    """Distance between the mouth's corners over the inter-ocular distance."""
    left, right = points[MOUTH_CORNERS["left"]], points[MOUTH_CORNERS["right"]]
    return float(np.linalg.norm(left - right)) / interocular_distance(points)


def eye_aspect_ratio(points: NDArray[np.floating], side: str) -> float:
    """Opening over width of the person's ``left`` or ``right`` eye."""
    inner, outer = EYE_CORNERS[side]
    opening = np.mean([np.linalg.norm(points[upper] - points[lower]) for upper, lower in EYE_LIDS[side]])
    return float(opening / np.linalg.norm(points[inner] - points[outer]))


def corner_travel(points: NDArray[np.floating], rest: NDArray[np.floating]) -> dict[str, float]:
    """How far each mouth corner moved from ``rest``, over the inter-ocular distance."""
    return _travel(points, rest, {side: (index,) for side, index in MOUTH_CORNERS.items()})


def brow_travel(points: NDArray[np.floating], rest: NDArray[np.floating]) -> dict[str, float]:
    """How far the middle of each brow moved from ``rest``, over the inter-ocular distance."""
    return _travel(points, rest, BROWS)


def _travel(
    points: NDArray[np.floating], rest: NDArray[np.floating], groups: Mapping[str, tuple[int, ...]]
) -> dict[str, float]:
    scale = interocular_distance(rest)
    return {
        side: float(np.linalg.norm((points[list(indices)] - rest[list(indices)]).mean(axis=0)) / scale)
        for side, indices in groups.items()
    }


def landmark_distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Mean distance in the picture between two sets of landmarks, over the inter-ocular distance of ``b``."""
    return float(np.linalg.norm(a[:, :2] - b[:, :2], axis=1).mean() / interocular_distance(b))


def relative_turn(rotation: NDArray[np.floating], rest: NDArray[np.floating]) -> NDArray[np.float64]:
    """[3] XYZ Euler angles, degrees, of a head's turn from ``rest`` to ``rotation`` in its own frame at rest.

    Both are [3] XYZ Euler angles in radians of the head's pose in the world.
    """
    turn = Rotation.from_euler("xyz", rest).inv() * Rotation.from_euler("xyz", rotation)
    return turn.as_euler("xyz", degrees=True)


def off_axis(rest: NDArray[np.floating], turn: NDArray[np.floating]) -> float:
    """Degrees between where a face looks and the direction to the camera.

    Args:
        rest: [3] XYZ Euler angles in radians of the head's pose in the world, unturned.
        turn: [3] XYZ Euler angles in degrees of its turn in its own frame.
    """
    forward = np.array([0.0, -1.0, 0.0])
    turned = Rotation.from_euler("xyz", rest) * Rotation.from_euler("xyz", turn, degrees=True)
    return float(np.degrees(np.arccos(np.clip(turned.apply(forward) @ forward, -1, 1))))


def turn_error(turn: NDArray[np.floating], asked: NDArray[np.floating]) -> float:
    """Angle in degrees between two rotations given as XYZ Euler angles in degrees."""
    difference = Rotation.from_euler("xyz", turn, degrees=True).inv() * Rotation.from_euler("xyz", asked, degrees=True)
    return float(np.degrees(difference.magnitude()))
