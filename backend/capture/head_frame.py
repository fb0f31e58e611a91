"""A frame aligned to the head: upright, the face in the middle and of one size, hair and shoulders around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

ABOVE, BELOW, BESIDE = 1.9, 1.7, 1.8  # what is shown beyond the chin and the middle of the face, in heights of the face
SIDE = ABOVE + BELOW  # of the square that is shown, in heights of the face
REACH = 0.5  # heights of the face over which the map of the face fades

FACE_OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
FOREHEAD, CHIN = 10, 152


@dataclass(frozen=True, eq=False)
class HeadFrame:
    """The frame of one face at one resolution.

    Args:
        to_frame: [2, 3] from the picture's pixels to the frame's.
        side: pixels of the square frame.
    """

    to_frame: NDArray[np.float64]
    side: int

    @classmethod
    def of(cls, points: NDArray[np.float32], side: int) -> HeadFrame:
        """The frame around landmarks [478, 2 or more] in pixels."""
        top, chin = points[FOREHEAD, :2].astype(float), points[CHIN, :2].astype(float)
        down = chin - top
        height = max(float(np.linalg.norm(down)), 1e-6)
        tall = side / SIDE
        down = down / height
        # continuous in both, so OpenCV's half pixels cancel nearly
        turn = tall / height * np.array([[down[1], -down[0]], [down[0], down[1]]])
        middle = points[FACE_OVAL, :2].mean(axis=0).astype(float)
        offset = np.array([BESIDE * tall - (turn @ middle)[0], ABOVE * tall - (turn @ chin)[1]])
        return cls(np.concatenate([turn, offset[:, None]], axis=1), side)

    @property
    def tall(self) -> float:
        """Pixels from the top of the forehead to the chin."""
        return self.side / SIDE

    @property
    def scale(self) -> float:
        """Pixels of the frame to one of the picture."""
        return float(np.sqrt(abs(np.linalg.det(self.to_frame[:, :2]))))

    def take(self, image: NDArray, outside: int | None = None) -> NDArray:
        """The frame of a picture [H, W, ...], which is averaged where it shrinks.

        Args:
            image: of a type that OpenCV warps.
            outside: value beyond the picture; ``None`` continues its edge.
        """
        shrunk = cv2.GaussianBlur(image, (0, 0), 0.4 / self.scale) if self.scale < 0.8 else image
        border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
        return cv2.warpAffine(
            shrunk, self.to_frame, (self.side, self.side), flags=cv2.INTER_LINEAR, borderMode=border,
            borderValue=(outside or 0,) * 4,
        )  # fmt: skip

    def seen(self, width: int, height: int) -> NDArray[np.bool_]:
        """[side, side] which of the frame's pixels the picture shows."""
        whole = np.ones((height, width), np.uint8)
        return cv2.warpAffine(whole, self.to_frame, (self.side, self.side), flags=cv2.INTER_NEAREST) > 0

    def give_back(self, values: NDArray[np.float32], width: int, height: int, beyond: float) -> NDArray[np.float32]:
        """A map [side, side] of the frame in the picture [height, width]; ``beyond`` where the frame does not reach."""
        return cv2.warpAffine(
            np.ascontiguousarray(values), self.to_frame, (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=beyond,
        )  # fmt: skip

    def marks(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Landmarks [478, 2 or more] with x and y in the frame's pixels."""
        result = points.copy()
        result[:, :2] = points[:, :2] @ self.to_frame[:, :2].T + self.to_frame[:, 2]
        return result


def filled(shape: tuple[int, ...], polygon: NDArray[np.float32]) -> NDArray[np.bool_]:
    """[H, W] the inside of a polygon [N, 2] of x and y in pixels."""
    canvas = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(canvas, [np.round(polygon).astype(np.int32)], 1)
    return canvas > 0


def beyond_oval(marks: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """[side, side] heights of the face from the face's oval, negative inside it; ``marks`` in the frame's pixels."""
    oval = filled((side, side), marks[FACE_OVAL, :2])
    out = cv2.distanceTransform((~oval).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray((out - cv2.distanceTransform(oval.astype(np.uint8), cv2.DIST_L2, 5)) * (SIDE / side), np.float32)


def face_map(marks: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """[side, side] in [-1, 1]: how deep inside the face's oval: tells a network where the face is and how large."""
    return np.clip(beyond_oval(marks, side) / -REACH, -1, 1)
