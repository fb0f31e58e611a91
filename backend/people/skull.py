"""The head as a sheet around a point inside it: what hats are fitted to, and what hair is flattened to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from backend.head.model import head_model
from backend.people.anchors import Anchors, cast
from backend.people.scene import Array

CENTRE = np.array([0.0, 0.0, 0.02])  # inside the mean skull
COLUMNS, ROWS = 60, 40
LOWEST = -40.0  # degrees of elevation of the first row; the last is the crown's


@lru_cache(maxsize=1)
def _sheet() -> Anchors:
    model = head_model()
    faces = model.faces[
        (model.mean[model.faces][:, :, 2] > -0.14).all(axis=1)
    ]  # eyes too, which fill holes of the skin
    azimuth, elevation = angles()
    flat = np.cos(elevation)
    directions = np.stack(
        np.broadcast_arrays(np.sin(azimuth) * flat, -np.cos(azimuth) * flat, np.sin(elevation)), axis=-1
    )
    found = cast(CENTRE, directions.reshape(-1, 3), model.mean, faces, last=True)
    return Anchors(found.index.reshape(COLUMNS, ROWS, 3), found.weights.reshape(COLUMNS, ROWS, 3))


def angles() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Azimuth [COLUMNS, 1] (0 in front, pi/2 on the left) and elevation [1, ROWS] of the sheet; radians."""
    azimuth = np.arange(COLUMNS)[:, None] / COLUMNS * 2 * np.pi
    return azimuth, np.radians(np.linspace(LOWEST, 89.0, ROWS))[None]


@dataclass(frozen=True, eq=False)
class Skull:
    """Somebody's head, ears and all, seen from a point inside.

    Args:
        centre: [3].
        points: [COLUMNS, ROWS, 3] of the skin at the angles that :func:`angles` gives on the mean head.
    """

    centre: Array
    points: Array

    @cached_property
    def radius(self) -> Array:
        """[COLUMNS, ROWS] metres from the centre."""
        return np.asarray(np.linalg.norm(self.points - self.centre, axis=-1), np.float32)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree((self.points - self.centre).reshape(-1, 3) / self.radius.reshape(-1, 1))

    def place(
        self, azimuth: NDArray[np.floating], elevation: NDArray[np.floating], height: NDArray[np.floating]
    ) -> Array:
        """Points [..., 3] at azimuths and elevations (radians, of the mean head), metres of ``height`` off the skin."""
        azimuth, elevation, height = np.broadcast_arrays(azimuth, elevation, height)
        column = np.mod(azimuth, 2 * np.pi) / (2 * np.pi) * COLUMNS
        row = np.clip((np.degrees(elevation) - LOWEST) / (89.0 - LOWEST) * (ROWS - 1), 0, ROWS - 1.001)
        left, below = np.floor(column).astype(int) % COLUMNS, np.floor(row).astype(int)
        right, across, up = (left + 1) % COLUMNS, (column % 1)[..., None], (row - below)[..., None]
        lower = self.points[left, below] * (1 - across) + self.points[right, below] * across
        upper = self.points[left, below + 1] * (1 - across) + self.points[right, below + 1] * across
        away = lower * (1 - up) + upper * up - self.centre
        away *= 1 + height[..., None] / np.linalg.norm(away, axis=-1, keepdims=True)
        return np.asarray(self.centre + away, np.float32)

    def over(self, points: Array, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Values [COLUMNS, ROWS] or [COLUMNS, ROWS, K] of the sheet, seen towards points [N, 3]: [N] or [N, K]."""
        away = points - self.centre
        away = away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-12)
        near, index = self._tree.query(away, k=3)
        weight = 1 / (near + 1e-4)
        weight /= weight.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("nk,nk...->n...", weight, values.reshape(COLUMNS * ROWS, *values.shape[2:])[index]))

    def outside(self, points: Array, gap: float) -> Array:
        """Points [N, 3], those nearer to the skin than ``gap`` metres pushed out to it."""
        away = points - self.centre
        distance = np.linalg.norm(away, axis=1)
        least = self.over(points, self.radius) + gap
        return np.asarray(self.centre + away * np.maximum(1, least / distance)[:, None], np.float32)


def skull_of(neutral: NDArray[np.floating]) -> Skull:
    """[6931, 3] somebody's neutral head -> their skull."""
    points = _sheet().on(neutral)
    above = angles()[1][0] > 0.2
    middle = points[:, above].mean(axis=(0, 1)) - _sheet().on(head_model().mean)[:, above].mean(axis=(0, 1))
    return Skull((CENTRE + middle).astype(np.float32), points)
