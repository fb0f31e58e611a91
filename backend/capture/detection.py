"""Finds the face in a picture of any size and measures its 478 landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.capture.detection_mirror import MIRRORED
from backend.capture.detection_models import LANDMARK_INPUT, face_boxes, landmarks
from shared.errors import LimnerError

SMALLEST_FACE = 96  # pixels
RIGHT_EYE_CORNER, LEFT_EYE_CORNER = 33, 263
CROP_MARGIN = 1.5  # side of the square given to the landmark network, in sides of the landmarks' box: as it was trained
PRESENCE = 0.6
EYES = [(33, 133, 468), (263, 362, 473)]  # outer corner, inner corner, middle of the iris, then the iris's rim
# Wander alone does not tell: people seen half from the side reach 0.018, a dog begins at 0.010. But an animal's iris
# fills the eye, and the eye is large in the face. Product: people up to 1.05e-4, a dog from 1.07e-4.
MOST_DOUBT = 1.06e-4  # frontal people measure 0.2e-4 to 0.6e-4, the dog mostly 1.3e-4 to 2e-4
# shift x, shift y (of the side), zoom, turn (radians) of the crops that are averaged
_JITTER = [
    (0.03, 0.0, 1.05, 0.0), (0.016, 0.025, 0.98, 0.014), (-0.012, 0.027, 0.97, -0.028), (-0.03, 0.004, 1.05, 0.041),
    (-0.02, -0.023, 0.99, -0.054), (0.009, -0.029, 0.96, 0.065),
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class FaceLandmarks:
    """A face found in a picture.

    Args:
        points: [478, 3] float32; x, y in pixels of the picture, where (0.5, 0.5) is the centre of the first pixel;
            z in the same scale, nearer is smaller. mediapipe's numbering: 468 face points, then 5 for each iris.
        box: left, top, right, bottom of the points, in pixels.
        score: the landmark network's certainty that this is a face, in [0, 1].
        side: longer side of the box, in pixels.
        roll: angle of the line through the outer eye corners, radians, positive clockwise as seen.
    """

    points: NDArray[np.float32]
    box: tuple[float, float, float, float]
    score: float
    side: float
    roll: float

    @classmethod
    def of(cls, points: NDArray[np.floating], score: float = 1.0) -> FaceLandmarks:
        """Landmarks [478, 3] with what follows from them."""
        left, top = points[:, :2].min(axis=0)
        right, bottom = points[:, :2].max(axis=0)
        across = points[LEFT_EYE_CORNER] - points[RIGHT_EYE_CORNER]
        return cls(
            points.astype(np.float32), (float(left), float(top), float(right), float(bottom)), score,
            float(max(right - left, bottom - top)), float(np.arctan2(across[1], across[0])),
        )  # fmt: skip


@dataclass(frozen=True)
class _Square:
    """A turned square in the picture: centre, side in pixels, roll in radians."""

    x: float
    y: float
    side: float
    roll: float

    def to_picture(self) -> NDArray[np.float64]:
        """[2, 3] from the unit square to the picture's continuous pixel coordinates."""
        cosine, sine = np.cos(self.roll) * self.side, np.sin(self.roll) * self.side
        return np.array([[cosine, -sine, self.x - (cosine - sine) / 2], [sine, cosine, self.y - (sine + cosine) / 2]])


def detect_face(rgb: NDArray[np.uint8], face_index: int | None = None) -> FaceLandmarks:
    """The largest face, or the one with this index counted from the largest.

    Args:
        rgb: [H, W, 3] uint8.

    Raises:
        LimnerError: FACE_NOT_FOUND, FACE_TOO_SMALL.
    """
    faces = detect_faces(rgb, thorough=bool(face_index))
    if not faces:
        raise LimnerError(
            "FACE_NOT_FOUND",
            "No human face was found in the picture.",
            "Choose a picture that shows a face upright, sharp and not covered, at most half turned away.",
        )
    if face_index is not None and not 0 <= face_index < len(faces):
        raise LimnerError(
            "FACE_NOT_FOUND",
            f"Face number {face_index} was asked for, but {len(faces)} were found (counted from 0, largest first).",
            f"Ask for a number below {len(faces)}, or for the largest.",
        )
    face = faces[face_index or 0]
    if face.side < SMALLEST_FACE:
        raise LimnerError(
            "FACE_TOO_SMALL",
            f"The face is {face.side:.0f} pixels high; {SMALLEST_FACE} are needed, 300 or more look better.",
            "Choose a picture taken closer or with more pixels; enlarging this one adds no detail.",
        )
    return face


