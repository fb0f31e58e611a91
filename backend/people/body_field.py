"""The space around the mean body, in which hair grows; what grows there is carried over to a person's own body.

Distances, normals and neighbours are looked up on a grid that is computed once a process. A person differs from the
mean by a smooth displacement, so hair that clears the mean body all but clears the person's; a last correction against
the person's own surface does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from backend.head.model import SKIN, head_model
from backend.head.normals import vertex_normals
from backend.people.scene import Array

_LOW, _HIGH = np.array([-0.30, -0.26, -0.42]), np.array([0.30, 0.26, 0.26])  # metres that the grids span
_SPACING = 0.005  # of the distance grid
_COARSE = 0.025  # of the displacement grid


def unit(vectors: Array) -> Array:
    """[..., 3] vectors of length one; 0 stays 0."""
    return vectors / np.maximum(np.sqrt(np.einsum("...c,...c->...", vectors, vectors))[..., None], 1e-9)


@lru_cache(maxsize=1)
def skin_faces() -> NDArray[np.int32]:
    """[F, 3] the triangles of the head model's skin."""
    model = head_model()
    return model.faces[(model.region[model.faces] == SKIN).all(axis=1)].astype(np.int32)


def skin_normals(vertices: Array) -> Array:
    """[V, 3] unit normals of the skin of a head model with these vertices; 0 off the skin."""
    return vertex_normals(vertices, skin_faces()).astype(np.float32)


@dataclass(frozen=True, eq=False)
class BodyField:
    """The surroundings of the mean body on a grid of 5 mm.

    Args:
        shape: nodes along x, y and z.
        plane: [N, 4] unit normal out of the body, and what the signed distance of a point p exceeds normal . p by.
        vertex: [N] the nearest skin vertex.
        share: [N] its share of the head's turn, smoothed.
        carried: [M, V] the displacement of M coarse nodes from that of the vertices.
        coarse_shape: the coarse nodes along x, y and z.
    """

    shape: tuple[int, ...]
    plane: Array
    vertex: NDArray[np.int32]
    share: Array
    carried: csr_matrix
    coarse_shape: tuple[int, ...]

    def node(self, points: Array) -> NDArray[np.int64]:
        """[..., 3] metres -> [...] index of the nearest node."""
        index = np.zeros(points.shape[:-1], np.int64)
        for axis, count in enumerate(self.shape):
            place = (points[..., axis] - np.float32(_LOW[axis] - _SPACING / 2)) * np.float32(1 / _SPACING)
            index = index * count + np.minimum(np.maximum(place, 0), np.float32(count - 1)).astype(np.int32)
        return index

    def clearance(self, points: Array) -> tuple[Array, Array]:
        """Signed distance [...] in metres and normal [..., 3] at points [..., 3], by the nearest node's plane."""
        plane = self.plane[self.node(points)]
        normal = plane[..., :3]
        return np.einsum("...c,...c->...", points, normal) + plane[..., 3], normal

    def pushed_out(self, points: Array, least: Array | float) -> Array:
        """Points [..., 3] moved along the normal to a distance of ``least`` metres where they are nearer."""
        distance, normal = self.clearance(points)
        return points + normal * np.maximum(least - distance, 0)[..., None]


