"""The surface of a signed distance field as a closed triangle mesh, evaluated only where the surface is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from shared.errors import LimnerError
from shared.progress import Progress, part, silent

BLOCK = 8  # cells along the side of a block, the unit that is evaluated or skipped
POINTS_AT_ONCE = 1 << 16
# A block is searched when its middle is this many half-diagonals from the surface; more than 1 because a field of
# several joined bodies may grow faster than the distance. What that misses is found by following the surface.
CAUTION = 1.25
KEPT_AREA = 0.02  # smaller pieces, relative to the largest, are dust

Field = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Mesh = tuple[NDArray[np.float32], NDArray[np.int32]]


def extract(
    field: Field,
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    resolution: int,
    progress: Progress = silent,
) -> Mesh:
    """The zero surface inside a box: [V, 3] float32 vertices and [F, 3] int32 outward triangles.

    Where the box cuts the body the surface is closed with a flat face on the box, so the mesh is watertight. Pieces
    smaller than 2 % of the largest one and hollows inside are left out. Memory grows with the surface, not the volume.

    Args:
        field: [N, 3] points -> [N] signed distance in the same unit, negative inside; always the same at one point.
        low: [3] lower corner of the box.
        high: [3] upper corner.
        resolution: cells along the longest side.
        progress: told after every batch of points.

    Raises:
        LimnerError: ``INTERNAL`` when nothing in the box is inside.
    """
    grid = _Grid(np.asarray(low, np.float64), np.asarray(high, np.float64), resolution)
    values = _near_surface(field, grid, part(progress, 0.0, 0.7))
    pieces = list(_march(grid, values, part(progress, 0.7, 0.95)))
    if not pieces:
        raise LimnerError("INTERNAL", "The avatar has no surface inside its box.", "Make the avatar again.")
    offsets = np.cumsum([0, *(len(vertices) for vertices, _ in pieces)])
    vertices = np.concatenate([vertices for vertices, _ in pieces])
    faces = np.concatenate([faces + offset for (_, faces), offset in zip(pieces, offsets)])
    vertices, faces = _welded(np.clip(vertices, 0, grid.cells), faces)  # the clip flattens the caps onto the box
    progress(0.97, "cleaning the surface")
    return _without_dust((vertices * grid.spacing + grid.low).astype(np.float32), faces)


class _Grid:
    """Nodes 0..cells along each axis lie in the box; one more layer around it is outside by definition."""

    def __init__(self, low: NDArray[np.float64], high: NDArray[np.float64], resolution: int) -> None:
        self.low = low
        self.cells = np.maximum(np.round((high - low) / ((high - low).max() / resolution)).astype(int), 1)
        self.spacing = (high - low) / self.cells
        self.blocks = -(-(self.cells + 2) // BLOCK)  # cells from node -1 to node cells + 1
        self.half_diagonal = float(np.linalg.norm(self.spacing)) * BLOCK / 2

    def values(self, field: Field, nodes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Field at integer nodes [N, 3] (first node of the grid is -1), positive around the box and never near zero."""
        inside = np.all((nodes >= 0) & (nodes <= self.cells), axis=1)
        result = np.full(len(nodes), self.half_diagonal, np.float32)
        if inside.any():
            result[inside] = field((nodes[inside] * self.spacing + self.low).astype(np.float32))
        # a vertex on a node would fold the triangles around it
        least = np.float32(0.02 * self.spacing.min())
        return np.where(np.abs(result) < least, np.where(result < 0, -least, least), result)