def detect_faces(rgb: NDArray[np.uint8], thorough: bool = False) -> list[FaceLandmarks]:
    """All faces found, largest first. The search goes from the whole picture to ever smaller tiles and stops at the
    first size with a face, unless ``thorough``.
    """
    found: list[FaceLandmarks] = []
    for level in range(4):
        if level and max(rgb.shape[:2]) / 2**level < 4 * SMALLEST_FACE and not (level == 1 and not found):
            break
        for candidate in _candidates(rgb, level):
            if any(_inside(candidate, face) for face in found):
                continue
            face = _measure(rgb, candidate)
            if face is not None and not any(_overlap(face.box, other.box) > 0.3 for other in found):
                found.append(face)
        if found and not thorough:
            break
    return sorted(found, key=lambda face: -face.side)


def follow_face(rgb: NDArray[np.uint8], previous: FaceLandmarks) -> FaceLandmarks | None:
    """The face of a film's ``previous`` picture in its next one, [H, W, 3] uint8; ``None`` where it is there no longer.

    It is looked for only about where it was, and so much faster than :func:`detect_faces` would find it.
    """
    return _measure(rgb, _square_around(previous.points.astype(np.float64)))


def _candidates(rgb: NDArray[np.uint8], level: int) -> list[_Square]:
    """Squares that may hold a face, best score first: from the whole picture (level 0, also with a margin around it,
    for faces that fill the frame), or from overlapping tiles of 1 / 2**level of its longer side.
    """
    height, width = rgb.shape[:2]
    longer = max(height, width)
    rows = []
    if level == 0:
        margin = longer // 3
        padded = cv2.copyMakeBorder(rgb, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        views = [(rgb, 0, 0), (padded, -margin, -margin)]
    else:
        tile = longer // 2**level
        views = [
            (rgb[y : y + tile, x : x + tile], x, y)
            for y in _tile_starts(height, tile)
            for x in _tile_starts(width, tile)
        ]
    for view, left, top in views:
        shrink = min(1.0, 512 / max(view.shape[:2]))  # the detectors see 192 px at most
        small = cv2.resize(view, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else view
        for far in (False, True):
            for x, y, w, h, score, dx, dy in face_boxes(small, far):
                side = max(w, h) / shrink
                middle_x, middle_y = left + (x + w / 2) / shrink, top + (y + h / 2) / shrink
                rows.append((float(score), _Square(middle_x, middle_y, CROP_MARGIN * side, float(np.arctan2(dy, dx)))))
    rows.sort(key=lambda row: -row[0])
    kept: list[_Square] = []
    for _, square in rows:
        if not any(_alike(square, other) for other in kept):
            kept.append(square)
    return kept


def _tile_starts(length: int, tile: int) -> list[int]:
    """Where tiles begin that cover the length and overlap by half."""
    count = max(1, int(np.ceil(2 * length / tile)) - 1)
    return sorted({int(start) for start in np.linspace(0, max(length - tile, 0), count)})


def _alike(a: _Square, b: _Square) -> bool:
    return bool(np.hypot(a.x - b.x, a.y - b.y) < 0.2 * b.side and 0.6 < a.side / b.side < 1.6)


def _inside(square: _Square, face: FaceLandmarks) -> bool:
    left, top, right, bottom = face.box
    return left < square.x < right and top < square.y < bottom and 0.5 < square.side / (1.5 * face.side) < 2


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over the smaller box."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(width, 0.0) * max(height, 0.0) / max(smaller, 1e-6)


def _crop(rgb: NDArray[np.uint8], square: _Square) -> NDArray[np.uint8]:
    """[192, 192, 3] of the square, without aliasing."""
    oversampling = int(np.clip(np.ceil(square.side / LANDMARK_INPUT), 1, 6))
    size = LANDMARK_INPUT * oversampling
    to_picture = square.to_picture()
    to_picture[:, 2] += to_picture[:, :2].sum(axis=1) * 0.5 / size - 0.5  # OpenCV counts from pixel centres
    to_picture[:, :2] /= size
    crop = cv2.warpAffine(
        rgb, to_picture, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    if oversampling > 1:
        crop = cv2.resize(crop, (LANDMARK_INPUT, LANDMARK_INPUT), interpolation=cv2.INTER_AREA)
    return np.asarray(crop, np.uint8)


def _landmarks_in(rgb: NDArray[np.uint8], square: _Square, mirrored: bool = False) -> tuple[NDArray[np.float64], float]:
    """Landmarks of the square in the picture's pixels, [478, 3], and the presence score; ``mirrored``: as the network
    sees them in the crop's mirror image.
    """
    crop = _crop(rgb, square)
    unit, presence = landmarks(crop[:, ::-1] if mirrored else crop)
    if mirrored:
        unit = unit[MIRRORED] * (-1, 1, 1) + (1, 0, 0)
    points = np.empty((len(unit), 3))
    to_picture = square.to_picture()
    points[:, :2] = unit[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
    points[:, 2] = unit[:, 2] * square.side
    return points, presence


def _square_around(points: NDArray[np.float64]) -> _Square:
    """The square that the landmark network wants, aligned to the eyes."""
    across = points[LEFT_EYE_CORNER, :2] - points[RIGHT_EYE_CORNER, :2]
    roll = float(np.arctan2(across[1], across[0]))
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    upright = points[:, :2] @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = turn.T @ ((low + high) / 2)
    return _Square(float(x), float(y), CROP_MARGIN * float((high - low).max()), roll)


def _measure(rgb: NDArray[np.uint8], square: _Square) -> FaceLandmarks | None:
    """Landmarks by repeated alignment, then the mean over small shifts, zooms and turns of the crop and over its mirror
    images, which halves the network's noise and takes away its preference for one side. None where the network sees no
    face, or where it is in doubt: it is sure of an animal's face too, but its points then wander with the crop.
    """
    for _ in range(3):
        points, presence = _landmarks_in(rgb, square)
        if presence < PRESENCE / 2:
            return None
        square = _square_around(points)
    readings, scores = [], []
    for shift_x, shift_y, zoom, turn in _JITTER:
        moved = _Square(
            square.x + shift_x * square.side, square.y + shift_y * square.side, square.side * zoom, square.roll + turn
        )
        for mirrored in (False, True):
            points, presence = _landmarks_in(rgb, moved, mirrored)
            readings.append(points)
            scores.append(presence)
    every = np.stack(readings)
    points = every.mean(axis=0)
    if min(scores) < PRESENCE or _doubt(every, square.side / CROP_MARGIN) > MOST_DOUBT:
        return None
    return FaceLandmarks.of(points, float(np.mean(scores)))


def _doubt(readings: NDArray[np.float64], side: float) -> float:
    """How little [readings, 478, 3] of a face with this side look like a human's: how far they lie from their mean,
    times the iris's radius, both in sides of the face, times the iris's radius in widths of the eye.
    """
    points = readings.mean(axis=0)
    wander = np.linalg.norm((readings - points)[..., :2], axis=-1).mean()
    iris = np.mean([np.linalg.norm((points[i + 1 : i + 5] - points[i])[:, :2], axis=1).mean() for _, _, i in EYES])
    # with its depth: seen from the side, an eye is no narrower
    eye = np.mean([np.linalg.norm(points[outer] - points[inner]) for outer, inner, _ in EYES])
    return float(wander * iris**2 / (side**2 * eye))
