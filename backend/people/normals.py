"""Normals of triangle meshes, and how the head's change with its expression."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from backend.head.model import head_model
from backend.people.scene import Array


def seamless_normals(vertices: Array, faces: NDArray[np.int32]) -> Array:
    """[V, 3] unit normals, each the mean of its triangles' by area; vertices at the same place share theirs."""
    # texture seams split vertices: a tenth of a millimetre tells places apart
    grid = np.round(vertices * 1e4).astype(np.int64) + (1 << 20)
    key = (grid[:, 0] << 42) | (grid[:, 1] << 21) | grid[:, 2]
    _, place = np.unique(key, return_inverse=True)
    sums = _adder(place[faces], int(place.max(initial=-1)) + 1) @ _areas(vertices, faces)
    return _unit(sums)[place]


def head_normals(vertices: Array) -> Array:
    """[6931, 3] unit normals of the head model's vertices."""
    model = head_model()
    return _unit(_head_adder() @ _areas(vertices, model.faces))


@lru_cache(maxsize=1)
def _head_adder() -> sparse.csr_matrix:
    model = head_model()
    return _adder(model.faces, len(model.mean))


def _adder(faces: NDArray[np.int64], count: int) -> sparse.csr_matrix:
    """[count, F] that sums triangles' values at their corners."""
    triangle = np.repeat(np.arange(len(faces)), 3)
    ones = np.ones(faces.size, np.float32)
    return sparse.csr_matrix((ones, (faces.reshape(-1), triangle)), (count, len(faces)))


def _areas(vertices: Array, faces: NDArray[np.int32]) -> Array:
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(second - first, third - first).astype(np.float32)


def _unit(vectors: Array) -> Array:
    return vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-20)
