"""The surface of a signed distance field as a closed triangle mesh, evaluated only where the surface is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from shared.errors import LimnerError
from shared.progress import Progress, part, silent

BLOCK_SIDES = (8, 4, 2)  # cells; blocks near the surface are searched again in halves
FINEST = BLOCK_SIDES[-1]
# A block is searched when its middle is this many half-diagonals from the surface; more than 1 because a field of
# several joined bodies may grow faster than the distance. What that misses is found by following the surface.
CAUTION = 1.25
SLAB = 16  # finest blocks whose triangles are made at once
KEPT_AREA = 0.02  # smaller pieces, relative to the largest, are dust
SECONDS_PER_BATCH = 0.1

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
    smaller than 2 % of the largest one and hollows inside are left out. The field is asked near the surface alone.

    Args:
        field: [N, 3] points -> [N] signed distance in the same unit, negative inside; always the same at one point.
        low: [3] lower corner of the box.
        high: [3] upper corner.
        resolution: cells along the longest side.
        progress: told after every batch of points.

    Raises:
        LimnerError: ``INTERNAL`` when nothing in the box is inside.
    """
    grid = _Grid(field, np.asarray(low, np.float64), np.asarray(high, np.float64), resolution)
    active, inside = _near_surface(grid, part(progress, 0.0, 0.3))
    index, values = _evaluated(grid, active, inside, part(progress, 0.3, 0.85))
    pieces = list(_triangles(grid, index, values, inside, part(progress, 0.85, 0.95)))
    if not pieces:
        raise LimnerError("INTERNAL", "The avatar has no surface inside its box.", "Make the avatar again.")
    offsets = np.cumsum([0, *(len(vertices) for vertices, _ in pieces)])
    vertices = np.concatenate([vertices for vertices, _ in pieces])
    faces = np.concatenate([faces + offset for (_, faces), offset in zip(pieces, offsets)])
    vertices, faces = _welded(np.clip(vertices, 0, grid.cells), faces)  # the clip flattens the caps onto the box
    progress(0.97, "cleaning the surface")
    return _without_dust((vertices * grid.spacing + grid.low).astype(np.float32), faces)


def batches(count: int, stage: str, progress: Progress) -> Iterator[slice]:
    """Slices of 0..count, each as long as about 0.1 s of the caller's work, with progress told before each."""
    start, size = 0, 4096
    while start < count:
        progress(start / count, stage)
        begun = time.perf_counter()
        yield slice(start, min(start + size, count))
        start += size
        speed = SECONDS_PER_BATCH / max(time.perf_counter() - begun, 1e-4)
        size = int(np.clip(size * np.clip(speed, 0.25, 2), 1024, 1 << 17))