@dataclass(frozen=True, eq=False)
class PersonalSpace:
    """Carries what grew around the mean body over to a person's.

    Args:
        field: of the mean body.
        neutral: [V, 3] the person at rest.
        normals: [V, 3] of the person's skin.
    """

    field: BodyField
    neutral: Array
    normals: Array

    @cached_property
    def _displacement(self) -> torch.Tensor:
        moved = self.field.carried @ (self.neutral - head_model().mean)
        grid = moved.reshape(*self.field.coarse_shape, 3).astype(np.float32)
        return torch.from_numpy(grid).permute(3, 2, 1, 0)[None].contiguous()

    def displacement(self, points: Array) -> Array:
        """[..., 3] metres around the mean body -> [..., 3] how far the person's body is from there."""
        span = (np.array(self.field.coarse_shape) - 1) * _COARSE
        place = ((points - _LOW) * (2 / span) - 1).astype(np.float32).reshape(1, -1, 1, 1, 3)
        sampled = torch.nn.functional.grid_sample(
            self._displacement, torch.from_numpy(place), padding_mode="border", align_corners=True
        )
        return sampled.reshape(3, -1).numpy().T.reshape(points.shape)

    def carry(self, points: Array, roots: Array, least: Array | float) -> Array:
        """Strands around the mean body become strands on the person.

        Args:
            points: [S, P, 3] metres, around the mean body.
            roots: [S, 3] where they grow on the person; the difference fades along the strand.
            least: [S, P] or one: metres from the person's skin that they keep.
        """
        moved = points + self.displacement(points)
        fade = np.linspace(1, 0, points.shape[1], dtype=np.float32)[None, :, None] ** 2
        moved = moved + (roots - moved[:, 0])[:, None] * fade
        nearest = self.field.vertex[self.field.node(points)]
        normal = self.normals[nearest]
        height = np.einsum("spc,spc->sp", moved - self.neutral[nearest], normal)
        lack = np.maximum(least - height, 0)
        lack[:, 0] = 0
        return (moved + normal * lack[..., None]).astype(np.float32)


def _surface_samples() -> tuple[Array, Array, NDArray[np.int32]]:
    """Points all over the mean skin, their normals and nearest vertices."""
    model, faces = head_model(), skin_faces()
    normals = skin_normals(model.mean)
    weights = np.array([(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]) / 4
    points = np.einsum("kw,fwc->fkc", weights, model.mean[faces]).reshape(-1, 3)
    directions = unit(np.einsum("kw,fwc->fkc", weights, normals[faces]).reshape(-1, 3))
    return points, directions, faces[:, weights.argmax(axis=1)].reshape(-1)


@lru_cache(maxsize=1)
def body_field() -> BodyField:
    """The field of the head model's mean body."""
    model = head_model()
    points, directions, vertex = _surface_samples()
    shape = tuple(int(count) for count in np.rint((_HIGH - _LOW) / _SPACING) + 1)
    place = (points - _LOW) / _SPACING
    cell = np.rint(place).astype(int)
    # of the points in a cell the one nearest to its middle is written last
    order = np.linalg.norm(place - cell, axis=1).argsort()[::-1]
    owner = np.full(shape, -1, np.int32)
    owner[tuple(cell[order].T)] = order
    nearest_cell = distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
    nearest = owner[nearest_cell[0], nearest_cell[1], nearest_cell[2]].ravel()
    axes = [np.arange(count) * _SPACING + low for count, low in zip(shape, _LOW)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    away = nodes - points[nearest]
    sign = np.where(np.einsum("nc,nc->n", away, directions[nearest]) < 0, -1.0, 1.0)
    distance = gaussian_filter((sign * np.linalg.norm(away, axis=1)).reshape(shape), 0.7)
    normal = unit(np.stack(np.gradient(gaussian_filter(distance, 1.0), _SPACING), axis=-1).reshape(-1, 3))
    offset = distance.ravel() - np.einsum("nc,nc->n", nodes, normal)
    share = gaussian_filter(model.head_share[vertex[nearest]].reshape(shape), 2.0)
    coarse_shape = tuple(int(count) for count in np.ceil((_HIGH - _LOW) / _COARSE) + 1)
    return BodyField(
        shape,
        np.concatenate([normal, offset[:, None]], axis=1).astype(np.float32),
        vertex[nearest].astype(np.int32),
        share.ravel().astype(np.float32),
        _carried(coarse_shape),
        coarse_shape,
    )


def _carried(shape: tuple[int, ...]) -> csr_matrix:
    """[M, V] weights of the nearest skin vertices for every coarse node, smooth from node to node."""
    model = head_model()
    skin = np.unique(skin_faces())[::3]
    axes = [np.arange(count) * _COARSE + low for count, low in zip(shape, _LOW)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    away, neighbour = cKDTree(model.mean[skin]).query(nodes, k=12)
    reach = 0.012 + 0.4 * away[:, :1]
    weight = np.exp(-(away**2 - away[:, :1] ** 2) / (2 * reach**2))
    weight /= weight.sum(axis=1, keepdims=True)
    start = np.arange(len(nodes) + 1) * away.shape[1]
    return csr_matrix((weight.ravel(), skin[neighbour].ravel(), start), shape=(len(nodes), len(model.mean)))
