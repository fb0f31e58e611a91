"""The square of a photograph that the published networks see, and the way between its pixels and the photograph's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.capture.detection import FaceLandmarks
from shared.camera import Camera

FACE_SHARE = 0.2  # of the square that the face covers, at least: the published ``min_face_area_percent``
TIGHT_FACE_SHARE = 0.26  # where the photograph shows little else; tighter still, hair would be cut off
FACE_ABOVE = 0.03  # of the square's side that the face's middle lies above the square's, for the torso's sake
ROOM = 0.02  # of the square's side between the hair and its edge
CHIN_ROOM = 0.12  # of the square's side at least between the chin and its lower edge
MOST_SHIFT = 0.15  # of the square's side that it moves to show all hair, and again to stay in the photograph


@dataclass(frozen=True)
class Crop:
    """A square of a photograph; it may reach beyond the photograph's edges.

    Args:
        left: the square's left edge in the photograph's pixels.
        top: its upper edge.
        side: its side.
        size: pixels a side that it is resized to.
    """

    left: int
    top: int
    side: int
    size: int

    def to_crop(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """[..., 2] the photograph's continuous pixel coordinates -> the crop's."""
        return np.asarray((np.asarray(pixels, np.float64) - (self.left, self.top)) * (self.size / self.side))

    def to_photograph(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """The inverse of :meth:`to_crop`."""
        return np.asarray(np.asarray(pixels, np.float64) * (self.side / self.size) + (self.left, self.top))

    def camera(self, photograph: Camera) -> Camera:
        """The camera that sees the resized square, given the photograph's own."""
        intrinsics = photograph.intrinsics.copy()
        intrinsics[:2, 2] -= (self.left, self.top)
        return Camera(intrinsics, photograph.world_to_camera, self.side, self.side).resized(self.size, self.size)

    def to_canvas(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """[..., 2] the photograph's pixel coordinates -> -1..1 on the crop, x right, y down."""
        return self.to_crop(pixels) * (2 / self.size) - 1

    def extended(self, picture: NDArray) -> NDArray:
        """The square [side, side, ...] of a photograph [H, W, ...], whose edges go on beyond it."""
        height, width = picture.shape[:2]
        rows = np.clip(np.arange(self.top, self.top + self.side), 0, height - 1)
        columns = np.clip(np.arange(self.left, self.left + self.side), 0, width - 1)
        return picture[rows[:, None], columns]

    def resized(self, square: NDArray) -> NDArray:
        """[side, side, ...] -> [size, size, ...], averaged where it shrinks."""
        way = cv2.INTER_AREA if self.side > self.size else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(square, (self.size, self.size), interpolation=way))

    def beyond(self, height: int, width: int) -> NDArray[np.bool_]:
        """[side, side] where the square lies outside a photograph of this size."""
        rows = np.arange(self.top, self.top + self.side)
        columns = np.arange(self.left, self.left + self.side)
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
        return np.asarray(~inside)


def choose_crop(face: FaceLandmarks, head: NDArray[np.floating], size: int = 512) -> Crop:
    """The square around a head with some torso: as large as the published share of the face allows.

    Args:
        face: its landmarks in the photograph.
        head: [H, W] mask of hair and face, 0..1.
        size: pixels a side of the resized crop.
    """
    height, width = head.shape
    left, top, right, bottom = face.box
    area = cv2.contourArea(cv2.convexHull(np.ascontiguousarray(face.points[:, :2])))
    largest, smallest = np.sqrt(area / FACE_SHARE), np.sqrt(area / TIGHT_FACE_SHARE)
    side = int(np.clip(min(height, width), smallest, largest))
    rows, columns = np.nonzero(head[: max(int(bottom), 1)] > 0.5)  # hair below the chin may leave the square
    if not len(rows):
        rows, columns = np.array([top, bottom]), np.array([left, right])
    room = ROOM * side
    across = _placed((left + right) / 2 - side / 2, side, columns.min() - room, columns.max() + 1 + room, width)
    middle = (top + bottom) / 2 - (0.5 - FACE_ABOVE) * side
    down = _placed(middle, side, rows.min() - room, bottom + CHIN_ROOM * side, height)
    return Crop(across, down, side, size)


def _placed(start: float, side: int, first: float, last: float, length: int) -> int:
    """Where the square begins along one axis: moved to show what should be seen, then to stay within the photograph.

    Args:
        start: wished for. first, last: what should be seen. length: of the photograph.
    """
    if last - first <= side:
        shown = float(np.clip(start, last - side, first))
    else:
        shown = (first + last - side) / 2
    most = MOST_SHIFT * side
    start += float(np.clip(shown - start, -most, most))
    within = float(np.clip(start, min(0, length - side), max(0, length - side)))
    return round(start + float(np.clip(within - start, -most, most)))
