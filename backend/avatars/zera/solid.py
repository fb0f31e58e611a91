"""Inside and outside of a surface that is closed but for gaps, thin rims and hidden parts.

The nearest piece of such a surface does not tell the side: at rims and gaps its normal points anywhere. The winding
number does, and fades smoothly across gaps. On a grid it is the solution of Poisson's equation whose right side is the
divergence of the surface's normals, which the Fourier transform gives at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree

from backend.head.normals import vertex_normals

GRID_CELLS = 112  # along the longest side of the surface
ROOM = 0.2  # free grid on every side, in longest sides, so that the periodic images do not matter
FINEST = 0.002  # metres between samples; finer ones tell nothing new
NEIGHBOURS = 4


class Solid:
    """Signed distance to, and colours of, a triangle mesh.

    Args:
        vertices: [V, 3] metres.
        faces: [F, 3] counter-clockwise seen from outside.
        colours: [V, 3] in 0..1.
        lining: [G, 3] faces that lend their colours alone: where they are nearest, the surface shows them.
    """

    def __init__(self, vertices: NDArray, faces: NDArray, colours: NDArray, lining: NDArray) -> None:
        low, high = vertices[faces].min(axis=(0, 1)), vertices[faces].max(axis=(0, 1))
        extent = float((high - low).max())
        self._cell = extent / GRID_CELLS
        self._low = low - ROOM * extent
        size = [
            fft.next_fast_len(int(np.ceil(side / self._cell)), real=True) for side in high - low + 2 * ROOM * extent
        ]
        fine = max(0.6 * self._cell, FINEST)
        attributes = np.concatenate([vertices, vertex_normals(vertices, faces), colours], axis=1)
        corners = _subdivided(attributes[faces], fine)
        middles = corners.mean(axis=1)
        self._tree = cKDTree(middles[:, :3])
        self._normals = middles[:, 3:6] / np.maximum(np.linalg.norm(middles[:, 3:6], axis=1, keepdims=True), 1e-12)
        coloured = np.concatenate([middles, _subdivided(attributes[lining], fine).mean(axis=1)])
        self._colour_tree, self._colours = cKDTree(coloured[:, :3]), coloured[:, 6:]
        across = np.cross(corners[:, 1, :3] - corners[:, 0, :3], corners[:, 2, :3] - corners[:, 0, :3]) / 2
        places = (middles[:, :3] - self._low) / self._cell
        self._winding = _winding_numbers(places, across / self._cell**2, size)
        empty = np.ones(size, bool)
        empty[tuple(np.round(places).astype(int).T)] = False
        self._rough = (distance_transform_edt(empty) * self._cell).astype(np.float32)

    @property
    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner of the surface, metres."""
        return self._tree.mins, self._tree.maxes

    def signed_distance(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """[N, 3] -> [N] metres, negative inside; exact near the surface, within a cell elsewhere."""
        places = ((points - self._low) / self._cell).T
        winding = map_coordinates(self._winding, places, order=1, mode="nearest")
        rough = map_coordinates(self._rough, places, order=1, mode="nearest")
        limits = np.array(self._rough.shape)[:, None] - 1
        beyond = np.linalg.norm(places - np.clip(places, 0, limits), axis=0) * self._cell
        result = (rough + beyond) * np.where(winding > 0.5, -1, 1)
        near = np.flatnonzero(rough + beyond < 2 * self._cell)
        if len(near):
            result[near] = self._near(points[near], winding[near])
        return result.astype(np.float32)

    def _near(self, points: NDArray[np.floating], winding: NDArray[np.floating]) -> NDArray[np.float64]:
        distance, nearest, weight = _neighbours(self._tree, points)
        normals = self._normals[nearest]
        height = ((points[:, None] - self._tree.data[nearest]) * normals).sum(axis=2)
        height = (height * weight).sum(axis=1)
        agreement = np.linalg.norm((normals * weight[..., None]).sum(axis=1), axis=1)
        # where the surface is flat and near, its tangent plane is exact; at rims and gaps the winding number decides
        flat = (agreement > 0.9) & (distance[:, 0] < 2 * self._cell) & (np.abs(winding - 0.5) < 0.4)
        flat |= (height > 0) == (winding < 0.5)
        side = np.where(winding > 0.5, -1.0, 1.0)
        unsure = (0.5 - winding) * 2 * self._cell
        sharp = np.where(np.abs(winding - 0.5) < 0.25, unsure, side * distance[:, 0])
        return np.where(flat & (agreement > 0.7), height, sharp)

    def colour(self, points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[N, 3] -> [N] distance to the surface in metres, [N, 3] its colour there in 0..1."""
        distance, nearest, weight = _neighbours(self._colour_tree, points)
        return distance[:, 0], (self._colours[nearest] * weight[..., None]).sum(axis=1)


def _neighbours(tree: cKDTree, points: NDArray[np.floating]) -> tuple[NDArray, NDArray, NDArray]:
    """Distances [N, K] and indices [N, K] of the nearest samples, and weights that sum to 1."""
    distance, nearest = tree.query(points, k=NEIGHBOURS, workers=-1)
    weight = np.exp(-((distance / (distance[:, :1] + 0.5 * FINEST)) ** 2))
    return distance, nearest, weight / weight.sum(axis=1, keepdims=True)


def _subdivided(corners: NDArray, longest: float) -> NDArray:
    """[F, 3, C] triangles, each split into four until no edge is longer than ``longest``; C begins with the place."""
    done = []
    while len(corners):
        edges = np.linalg.norm(corners[..., :3] - np.roll(corners, -1, axis=1)[..., :3], axis=2).max(axis=1)
        done.append(corners[edges <= longest])
        rest = corners[edges > longest]
        middles = (rest + np.roll(rest, -1, axis=1)) / 2  # of edges 01, 12, 20
        corners = np.concatenate(
            [middles, *(np.stack([rest[:, i], middles[:, i], middles[:, i - 1]], axis=1) for i in range(3))]
        )
    return np.concatenate([*done, corners])


def _winding_numbers(places: NDArray, areas: NDArray, size: list[int]) -> NDArray[np.float32]:
    """Winding number at the nodes of a grid, from surface elements at ``places`` [N, 3] with normals times ``areas``.

    Both are in cells. A band about two cells wide around the surface carries the values between 0 and 1.
    """
    base = np.floor(places).astype(np.int64)
    part = places - base
    field = np.zeros((3, *size), np.float32)
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        flat = np.ravel_multi_index(tuple((base + corner).T), size)
        for axis in range(3):
            field[axis].ravel()[:] += np.bincount(flat, areas[:, axis] * weight, field[axis].size).astype(np.float32)
    steps = [fft.fftfreq(size[0]), fft.fftfreq(size[1]), fft.rfftfreq(size[2])]
    frequencies = np.ix_(*(2 * np.pi * step.astype(np.float32) for step in steps))
    spectrum = sum(1j * k * fft.rfftn(field[axis], workers=-1) for axis, k in enumerate(frequencies))
    square = sum(k**2 for k in frequencies)
    square[0, 0, 0] = 1  # the mean is set below
    winding = fft.irfftn(spectrum / square, s=size, workers=-1).astype(np.float32)
    return winding - np.median(np.concatenate([winding[0].ravel(), winding[-1].ravel()]))
