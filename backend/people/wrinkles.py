"""Lines of the face that come with age: where they run on the skin's atlas, and how deep they are."""

from __future__ import annotations

import cv2
import numpy as np

from backend.people.scene import Array, Traits
from backend.people.skin_atlas import SIZE, skin_atlas
from backend.people.skin_regions import EYES

_BROW_ROW = [70, 63, 105, 66, 107, 9, 336, 296, 334, 293, 300]
_HAIR_ROW = [54, 103, 67, 109, 109, 10, 338, 338, 297, 332, 284]
_NASOLABIAL = ([129, 203, 206, 216, 212], [358, 423, 426, 436, 432])
_UNDER_EYE = ([226, 31, 228, 229, 230, 231, 232, 233], [446, 261, 448, 449, 450, 451, 452, 453])
_MARIONETTE = ([61, 43, 202, 210], [291, 273, 422, 430])
_FROWN = ([107, 55, 193], [336, 285, 417])


def wrinkles(random: np.random.Generator, traits: Traits) -> Array:
    """[SIZE, SIZE] depth of lines, 0 to about 1.

    Nasolabial folds show faintly from twenty, the lines of forehead and eyes from thirty, the rest from fifty.
    """
    marks = skin_atlas().landmarks
    canvas = np.zeros((SIZE, SIZE), np.float32)
    age = traits.age + random.normal(0, 6)

    def strength(onset: float) -> float:
        return float(np.clip((age - onset) / (85 - onset), 0, 1) * random.uniform(0.6, 1.2))

    def draw(path: Array, depth: float) -> None:
        if depth > 0.02:
            _draw(canvas, path, depth, random)

    for fraction in np.arange(0.22, 0.85, random.uniform(0.13, 0.22)):
        ends = int(random.integers(0, 3)), 11 - int(random.integers(0, 3))
        row = (1 - fraction) * marks[_BROW_ROW] + fraction * marks[_HAIR_ROW]
        draw(row[ends[0] : ends[1]], strength(28) * random.uniform(0.3, 0.8))
    for side in (0, 1):
        outer, inner = marks[EYES[side][0]], marks[EYES[side][8]]
        away = (outer - inner) / np.linalg.norm(outer - inner)
        for turn in np.arange(-0.55, 0.7, random.uniform(0.2, 0.4)):
            across = np.array([-away[1], away[0]]) * (1 if side else -1)
            direction = away * np.cos(turn) + across * np.sin(turn)
            length = random.uniform(14, 34)
            along = np.linspace(6, length, 5)[:, None]
            sag = np.array([0, 1]) * (np.linspace(0, 1, 5) ** 2)[:, None] * 4
            draw(outer + direction * along + sag, strength(32) * random.uniform(0.3, 0.8))
        draw(marks[_NASOLABIAL[side]], 0.08 + strength(22) * 0.9)
        under = marks[_UNDER_EYE[side]]
        draw(under[1:], strength(30) * 0.7)
        draw(under[2:] * 0.6 + marks[EYES[side][9:16]][::-1][:6] * 0.4, strength(45) * 0.5)
        draw(marks[_MARIONETTE[side]], strength(48) * 0.7)
        draw(marks[_FROWN[side]], strength(40) * 0.5)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 1.1), np.float32)


def _draw(canvas: Array, path: Array, depth: float, random: np.random.Generator) -> None:
    """Add one line that wavers and fades to its ends."""
    along = np.linspace(0, len(path) - 1, 24)
    points = np.stack([np.interp(along, np.arange(len(path)), path[:, axis]) for axis in (0, 1)], axis=1)
    waver = np.convolve(random.normal(0, 1.2, 28), np.ones(5) / 5, mode="valid")
    points[:, 1] += waver
    fade = np.sin(np.linspace(0.15, np.pi - 0.15, 23)) * depth
    low = np.floor(points.min(axis=0)).astype(int) - 4
    high = np.ceil(points.max(axis=0)).astype(int) + 5
    low, high = low.clip(0, SIZE), high.clip(0, SIZE)
    patch = np.zeros((high[1] - low[1], high[0] - low[0]), np.float32)
    fixed = np.round((points - low) * 16).astype(np.int32)
    for start, end, value in zip(fixed[:-1], fixed[1:], fade, strict=True):
        cv2.line(patch, start.tolist(), end.tolist(), float(value), 2, cv2.LINE_AA, 4)
    region = canvas[low[1] : high[1], low[0] : high[0]]
    np.maximum(region, patch, out=region)
