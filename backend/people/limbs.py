"""Chest and arms carried on below the head model's open ends, so that no picture shows a hole."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.head.model import head_model

RINGS, LENGTH = 6, 0.36  # metres
SHOULDER = np.array([0.18, 0.02, -0.2])  # of the mean body's left side, inside the joint


def open_edges(faces: NDArray[np.integer]) -> NDArray[np.int64]:
    """[E, 2] directed edges that only one triangle has."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    size = int(faces.max()) + 1
    forward, backward = edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0]
    return edges[~np.isin(forward, backward)]


def arm_axis(side: NDArray[np.floating]) -> NDArray[np.float64]:
    """[N, 3] unit vectors down the arms that hang at sides [N], the signs of X."""
    down = np.array([0.45, 0.04, -0.89])
    return np.stack([np.sign(side) * down[0], np.full(len(side), down[1]), np.full(len(side), down[2])], axis=1)


@lru_cache(maxsize=1)
def _plan() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    mean = head_model().mean
    edges = open_edges(head_model().faces)
    edges = edges[mean[edges][:, :, 2].max(axis=1) < -0.2]  # the gums are open too
    loop, place = np.unique(edges, return_inverse=True)
    place = place.reshape(edges.shape)
    is_arm = np.abs(mean[loop, 0]) > 0.2
    direction = np.where(is_arm[:, None], arm_axis(mean[loop, 0]), [0.0, 0.0, -1.0])
    count, first = len(loop), len(mean)
    ring = np.arange(RINGS)[:, None]
    upper_a = np.where(ring == 0, loop[place[:, 0]], first + (ring - 1) * count + place[:, 0])
    upper_b = np.where(ring == 0, loop[place[:, 1]], first + (ring - 1) * count + place[:, 1])
    lower_a, lower_b = first + ring * count + place[:, 0], first + ring * count + place[:, 1]
    faces = np.concatenate([np.stack([upper_b, upper_a, lower_a], -1), np.stack([upper_b, lower_a, lower_b], -1)])
    origin = np.tile(loop, RINGS)
    shift = (np.repeat(np.arange(1, RINGS + 1), count)[:, None] * LENGTH / RINGS) * np.tile(direction, (RINGS, 1))
    return origin, loop, shift, faces.reshape(-1, 3).astype(np.int32)


def extension() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    """What to add to the head model's mesh.

    Returns:
        [E] the vertex of the head model that each added vertex continues, [E, 3] metres from there, and [F, 3] added
        triangles, which count the added vertices from 6931 on.
    """
    origin, _, shift, faces = _plan()
    return origin, shift, faces
