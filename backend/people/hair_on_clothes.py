"""Long hair that falls over hoods and scarves instead of through them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, grey_dilation
from scipy.spatial import cKDTree

from backend.people.clothes import Clothes
from backend.people.scene import Strands
from backend.people.yoke import neck_of

_BULKY = 0.03  # metres of clothes; hair keeps that much off the skin by itself
_REACH = 0.09  # metres off the skin beyond which nothing is moved
_SHOULDERS = -0.15  # metres: what ends above is not long enough to fall over anything
_GAP = 0.004  # metres between cloth and hair


def lifted(strands: tuple[Strands, ...], neutral: NDArray[np.floating], worn: Clothes) -> tuple[Strands, ...]:
    """Hair pushed out of bulky clothes around the neck, along the skin's normals.

    Args:
        strands: of the head's hair.
        neutral: [6931, 3] metres, the head model at rest.
        worn: what it falls on; anything thin leaves the hair as it is.
    """
    if worn.thickness < _BULKY:
        return strands
    neck = neck_of(neutral)
    columns, rows = neck.share.shape
    places, normals = neck.points.reshape(-1, 3), neck.normals.reshape(-1, 3)
    tree = cKDTree(places)
    cloth = np.concatenate([surface.vertices for surface in worn.surfaces])
    near, index = tree.query(cloth, distance_upper_bound=_REACH)
    met = np.isfinite(near)
    index = index[met]
    height = np.zeros(columns * rows)
    np.maximum.at(height, index, ((cloth[met] - places[index]) * normals[index]).sum(axis=1))
    grid = grey_dilation(height.reshape(columns, rows), (5, 5), mode=("wrap", "nearest"))
    height = gaussian_filter(grid, 1.5, mode=("wrap", "nearest")).reshape(-1) + _GAP
    return tuple(_pushed(group, tree, normals, height) for group in strands)


def _pushed(group: Strands, tree: cKDTree, normals: NDArray[np.floating], height: NDArray[np.floating]) -> Strands:
    points = group.points.copy().reshape(-1, 3)
    low = np.flatnonzero(points[:, 2] < tree.data[:, 2].max())
    near, index = tree.query(points[low], distance_upper_bound=_REACH)
    met = np.isfinite(near)
    low, index = low[met], index[met]
    away = normals[index]
    over = ((points[low] - tree.data[index]) * away).sum(axis=1)
    rise = np.zeros(len(points))
    rise[low] = np.maximum(height[index] - over, 0)
    # a strand is a smooth curve, and its root stays where it grows
    along = rise.reshape(group.points.shape[:2])
    along = np.maximum(along, gaussian_filter(along, (0, 1.0), mode="nearest"))
    along *= group.points[:, -1:, 2] < _SHOULDERS
    along[:, 0] = 0
    towards = np.zeros_like(points)
    towards[low] = away
    moved = points + towards * along.reshape(-1, 1)
    return replace(group, points=moved.reshape(group.points.shape).astype(np.float32))
