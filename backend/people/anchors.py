"""Points on the head model's surface that find their place on anybody's body: what clothes and glasses fit to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.people.scene import Array


@dataclass(frozen=True, eq=False)
class Anchors:
    """Points on triangles of the head model.

    Args:
        index: [..., 3] vertices of the head model.
        weights: [..., 3] barycentric, summing to 1.
    """

    index: NDArray[np.int64]
    weights: Array

    def on(self, values: NDArray[np.floating]) -> Array:
        """[6931, C] or [6931] values of the head model's vertices -> [..., C] or [...] of the points."""
        picked = values[self.index]
        weights = self.weights if values.ndim == 1 else self.weights[..., None]
        return np.asarray((picked * weights).sum(axis=self.index.ndim - 1), np.float32)


def cast(
    origin: NDArray[np.floating],
    directions: NDArray[np.floating],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    last: bool = False,
) -> Anchors:
    """Where rays from one point first, or ``last``, meet a surface (Möller and Trumbore, 1997).

    Args:
        origin: [3].
        directions: [N, 3].
        vertices: [V, 3].
        faces: [F, 3].

    Raises:
        ValueError: a ray meets nothing.
    """
    corner = vertices[faces].astype(np.float64)
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    aside = np.asarray(origin, np.float64) - corner[:, 0]
    # the algorithm's triple products, written as matrix products over all pairs of ray and triangle
    across, left, right = np.cross(second, first).T, np.cross(second, aside).T, np.cross(aside, first).T
    height = (second.T * right).sum(axis=0)
    index, weights = [], []
    for rays in np.array_split(np.asarray(directions, np.float64), max(1, len(directions) // 128)):
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 1 / (rays @ across)
            u, v, distance = (rays @ left) * scale, (rays @ right) * scale, height * scale
            hit = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & (distance > 0)
        distance[~hit] = -np.inf if last else np.inf
        met = distance.argmax(axis=1) if last else distance.argmin(axis=1)
        row = np.arange(len(rays))
        if not np.isfinite(distance[row, met]).all():
            raise ValueError(f"{np.isinf(distance[row, met]).sum()} rays meet no triangle")
        u, v = u[row, met], v[row, met]
        index.append(faces[met])
        weights.append(np.stack([1 - u - v, u, v], axis=1))
    return Anchors(np.concatenate(index).astype(np.int64), np.concatenate(weights).astype(np.float32))
