"""Carrying what is known at some places of a mesh smoothly to all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from backend.head.model import EYE, GUM, SKIN, TEETH, HeadModel


def laplacian(faces: NDArray[np.int32], vertices: NDArray[np.floating] | None, count: int) -> sparse.csr_matrix:
    """[V, V] graph Laplacian of a mesh; edges weigh 4 mm by their length, or all the same without ``vertices``."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    weight = np.ones(len(edges))
    if vertices is not None:
        length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
        weight = 0.004 / length.clip(5e-4)
    graph = sparse.coo_matrix((weight, (edges[:, 0], edges[:, 1])), (count, count)).tocsr()
    graph = graph.maximum(graph.T)
    return (sparse.diags(np.asarray(graph.sum(axis=1)).ravel()) - graph).tocsr()


def smooth_offset(
    model: HeadModel, places: sparse.csr_matrix, offsets: NDArray[np.floating], weight: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Offsets known at places of the head's surface, carried to all of it without creases.

    Args:
        model: the head model; its connectivity keeps upper and lower lip, and lids and eyeball, apart.
        places: [C, V] barycentric weights of the places.
        offsets: [C, 3] metres.
        weight: [C] against smoothness; 6 holds a place nearly fast.

    Returns:
        [V, 3] metres: minimises the squared bi-Laplacian plus the weighted misfit. Eyeballs move with their
        surroundings as a whole, teeth with the lips.
    """
    bending = laplacian(model.faces, model.mean, len(model.mean))
    system = bending.T @ bending + 1e-4 * sparse.identity(len(model.mean))
    system = system + places.T @ sparse.diags(weight) @ places
    offset = splu(system.tocsc()).solve(places.T @ (weight[:, None] * offsets))
    skin = model.region == SKIN
    for side in (1, -1):
        ball = (model.region == EYE) & (model.mean[:, 0] * side > 0)
        offset[ball] = offset[skin & _near(model.mean, model.mean[ball].mean(axis=0), 0.022)].mean(axis=0)
    mouth = np.isin(model.region, (TEETH, GUM))
    front = model.mean[mouth][model.mean[mouth][:, 1].argmin()]
    offset[mouth] = offset[skin & _near(model.mean, front, 0.02)].mean(axis=0)
    return offset


def _near(vertices: NDArray[np.floating], place: NDArray[np.floating], reach: float) -> NDArray[np.bool_]:
    return np.asarray(np.linalg.norm(vertices - place, axis=1) < reach)
