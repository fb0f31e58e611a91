"""Normals and areas of the vertices of a mesh, and how aslant they are seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.camera import Camera


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """[V, 3] unit normals: the faces' area-weighted mean; 0 where a vertex has no face."""
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack(
        [np.bincount(faces.ravel(), np.repeat(normal[:, axis], 3), len(vertices)) for axis in range(3)], axis=1
    )
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-20)


def cosines_of_view(
    vertices: NDArray[np.floating], normals: NDArray[np.floating], camera: Camera
) -> NDArray[np.float64]:
    """[V, 1] cosines of the angles at which a camera sees vertices [V, 3] with unit normals [V, 3]."""
    to_camera = camera.position - vertices
    to_camera /= np.linalg.norm(to_camera, axis=1, keepdims=True)
    return np.asarray((normals * to_camera).sum(axis=1, keepdims=True))


def vertex_areas(vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """[V] area of the faces around each vertex, square metres."""
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return np.asarray(np.bincount(faces.ravel(), np.repeat(area, 3), len(vertices)), np.float64)
