"""Reliefs: what the person mask shows and the head model does not (hair, ears, clothes), inflated to closed shells.

A shell is a front and a back sheet over the photograph's grid. With f = (rim depth - depth)^2, the rim at the outline
being where front and back meet, a Poisson equation for f gives round profiles: f is zero at the outline, the head
model's own where that lies beneath, and curved by a constant in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from shared.camera import Camera

MOST_HEIGHT = 0.25  # metres


@dataclass(frozen=True)
class Shell:
    """A closed surface in the head frame of the photograph's head, bound to the head model.

    Args:
        vertices: [N, 3] metres; the first half is the front sheet, the second the back sheet.
        faces: [F, 3] int32, counter-clockwise seen from outside.
        head_share: [N] how much of the head's motion a vertex takes, 0..1.
        bound_to: [N] int32 the head model's vertex whose facial motion it follows,
        bound_weight: [N] and by how much, 0..1.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    head_share: NDArray[np.float32]
    bound_to: NDArray[np.int32]
    bound_weight: NDArray[np.float32]


def inflate(
    domain: NDArray[np.bool_],
    outline: NDArray[np.bool_],
    known: NDArray[np.float64],
    trust: NDArray[np.float64],
    cell: float,
    bulge: float,
) -> NDArray[np.float64]:
    """Depth of a sheet over a grid.

    Args:
        domain: [H, W] where the sheet is.
        outline: [H, W] where the sheet meets the rim, inside the domain.
        known: [H, W] metres in front of the rim, where something tells it.
        trust: [H, W] how strongly, 0 where nothing does.
        cell: side of a grid cell in metres at the rim.
        bulge: curvature; a strip of half-width w rises sqrt(bulge) * w.

    Returns:
        [H, W] metres in front of the rim, 0 outside the domain.
    """
    index = np.full(domain.shape, -1)
    index[domain] = np.arange(domain.sum())
    count = int(domain.sum())
    pairs = []
    for shift in ((0, 1), (1, 0)):
        here = index[: domain.shape[0] - shift[0], : domain.shape[1] - shift[1]]
        there = index[shift[0] :, shift[1] :]
        both = (here >= 0) & (there >= 0)
        pairs.append(np.stack([here[both], there[both]]))
    first, second = np.concatenate(pairs, axis=1)
    graph = sparse.coo_matrix((np.ones(len(first)), (first, second)), (count, count))
    graph = graph + graph.T
    laplacian = sparse.diags(np.asarray(graph.sum(axis=1)).ravel()) - graph
    weight = trust[domain] + 10.0 * outline[domain]
    target = np.where(outline[domain], 0.0, known[domain] ** 2 * np.sign(known[domain]))
    right = weight * target + 2 * bulge * cell**2
    # a part that touches neither the rim nor anything known lies flat
    solution = spsolve((laplacian + sparse.diags(weight + 1e-4)).tocsc(), right)
    out = np.zeros(domain.shape)
    out[domain] = np.sqrt(np.clip(solution, 0, MOST_HEIGHT**2))
    return out


def shell(
    domain: NDArray[np.bool_],
    front: NDArray[np.float64],
    back: NDArray[np.float64],
    pixels: NDArray[np.float64],
    camera: Camera,
    world_to_head: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Vertices and faces of the closed shell between two depth maps.

    Args:
        domain: [H, W] the grid's nodes that belong to it.
        front, back: [H, W] metres along the camera's axis.
        pixels: [H, W, 2] each node's place in the camera's picture.
        camera: the photograph's.
        world_to_head: [4, 4].

    Returns:
        [2 N, 3] float32 head frame, front sheet then back sheet; [F, 3] int32.
    """
    index = np.full(domain.shape, -1)
    count = int(domain.sum())
    index[domain] = np.arange(count)
    corners = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1)
    quads = corners[(corners >= 0).all(axis=-1)]
    # seen from the camera rows run down: this order is counter-clockwise on the front sheet
    sheet = np.concatenate([quads[:, [0, 3, 2]], quads[:, [0, 2, 1]]])
    faces = np.concatenate([sheet, sheet[:, ::-1] + count])
    sheets = [unprojected(pixels[domain], depth[domain], camera, world_to_head) for depth in (front, back)]
    return np.concatenate(sheets), faces.astype(np.int32)


def unprojected(
    pixels: NDArray[np.float64], depth: NDArray[np.float64], camera: Camera, world_to_head: NDArray[np.float64]
) -> NDArray[np.float32]:
    """[N, 3] the places in the head frame that a camera sees at pixels [N, 2], [N] metres along its axis.

    Args:
        pixels, depth: what it sees.
        camera: the photograph's.
        world_to_head: [4, 4].
    """
    rays = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1) @ np.linalg.inv(camera.intrinsics).T
    to_head = world_to_head @ np.linalg.inv(camera.world_to_camera)
    return np.asarray((rays * depth[:, None]) @ to_head[:3, :3].T + to_head[:3, 3], np.float32)


def bind(
    vertices: NDArray[np.float32], surface: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """For each vertex the nearest vertex of ``surface`` [V, 3] and exp(-(distance / reach)^2)."""
    distance, nearest = cKDTree(surface).query(vertices)
    return nearest.astype(np.int32), np.exp(-((distance / reach) ** 2)).astype(np.float32)