class _Grid:
    """Nodes 0..cells along each axis lie in the box; one more layer around it is outside by definition.

    Arrays over the grid begin at node -1. ``blocks`` counts the finest blocks, each owning 2 x 2 x 2 nodes.
    """

    def __init__(self, field: Field, low: NDArray[np.float64], high: NDArray[np.float64], resolution: int) -> None:
        self.field, self.low = field, low
        self.cells = np.maximum(np.round((high - low) / ((high - low).max() / resolution)).astype(int), 1)
        self.spacing = (high - low) / self.cells
        coarsest = -(-(self.cells + 3) // BLOCK_SIDES[0])
        self.blocks = tuple(int(count) for count in coarsest * (BLOCK_SIDES[0] // FINEST))
        self.diagonal = float(np.linalg.norm(self.spacing))
        # a vertex on a node would fold the triangles around it
        self.least = np.float32(0.02 * self.spacing.min())

    def values(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Field at [N, 3] places counted from node -1: positive around the box and never near zero."""
        nodes = places - 1
        inside = np.all((nodes >= 0) & (nodes <= self.cells), axis=1)
        result = np.full(len(nodes), self.diagonal, np.float32)
        if inside.any():
            result[inside] = self.field((nodes[inside] * self.spacing + self.low).astype(np.float32))
        return np.where(np.abs(result) < self.least, np.where(result < 0, -self.least, self.least), result)


def _near_surface(grid: _Grid, progress: Progress) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each of the finest blocks: whether the surface may be in it, and whether its middle is inside."""
    active, inside = np.zeros(grid.blocks, bool), np.zeros(grid.blocks, bool)
    blocks = _lattice(*(count * FINEST // BLOCK_SIDES[0] for count in grid.blocks))
    for level, side in enumerate(BLOCK_SIDES):
        middle = np.empty(len(blocks), np.float32)
        for batch in batches(len(blocks), "looking for the surface", part(progress, level / 3, level / 3 + 1 / 3)):
            # a block half outside the box is judged by its nearest place in it
            middle[batch] = grid.values(np.clip(blocks[batch] * side + side // 2, 1, grid.cells + 1))
        for offset in np.ndindex(*[side // FINEST] * 3):
            inside[tuple((blocks * (side // FINEST) + offset).T)] = middle < 0
        at_box = np.any((blocks * side <= 1) | ((blocks + 1) * side > grid.cells), axis=1)
        near = (np.abs(middle) < CAUTION * grid.diagonal * side / 2) | (at_box & (middle < 0))
        blocks = blocks[near]
        if side > FINEST:
            blocks = (blocks[:, None] * 2 + _lattice(2, 2, 2)).reshape(-1, 3)
    active[tuple(blocks.T)] = True
    return active, inside


def _evaluated(
    grid: _Grid, active: NDArray[np.bool_], inside: NDArray[np.bool_], progress: Progress
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """[X, Y, Z] row of each finest block, or -1, and [N, 2, 2, 2] the values at the nodes it owns.

    Where the sign changes between an evaluated block and one that is not, the surface leads into that one, and it is
    evaluated, too.
    """
    index = np.full(grid.blocks, -1, np.int32)
    found: list[NDArray[np.float32]] = []
    count = 0
    # a cell's far nodes belong to the next blocks
    wanted = binary_dilation(active, np.ones((2, 2, 2), bool), origin=-1)
    while True:
        fresh = np.argwhere(wanted & (index < 0))
        if not len(fresh):
            break
        values = np.empty((len(fresh), 8), np.float32)
        for batch in batches(len(fresh), "sampling the surface", progress if not count else silent):
            nodes = fresh[batch, None] * FINEST + _lattice(2, 2, 2)
            values[batch] = grid.values(nodes.reshape(-1, 3)).reshape(-1, 8)
        index[tuple(fresh.T)] = np.arange(count, count + len(fresh))
        found.append(values.reshape(-1, 2, 2, 2))
        count += len(fresh)
        wanted[:] = False
        for axis in range(3):
            for side, step in ((0, -1), (1, 1)):
                neighbours = fresh.copy()
                neighbours[:, axis] += step
                exists = (neighbours[:, axis] >= 0) & (neighbours[:, axis] < grid.blocks[axis])
                place = tuple(neighbours[exists].T)
                face = np.take(found[-1][exists], side, axis=axis + 1) < 0
                crossed = (face != inside[place][:, None, None]).any(axis=(1, 2))
                wanted[place] |= crossed
    return index, np.concatenate(found) if found else np.empty((0, 2, 2, 2), np.float32)


def _triangles(
    grid: _Grid,
    index: NDArray[np.int32],
    values: NDArray[np.float32],
    inside: NDArray[np.bool_],
    progress: Progress,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Vertices, in nodes from the box's corner, and triangles of one slab of blocks after the other."""
    width, depth, layers = grid.blocks
    for first in range(0, layers, SLAB):
        progress(first / layers, "drawing the surface")
        rows = index[:, :, first : first + SLAB + 1]  # one more layer: its first nodes close the slab
        signs = np.where(inside[:, :, first : first + SLAB + 1], -grid.diagonal, grid.diagonal).astype(np.float32)
        nodes = np.repeat(signs[..., None], 8, axis=-1).reshape(*rows.shape, 2, 2, 2)
        nodes[rows >= 0] = values[rows[rows >= 0]]
        slab = nodes.transpose(0, 3, 1, 4, 2, 5).reshape(width * 2, depth * 2, -1)[:, :, : SLAB * FINEST + 1]
        if slab.min() < 0 < slab.max():
            vertices, faces, _, _ = marching_cubes(slab, 0.0, gradient_direction="descent")
            yield vertices.astype(np.float64) + (-1, -1, first * FINEST - 1), faces.astype(np.int64)


def _lattice(*counts: int) -> NDArray[np.int64]:
    """[N, 3] all whole places of a box."""
    return np.stack(np.meshgrid(*(np.arange(count) for count in counts), indexing="ij"), axis=-1).reshape(-1, 3)


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
