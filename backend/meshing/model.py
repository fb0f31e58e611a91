"""One mesh on its way into a file, whatever the file's format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Blender's and Limner's Z up, face along -Y  ->  glTF's and OBJ's Y up, face along +Z
Y_UP = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)


@dataclass(frozen=True, eq=False)
class Animation:
    """Motion of a head: at ``fps`` frames a second, [T, 52] shape key values and [T, 4, 4] poses in the world."""

    fps: float
    weights: NDArray[np.float32]
    poses: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Model:
    """A mesh with colours or a texture.

    Args:
        name: what the object is called.
        vertices: [V, 3] float32 metres, Z up, in the object's own frame.
        faces: [F, 3] int32, counter-clockwise seen from outside.
        pose: [4, 4] object's frame to world.
        colors: [V, 3] uint8 sRGB, or ``None`` where there is a texture.
        uv: [F, 3, 2] float32, origin bottom left, with ``texture``.
        texture: [T, T, 3] uint8 sRGB.
        shape_keys: [K, V, 3] float32 offsets at value 1, with ``key_names``.
        key_names: their names.
        weights: [K] values of the shape keys at rest.
        animation: motion, for the formats that carry it.
    """

    name: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    pose: NDArray[np.float64]
    colors: NDArray[np.uint8] | None = None
    uv: NDArray[np.float32] | None = None
    texture: NDArray[np.uint8] | None = None
    shape_keys: NDArray[np.float32] | None = None
    key_names: tuple[str, ...] = ()
    weights: NDArray[np.float32] | None = None
    animation: Animation | None = None

    def still(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[V, 3], [V, 3] Vertices and normals in the world with the shape keys at their values at rest."""
        shaped = self.vertices.astype(np.float64)
        if self.shape_keys is not None and self.weights is not None:
            shaped = shaped + np.tensordot(self.weights.astype(np.float64), self.shape_keys, axes=1)
        world = (shaped @ self.pose[:3, :3].T + self.pose[:3, 3]).astype(np.float32)
        return world, vertex_normals(world, self.faces)

    def vertex_colors(self) -> NDArray[np.uint8]:
        """[V, 3] Colours of the vertices; from the texture where there is one."""
        if self.colors is not None:
            return self.colors
        assert self.uv is not None and self.texture is not None
        where = np.zeros((len(self.vertices), 2))
        where[self.faces.ravel()] = self.uv.reshape(-1, 2)  # one corner of each: colours agree across seams
        height, width = self.texture.shape[:2]
        x = np.clip(where[:, 0] * width - 0.5, 0, width - 1)
        y = np.clip((1 - where[:, 1]) * height - 0.5, 0, height - 1)
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
        fx, fy = (x - left)[:, None], (y - top)[:, None]
        upper = self.texture[top, left] * (1 - fx) + self.texture[top, right] * fx
        lower = self.texture[bottom, left] * (1 - fx) + self.texture[bottom, right] * fx
        return np.round(upper * (1 - fy) + lower * fy).astype(np.uint8)


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """[V, 3] Unit normals, faces weighted by area; straight up for a vertex without faces."""
    corners = vertices[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [
            np.bincount(faces.ravel(), weights=np.repeat(across[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.maximum(length, 1e-30), [0.0, 0.0, 1.0]).astype(np.float32)


def linear(colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear light in 0..1, which glTF's and USD's vertex colours are, from sRGB bytes."""
    value = colors.astype(np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
