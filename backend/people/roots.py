"""Roots of hair and beards, scattered evenly over parts of the head model's skin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.head.model import head_model
from backend.people.anchors import Anchors
from backend.people.body_field import skin_faces, skin_normals
from backend.people.scene import Array

_CELL = 0.006  # metres, of the order of triangles


@dataclass(frozen=True, eq=False)
class Ground:
    """Triangles of the head model on which something may grow.

    Args:
        faces: [F, 3] neighbours after one another.
        area: [F] cumulative, 1 at the end.
    """

    faces: NDArray[np.int32]
    area: Array


def ground(bears: Callable[[Array], NDArray[np.bool_]]) -> Ground:
    """The skin's triangles of which ``bears`` ([F, 3, 3] corners on the mean head -> [F]) says so."""
    mean, faces = head_model().mean, skin_faces()
    faces = faces[bears(mean[faces])]
    corners = mean[faces]
    cell = np.floor((corners.mean(axis=1) + 0.2) / _CELL).astype(np.int64)
    # Morton's order: the bits of the three coordinates interleaved
    code = np.zeros(len(faces), np.int64)
    for bit in range(7):
        for axis in range(3):
            code |= ((cell[:, axis] >> bit) & 1) << (3 * bit + axis)
    order = code.argsort(kind="stable")
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)[order]
    return Ground(faces[order], (np.cumsum(area) / area.sum()).astype(np.float32))


def scattered(
    where: Ground, grows: Callable[[Array], NDArray[np.bool_]], places: int, random: np.random.Generator
) -> Anchors:
    """Those of ``places`` points, evenly over all of the ground, on which something grows.

    Args:
        where: triangles to choose from.
        grows: [N, 3] points on the mean head -> [N] whether hair grows there.
        places: how many are tried.
        random: numbers.
    """
    golden = (np.sqrt(5) - 1) / 2  # its multiples fill the cumulative area evenly, however many are drawn
    along = (random.uniform() + golden * np.arange(places)) % 1.0
    faces = where.faces[np.minimum(np.searchsorted(where.area, along), len(where.faces) - 1)]
    # uniform over a triangle: Osada et al., Shape distributions, 2002
    first, second = np.sqrt(random.uniform(size=places)), random.uniform(size=places)
    weights = np.stack([1 - first, first * (1 - second), first * second], axis=1).astype(np.float32)
    chosen = grows(np.einsum("nk,nkc->nc", weights, head_model().mean[faces]).astype(np.float32))
    return Anchors(faces[chosen].astype(np.int64), weights[chosen])


@lru_cache(maxsize=1)
def mean_normals() -> Array:
    """[V, 3] of the mean skin."""
    return skin_normals(head_model().mean)