def _near_surface(
    field: Field, grid: _Grid, progress: Progress
) -> tuple[NDArray[np.int32], NDArray[np.bool_], list[NDArray[np.float32]]]:
    """Which blocks were evaluated ([X, Y, Z] index into the list, or -1), whether each block is inside, the values."""
    shape = tuple(grid.blocks)
    blocks = np.stack(np.meshgrid(*(np.arange(count) for count in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    middle = np.empty(len(blocks), np.float32)
    for start in range(0, len(blocks), POINTS_AT_ONCE):
        progress(0.1 * start / len(blocks), "looking for the surface")
        # a block half outside the box is judged by its nearest point in it
        nodes = np.clip(blocks[start : start + POINTS_AT_ONCE] * BLOCK - 1 + BLOCK // 2, 0, grid.cells)
        middle[start : start + POINTS_AT_ONCE] = grid.values(field, nodes)
    inside = (middle < 0).reshape(shape)
    edge = np.any((blocks * BLOCK <= 0) | (blocks * BLOCK + BLOCK - 1 >= grid.cells), axis=1)
    wanted = (np.abs(middle) < CAUTION * grid.half_diagonal) | (edge & (middle < 0))
    index = np.full(shape, -1, np.int32)
    values: list[NDArray[np.float32]] = []
    corner = np.stack(np.meshgrid(*[np.arange(BLOCK + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    batch = max(1, POINTS_AT_ONCE // len(corner))
    todo = blocks[wanted]
    done = 0
    while len(todo):
        for start in range(0, len(todo), batch):
            chosen = todo[start : start + batch]
            progress(0.1 + 0.9 * min(1.0, (done + start) / (done + len(todo))), "sampling the surface")
            nodes = (chosen[:, None] * BLOCK - 1 + corner).reshape(-1, 3)
            index[tuple(chosen.T)] = np.arange(len(values), len(values) + len(chosen))
            values.extend(grid.values(field, nodes).reshape(-1, *[BLOCK + 1] * 3))
        done += len(todo)
        todo = _followed(index, inside, values, todo)
    return index, inside, values


def _followed(
    index: NDArray[np.int32], inside: NDArray[np.bool_], values: list[NDArray[np.float32]], fresh: NDArray[np.int64]
) -> NDArray[np.int64]:
    """[N, 3] Blocks not evaluated yet into which the surface leads from freshly evaluated ones."""
    found: set[tuple[int, ...]] = set()
    fresh_values = np.stack([values[index[tuple(block)]] for block in fresh]) < 0
    for axis in range(3):
        for side, step in ((0, -1), (BLOCK, 1)):
            neighbours = fresh.copy()
            neighbours[:, axis] += step
            exists = (neighbours[:, axis] >= 0) & (neighbours[:, axis] < index.shape[axis])
            neighbours, face = neighbours[exists], np.take(fresh_values[exists], side, axis=axis + 1)
            place = tuple(neighbours.T)
            crossing = (face != inside[place][:, None, None]).any(axis=(1, 2)) & (index[place] < 0)
            found.update(map(tuple, neighbours[crossing].tolist()))
    return np.array(sorted(found), np.int64).reshape(-1, 3)


def _march(
    grid: _Grid, found: tuple[NDArray[np.int32], NDArray[np.bool_], list[NDArray[np.float32]]], progress: Progress
) -> list[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Triangles of each layer of blocks, vertices in nodes."""
    index, inside, values = found
    width, depth, layers = (int(count) for count in grid.blocks)
    carried: tuple[NDArray[np.float32], NDArray[np.bool_]] | None = None
    pieces = []
    for layer in range(layers):
        progress(layer / layers, "drawing the surface")
        signs = np.where(inside[:, :, layer], -grid.half_diagonal, grid.half_diagonal).astype(np.float32)
        slab = np.empty((width * BLOCK + 1, depth * BLOCK + 1, BLOCK + 1), np.float32)
        slab[:-1, :-1] = np.repeat(np.repeat(signs, BLOCK, 0), BLOCK, 1)[..., None]
        slab[-1, :-1], slab[:, -1] = slab[-2, :-1], slab[:, -2]
        known = np.zeros(slab.shape, bool)
        for x, y in np.argwhere(index[:, :, layer] >= 0):
            here = np.s_[x * BLOCK : (x + 1) * BLOCK + 1, y * BLOCK : (y + 1) * BLOCK + 1]
            slab[here], known[here] = values[index[x, y, layer]], True
        if carried is not None:  # both layers must see the same numbers in the plane they share
            slab[..., 0] = np.where(carried[1], carried[0], slab[..., 0])
        carried = slab[..., -1].copy(), known[..., -1]
        if slab.min() < 0 < slab.max():
            vertices, faces, _, _ = marching_cubes(slab, 0.0, gradient_direction="descent")
            pieces.append((vertices.astype(np.float64) + (-1, -1, layer * BLOCK - 1), faces.astype(np.int64)))
    return pieces


def _welded(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The same surface with vertices at one place made one and collapsed triangles left out."""
    place = np.round(vertices * 1024).astype(np.int64)  # at most 2 ** 20: three of them fit into one number
    _, first, number = np.unique(place @ (1 << np.array([42, 21, 0])), return_index=True, return_inverse=True)
    faces = number[faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return vertices[first], faces[whole]


def _without_dust(vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> Mesh:
    """Only the pieces that matter, seen from outside, with the vertices they use."""
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(len(vertices),) * 2)
    count, label = connected_components(graph, directed=False)
    corners = vertices[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    piece = label[faces[:, 0]]
    area = np.bincount(piece, weights=np.linalg.norm(across, axis=1), minlength=count)
    volume = np.bincount(
        piece, weights=np.einsum("ij,ij->i", corners[:, 0] - vertices.mean(0), across), minlength=count
    )
    kept = (area >= KEPT_AREA * area.max()) & (volume > 0)
    faces = faces[kept[piece]]
    used, renumbered = np.unique(faces, return_inverse=True)
    return vertices[used], renumbered.reshape(-1, 3).astype(np.int32)
