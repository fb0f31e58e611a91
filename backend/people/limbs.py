"""Chest and arms carried on below the head model's open ends, so that no picture shows a hole."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.head.model import head_model
from backend.people.scene import Surface

RINGS, LENGTH = 3, 0.36  # metres
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
def extension() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    """What to add to the head model's mesh.

    Returns:
        [E] the vertex of the head model that each added vertex continues, [E, 3] metres from there, and [F, 3] added
        triangles, which count the added vertices from 6931 on.
    """
    mean = head_model().mean
    edges = open_edges(head_model().faces)
    edges = edges[mean[edges][:, :, 2].max(axis=1) < -0.2]  # the gums are open too
    loop, place = np.unique(edges, return_inverse=True)
    place = place.reshape(edges.shape)
    is_arm = np.abs(mean[loop, 0]) > 0.2
    direction = np.where(is_arm[:, None], arm_axis(mean[loop, 0]), [0.0, 0.0, -1.0])
    # ring 0 is the loop itself
    numbers = np.concatenate([loop[None], len(mean) + np.arange(RINGS * len(loop)).reshape(RINGS, -1)])
    upper_a, upper_b = numbers[:-1][:, place[:, 0]], numbers[:-1][:, place[:, 1]]
    lower_a, lower_b = numbers[1:][:, place[:, 0]], numbers[1:][:, place[:, 1]]
    faces = np.concatenate([np.stack([upper_b, upper_a, lower_a], -1), np.stack([upper_b, lower_a, lower_b], -1)])
    steps = np.arange(1, RINGS + 1)[:, None, None] * LENGTH / RINGS * direction
    return np.tile(loop, RINGS), steps.reshape(-1, 3), faces.reshape(-1, 3).astype(np.int32)


def with_limbs(skin: Surface) -> Surface:
    """The skin of a body, each vertex carried by its own of the head model, carried on below the open ends."""
    assert skin.carriers is not None and skin.carrier_weights is not None
    carried = skin.carriers[:, 0]
    last = head_model().mean.shape[0]
    own = np.full(last, -1)
    own[carried] = np.arange(len(carried))
    origin, shift, faces = extension()
    source = own[origin]
    numbers = np.concatenate([own, len(carried) + np.arange(len(origin))])
    return replace(
        skin,
        vertices=np.concatenate([skin.vertices, skin.vertices[source] + shift.astype(np.float32)]),
        faces=np.concatenate([skin.faces, numbers[faces].astype(np.int32)]),
        colour=np.concatenate([skin.colour, skin.colour[source]]),
        head_share=np.concatenate([skin.head_share, skin.head_share[source]]),
        carriers=np.concatenate([skin.carriers, skin.carriers[source]]),
        carrier_weights=np.concatenate([skin.carrier_weights, skin.carrier_weights[source]]),
        uv=None if skin.uv is None else np.concatenate([skin.uv, skin.uv[source]]),
    )
