"""Neck and shoulders in coordinates of their own: an azimuth about the neck, and the way down from the neck's base.

Necklines, collars, scarves and necklaces are curves ``way(azimuth)``. Azimuth 0 is the throat, pi/2 the person's left
shoulder, pi the nape. The way is measured in metres along the mean body: 0 where neck meets shoulders, below 0 up the
neck, above 0 down chest, shoulder and back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from backend.head.model import SKIN, head_model
from backend.people.anchors import Anchors, cast
from backend.people.normals import head_normals
from backend.people.scene import Array

CENTRE = np.array([0.0, 0.02, -0.2])  # inside the chest; every point of neck and shoulders is seen from here
COLUMNS, ROWS = 60, 56
STEP = 0.006  # metres of way between rows of the sheet
TOP = -0.048  # way of the sheet's first row; there the neck ends under chin and skull


def _spread(azimuth: NDArray[np.floating]) -> NDArray[np.floating]:
    """0 at the throat to 1 at the nape."""
    return np.asarray((1 - np.cos(azimuth)) / 2)


def base_elevation(azimuth: NDArray[np.floating]) -> NDArray[np.floating]:
    """Angle above the horizon, seen from :data:`CENTRE`, at which the neck begins; radians."""
    return np.radians(47 - 29 * (1 - _spread(azimuth)) ** 1.3)


def _highest(azimuth: NDArray[np.floating]) -> NDArray[np.floating]:
    """Where the neck ends under jaw and skull; radians."""
    return np.radians(40 + 28 * _spread(azimuth) ** 0.45)


@dataclass(frozen=True, eq=False)
class Yoke:
    """The coordinates, laid on the head model's mean.

    Args:
        elevation: [E] radians, falling.
        way: [COLUMNS + 1, E] metres at each azimuth (the last is the first again) and elevation.
        sheet: anchors [COLUMNS, ROWS] at even ways from ``TOP`` in steps of ``STEP``.
    """

    elevation: NDArray[np.float64]
    way: NDArray[np.float64]
    sheet: Anchors

    def locate(self, points: NDArray[np.floating]) -> tuple[Array, Array]:
        """Azimuth [N] in (-pi, pi] and way [N] of points [N, 3] near the mean body's surface."""
        away = points - CENTRE
        azimuth = np.arctan2(away[:, 0], -away[:, 1])
        elevation = np.arctan2(away[:, 2], np.hypot(away[:, 0], away[:, 1]))
        column = np.mod(azimuth, 2 * np.pi) / (2 * np.pi) * COLUMNS
        row = np.interp(-elevation, -self.elevation, np.arange(len(self.elevation)))
        way = map_coordinates(self.way, [column, row], order=1, mode="nearest")
        return azimuth.astype(np.float32), way.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Neck:
    """Somebody's neck and shoulders as a sheet without hollows, which collars and scarves lie on.

    Args:
        points: [COLUMNS, ROWS, 3] metres, on or over the skin.
        normals: [COLUMNS, ROWS, 3] away from it.
        share: [COLUMNS, ROWS] of the head's turn.
    """

    points: Array
    normals: Array
    share: Array

    def place(
        self, azimuth: NDArray[np.floating], way: NDArray[np.floating], height: NDArray[np.floating]
    ) -> tuple[Array, Array]:
        """Points [..., 3] and their shares [...] at azimuths and ways, metres of ``height`` off the skin.

        Ways beyond the sheet are held at its rows' ends.
        """
        azimuth, way, height = np.broadcast_arrays(azimuth, way, height)
        column = np.mod(azimuth, 2 * np.pi) / (2 * np.pi) * COLUMNS
        row = np.clip((way - TOP) / STEP, 0, ROWS - 1.001)
        left, above = np.floor(column).astype(int) % COLUMNS, np.floor(row).astype(int)
        right = (left + 1) % COLUMNS
        values = np.concatenate([self.points, self.normals, self.share[..., None]], axis=-1)
        across, down = (column % 1)[..., None], (row - above)[..., None]
        upper = values[left, above] * (1 - across) + values[right, above] * across
        lower = values[left, above + 1] * (1 - across) + values[right, above + 1] * across
        found = upper * (1 - down) + lower * down
        normal = found[..., 3:6] / (np.linalg.norm(found[..., 3:6], axis=-1, keepdims=True) + 1e-12)
        return (found[..., :3] + normal * height[..., None]).astype(np.float32), found[..., 6].astype(np.float32)


def neck_of(neutral: NDArray[np.floating]) -> Neck:
    """[6931, 3] somebody's neutral body -> their neck."""
    sheet = yoke().sheet
    points, normals = sheet.on(neutral), sheet.on(head_normals(neutral))
    spread = (1.2, 1.2)

    def soft(values: Array) -> Array:
        return np.stack([gaussian_filter(values[..., k], spread, mode=("wrap", "nearest")) for k in range(3)], axis=-1)

    away = soft(normals)
    away /= np.linalg.norm(away, axis=-1, keepdims=True) + 1e-12
    bridge = np.maximum(((soft(points) - points) * away).sum(axis=-1, keepdims=True), 0)
    return Neck(points + away * bridge, away, sheet.on(head_model().head_share))


def _seen(azimuth: NDArray[np.float64], elevation: NDArray[np.float64], faces: NDArray[np.int32]) -> Anchors:
    """Anchors [A, E] of the mean body seen from the centre at azimuths [A] and elevations [A, E]."""
    turned = azimuth[:, None]
    flat = np.cos(elevation)
    directions = np.stack([np.sin(turned) * flat, -np.cos(turned) * flat, np.sin(elevation)], axis=-1)
    found = cast(CENTRE, directions.reshape(-1, 3), head_model().mean, faces)
    return Anchors(found.index.reshape(*elevation.shape, 3), found.weights.reshape(*elevation.shape, 3))


@lru_cache(maxsize=1)
def yoke() -> Yoke:
    """The yoke of the head model (about 0.3 s, once a process)."""
    model = head_model()
    faces = model.faces[(model.region[model.faces] == SKIN).all(axis=1)]
    faces = faces[(model.mean[faces][:, :, 2] < -0.03).any(axis=1)]
    azimuth = np.arange(COLUMNS) / COLUMNS * 2 * np.pi
    elevation = np.radians(np.linspace(68, -48, 72))
    # rays above the neck's end would meet the chin, those under the shoulders fall through the armholes
    lowest = np.radians(-4 - 44 * np.abs(np.cos(azimuth)) ** 1.6)
    bounded = np.clip(elevation, lowest[:, None], _highest(azimuth)[:, None])
    points = _seen(azimuth, bounded, faces).on(model.mean)
    along = np.linalg.norm(np.diff(points, axis=1), axis=-1)
    beyond = np.maximum(
        np.abs(np.diff(np.broadcast_to(elevation, bounded.shape), axis=1)) - np.abs(np.diff(bounded)), 0
    )
    way = np.concatenate([np.zeros((COLUMNS, 1)), np.cumsum(along + 0.12 * beyond, axis=1)], axis=1)
    zero = base_elevation(azimuth)
    way -= np.array([np.interp(-zero[k], -elevation, way[k]) for k in range(COLUMNS)])[:, None]
    wanted = TOP + STEP * np.arange(ROWS)
    heights = np.stack([np.interp(wanted, way[k], elevation) for k in range(COLUMNS)])
    heights = np.clip(heights, lowest[:, None], _highest(azimuth)[:, None])
    return Yoke(elevation, np.concatenate([way, way[:1]]), _seen(azimuth, heights, faces))
