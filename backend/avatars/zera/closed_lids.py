"""What a photograph of open eyes never shows, painted: the lids shut, in the person's own skin and lashes.

Each eye has a chart, the closed head seen from straight before that eye. There the skin around the eye is continued
over it, the crease keeps a share of its shade, the lid bulges over the eyeball, and lashes hang from the line where the
lids meet. Frames take their colours from it as far as the lids are shut (``zera.skin_colour``).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter

from backend.avatars.zera.scene import Scene
from backend.capture.correspondence import correspondence
from backend.capture.lids import LOWER_LEFT, LOWER_RIGHT, UPPER_LEFT, UPPER_RIGHT
from backend.capture.masks_fill import spread
from backend.capture.rasteriser import rasteriser
from backend.head.model import EYE, EYE_CAVITY, SKIN, head_model
from backend.nerf.images import smoothstep
from shared.camera import Camera

WIDTH, HEIGHT = 0.072, 0.056  # metres of a chart
ASIDE = np.radians(18)  # how far eyes look to their sides, in the shape of the face around them
FAR = 10.0  # metres: a camera there sees no perspective
REACH = 0.04  # metres, in depth, from the middle of an eye to the last vertices that belong to it
NOSE = 0.007  # metres from the middle of the face to the first
UPPER, LOWER = (UPPER_LEFT, UPPER_RIGHT), (LOWER_LEFT, LOWER_RIGHT)
CORNERS = ((263, 362), (33, 133))  # outer, inner
# mediapipe's rings around the opening, along crease and lower lid, and of the brow
OPENING = tuple([outer, *upper, inner, *lower[::-1]] for (outer, inner), upper, lower in zip(CORNERS, UPPER, LOWER))
CREASE = (
    [359, 467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255],
    [130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25],
)
BROW = (
    [300, 293, 334, 296, 336, 285, 295, 282, 283, 276],
    [70, 63, 105, 66, 107, 55, 65, 52, 53, 46],
)
PLAIN = 0.009  # metres from crease and lower lid to skin without folds, shade and lashes
FOLDS_KEPT = 0.15  # how much of its shade the crease keeps when the lid unfolds
LASH_LENGTH = 0.0045  # metres
LASHES = 42


def lid_places(closed: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Where the vertices of a head lie on the charts.

    Args:
        closed: [V, 3] metres, the head in the photograph's expression but its lids shut, head frame.

    Returns:
        [V, 2] places in shares of the two charts' picture, the left eye's above the right's, and [2, V] whether they
        are near the left, and near the right eye.
    """
    places = np.zeros((len(closed), 2))
    near = np.zeros((2, len(closed)), bool)
    region = np.isin(head_model().region, (SKIN, EYE, EYE_CAVITY))
    for eye, camera in enumerate(_cameras(closed)):
        seen = camera.project(closed)
        beside = closed[:, 0] * (1 - 2 * eye)
        own = beside > 0
        near[eye] = region & (beside > NOSE) & (np.abs(seen[:, 2] - FAR) < REACH)
        near[eye] &= (np.abs(seen[:, :2] - 0.5) < 0.5).all(axis=1)
        places[own] = (np.clip(seen[own, :2], 0, 1) + (0, eye)) / (1, 2)
    return places, near


def closed_lids(scene: Scene, closed: NDArray[np.floating], skin: NDArray[np.uint8], landmarks: NDArray) -> NDArray:
    """Paint the shut lids.

    Args:
        scene: the fitted photograph.
        closed: [V, 3] metres, its head with the lids shut, head frame.
        skin: [H, W, 3] the canvas's layer of skin.
        landmarks: [478, 2] canvas pixels.

    Returns:
        [2 h, w, 4] uint8 both charts, the left eye's above the right's: colour, and how much it replaces the
        photograph's where the lids are shut.
    """
    return np.concatenate(
        [_painted(eye, camera, scene, closed, skin, landmarks) for eye, camera in enumerate(_cameras(closed))]
    )


def _cameras(closed: NDArray[np.floating]) -> list[Camera]:
    """What sees each eye's chart, as a picture of one pixel; the world is the head's frame."""
    marks = correspondence().on(closed)
    cameras = []
    for eye in range(2):
        turn = ASIDE * (1 - 2 * eye)
        pose = np.eye(4)
        pose[:3, :3] = [[np.cos(turn), np.sin(turn), 0], [0, 0, -1], [-np.sin(turn), np.cos(turn), 0]]
        pose[:3, 3] = np.array([0, 0, FAR]) - pose[:3, :3] @ marks[UPPER[eye] + LOWER[eye]].mean(axis=0)
        cameras.append(Camera(np.array([[FAR / WIDTH, 0, 0.5], [0, FAR / HEIGHT, 0.5], [0, 0, 1]]), pose, 1, 1))
    return cameras


