"""Spots on a head found again by their own texture, where a landmark network only guesses.

mediapipe's landmarks hardly tell a degree of the head's turn from two millimetres of shift, and those of eyes and nose
grow apart by three percent when the mouth opens wide, as if the head came nearer. Optical flow (Lucas and Kanade 1981,
in pyramids) from an earlier picture finds skin, ears and hair again to a fraction of a pixel, or says that it does not;
hair and ears, far behind the face, tell turn from shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.capture.detection import LEFT_EYE_CORNER, RIGHT_EYE_CORNER

CROP = 448  # pixels of the pictures that are compared
HEAD = 1.8  # sides of the face that they span
RISE = 0.25  # sides of the face that their middle lies above the landmarks'
RADII = (190, 220)  # pixels of the crop, of the ellipse in which spots are chosen
MOST, QUALITY, APART = 250, 0.004, 8
WINDOW, PYRAMID = (19, 19), 2
TEXTURE = (
    0.002  # least eigenvalue of a window's structure tensor, as OpenCV scales it: smooth skin shows only its shading
)
RETURN = 0.5  # pixels of the crop from where a spot started, after flowing there and back
REACH = 20.0  # pixels of the crop that a spot may be from where the landmarks let it be expected


@dataclass(frozen=True, eq=False)
class Spots:
    """Spots that one picture shows on and about a head.

    Args:
        grey: [CROP, CROP] uint8 the head.
        within: [S, 2] float32 pixels of it.
        places: [S, 2] float32 pixels of the picture.
    """

    grey: NDArray[np.uint8]
    within: NDArray[np.float32]
    places: NDArray[np.float32]

    @classmethod
    def of(cls, rgb: NDArray[np.uint8], points: NDArray[np.floating]) -> Spots:
        """Out of a picture [H, W, 3] with landmarks [478, 3]."""
        grey, to_crop = _aligned(rgb, points)
        head = cv2.ellipse(np.zeros_like(grey), (CROP // 2, CROP // 2), RADII, 0, 0, 360, 255, -1)
        corners = cv2.goodFeaturesToTrack(grey, MOST, QUALITY, APART, mask=head, blockSize=7)
        within = np.zeros((0, 2), np.float32) if corners is None else corners[:, 0]
        return cls(grey, within, _moved(cv2.invertAffineTransform(to_crop), within))

    def found(self, rgb: NDArray[np.uint8], points: NDArray[np.floating]) -> NDArray[np.float32]:
        """[S, 2] pixels of the spots in another picture [H, W, 3] with landmarks [478, 3]; ``nan`` where lost."""
        if not len(self.within):
            return self.places
        grey, to_crop = _aligned(rgb, points)
        there = _flow(self.grey, grey, self.within, self.within)
        back = _flow(grey, self.grey, there, self.within)
        sure = np.linalg.norm(back - self.within, axis=1) < RETURN
        sure &= np.linalg.norm(there - self.within, axis=1) < REACH
        places = _moved(cv2.invertAffineTransform(to_crop), there)
        places[~sure] = np.nan
        return places


def _flow(
    start: NDArray[np.uint8], end: NDArray[np.uint8], spots: NDArray[np.float32], guess: NDArray[np.float32]
) -> NDArray[np.float32]:
    """[S, 2] where spots of one picture are in another; far off where they were lost."""
    found, kept, _ = cv2.calcOpticalFlowPyrLK(
        start,
        end,
        spots[:, None],
        guess[:, None].copy(),
        winSize=WINDOW,
        maxLevel=PYRAMID,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        minEigThreshold=TEXTURE,
    )
    return np.where(kept > 0, found[:, 0], np.float32(-10 * CROP))


def _aligned(rgb: NDArray[np.uint8], points: NDArray[np.floating]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """[CROP, CROP] grey of a head with level eyes, and the [2, 3] matrix from the picture's pixels to its own."""
    across = (points[LEFT_EYE_CORNER, :2] - points[RIGHT_EYE_CORNER, :2]).astype(np.float64)
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]]) / np.linalg.norm(across)
    upper = points[[10, 168, 127, 356, 6, 33, 263], :2]  # forehead, bridge, temples, eyes: not the jaw
    side = 2.0 * float(np.ptp(upper @ turn.T, axis=0).max() / 1.6)
    linear = turn * (CROP / (HEAD * side))
    middle = upper.mean(axis=0) - turn.T @ (0.0, RISE * side * 0.4)
    matrix = np.column_stack([linear, CROP / 2 - linear @ middle])
    grey = cv2.cvtColor(cv2.warpAffine(rgb, matrix, (CROP, CROP), flags=cv2.INTER_LINEAR), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.uint8), matrix


def _moved(matrix: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float32]:
    """[N, 2] points through a [2, 3] matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)