def _painted(
    eye: int, camera: Camera, scene: Scene, closed: NDArray[np.floating], skin: NDArray[np.uint8], landmarks: NDArray
) -> NDArray[np.uint8]:
    metre = scene.metre
    camera = camera.resized(max(8, round(WIDTH * metre)), max(8, round(HEIGHT * metre)))
    hits = rasteriser().draw(closed, head_model().faces, camera)
    photograph = scene.camera.project(hits.interpolate(head_model().faces, scene.world))

    def there(picture: NDArray) -> NDArray[np.float32]:
        """A picture of the canvas, carried onto the chart."""
        x, y = (photograph[..., axis].astype(np.float32) - 0.5 for axis in range(2))
        return cv2.remap(picture.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def away(ring: list[int]) -> NDArray[np.float64]:
        """Metres of the canvas's pixels from the inside of a ring of landmarks."""
        outside = np.ones(skin.shape[:2], np.uint8)
        cv2.fillPoly(outside, [np.round(landmarks[ring] - 0.5).astype(np.int32)], 0)
        return np.asarray(distance_transform_edt(outside) / metre)

    shown = there(skin)
    opening, crease = away(OPENING[eye]), away(CREASE[eye])
    folds = np.minimum(opening, crease)
    surface = maximum_filter(np.where(np.isfinite(scene.hits.depth), scene.hits.depth, 0), 3)
    seen = (photograph[..., 2] < there(surface) + 0.004) & (hits.triangle >= 0)
    plain = there((folds > PLAIN) & (away(BROW[eye]) > 0.002)) * there(scene.masks.person) * np.where(seen, 1, 0.01)
    unfolded = FOLDS_KEPT + (1 - FOLDS_KEPT) * smoothstep(0.001, 0.007, folds)
    kept = there(smoothstep(0.002, 0.0045, opening) * unfolded)
    smooth = spread(shown, plain.astype(np.float32))
    lid = smooth + (kept * seen)[..., None] * (shown - smooth)
    cover = np.zeros(seen.shape, np.float32)
    cover[1:-1, 1:-1] = there(1 - smoothstep(0.005, 0.012, folds))[1:-1, 1:-1]
    near_rim = away(UPPER[eye] + UPPER[eye][::-1]) < 0.0014
    dark = skin[near_rim].astype(np.float64)
    lashes = dark[dark.mean(axis=1) <= np.percentile(dark.mean(axis=1), 10)].mean(axis=0)
    marks = camera.project(correspondence().on(closed))[:, :2]
    meeting = np.concatenate([marks[list(CORNERS[eye])], (marks[UPPER[eye]] + marks[LOWER[eye]]) / 2])
    shade, line = _along_the_rim(meeting, camera, metre)
    lid = lid * shade[..., None]
    lid += line[..., None] * (0.85 * np.minimum(lashes, lid) - lid)
    return np.concatenate([np.clip(lid, 0, 255), cover[..., None] * 255], axis=-1).astype(np.uint8)


def _along_the_rim(meeting: NDArray[np.float64], camera: Camera, metre: float) -> tuple[NDArray, NDArray]:
    """Light and shade of a bulging lid with its crease, and the lashes' line.

    Args:
        meeting: [N, 2] pixels where the lids meet, outer corner, inner corner, then in between.
        camera: the chart's.
        metre: the chart's pixels a metre.

    Returns:
        [h, w] factor of brightness, and [h, w] 0..1 how much of a pixel the lashes take.
    """
    (start, _), (end, _) = meeting[:2]
    curve = np.polyfit((meeting[:, 0] - start) / (end - start), meeting[:, 1], 3)
    fine = 3  # lashes are thinner than pixels
    x, y = (np.arange(side * fine) / fine + 0.5 / fine for side in (camera.width, camera.height))
    along = (x - start) / (end - start)  # 0 at the outer corner, 1 at the inner one
    below = (y[:, None] - np.polyval(curve, np.clip(along, -0.05, 1.05))) / metre
    arch = np.clip(4 * along * (1 - along), 0, 1)
    inside = np.clip((along + 0.05) / 0.2, 0, 1) * np.clip((1.05 - along) / 0.2, 0, 1)
    shade = -0.3 * np.exp(-np.abs(below) / np.where(below < 0, 0.004, 0.003))
    shade += 0.2 * np.exp(-(((below + 0.006) / 0.004) ** 2))  # the lid over the eyeball
    shade -= 0.08 * np.exp(-(((below + 0.008 * (0.35 + 0.65 * arch)) / 0.001) ** 2))  # its crease
    taper = (np.clip((along + 0.05) / 0.12, 0, 1) * np.clip((0.99 - along) / 0.25, 0, 1)) ** 0.7
    line = np.exp(-((below / np.where(below < 0, 0.0008, 0.0011)) ** 2))
    line = np.maximum(line, 0.3 * np.exp(-((below / 0.0035) ** 2)) * ((below > 0) & (below < 0.006)))
    # lashes hang fanned out, longer towards the outer corner
    hanging = np.clip(below, 0, None) / LASH_LENGTH
    root = along + 0.06 * hanging * (1.1 - 2 * along)
    root += 0.004 * np.sin(131 * root)
    single = np.clip(np.cos(2 * np.pi * LASHES * root), 0, 1) ** (1 + 2 * hanging)
    length = (0.75 + 0.25 * np.sin(97 * root)) * np.clip((1 - along) / 0.5, 0.45, 1)
    line = np.maximum(line, 0.75 * single * np.clip(1.3 * (1 - hanging / length), 0, 1) * (below > 0)) * taper
    return tuple(
        cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
        for picture in (1 + inside * shade, line)
    )
