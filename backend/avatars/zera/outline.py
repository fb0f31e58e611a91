"""Fit the head to the outline of the person in the photograph: landmarks fix the features, not cheeks and neck."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import distance_transform_edt

from backend.capture.correspondence import correspondence
from backend.capture.fit import HeadFit
from backend.capture.rasteriser import Hits
from backend.head.model import NECK_BEGINS, SKIN, head_model
from backend.head.smooth import smooth_offset
from shared.camera import Camera

# mediapipe's face oval: these landmarks may slide with the outline, all others hold
OVAL = np.array([10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
                 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109])  # fmt: skip
REACH = 0.02  # metres: skin further from the head model than this is something else, an ear or a hand
FARTHEST = 0.05  # metres: as far as vertices are pulled inwards
PULL = 0.6  # against smoothness: a single pixel must not make a spike
OVERSHOOT = 0.0012  # metres: the matte cuts what stands out, but nothing fills what falls short


def conformed(
    fit: HeadFit,
    world: NDArray[np.float64],
    hits: Hits,
    camera: Camera,
    face: NDArray[np.float32],
    person: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The neutral head moved so that its outline meets the photograph's.

    Args:
        fit: the head's fit.
        world: [V, 3] the head in the photograph.
        hits: the same rasterised.
        camera: its picture is that of ``hits`` and the masks.
        face: [H, W] mask of the face's skin, 0..1.
        person: [H, W] the matte.

    Returns:
        [V, 3] metres, neutral.
    """
    model, marks = head_model(), correspondence()
    metre = camera.intrinsics[0, 0] / camera.world_to_camera[2, 3]
    pull = _outward(hits, face, metre)
    inward = _inward(camera.project(world)[:, :2], person, metre)
    pull[inward.any(axis=1)] = inward[inward.any(axis=1)]
    pulled = np.flatnonzero(pull.any(axis=1))
    if not len(pulled):
        return fit.neutral
    in_camera = np.concatenate([pull[pulled] / metre, np.zeros((len(pulled), 1))], axis=1)
    head_to_camera = camera.world_to_camera[:3, :3] @ fit.head_to_world[:3, :3]
    held = np.setdiff1d(np.arange(468), OVAL)
    at_pulled = sparse.coo_matrix((np.ones(len(pulled)), (np.arange(len(pulled)), pulled)), (len(pulled), len(pull)))
    places = sparse.vstack([at_pulled, marks.matrix(len(pull))[held]]).tocsr()
    offsets = np.concatenate([in_camera @ head_to_camera, np.zeros((len(held), 3))])
    return fit.neutral + smooth_offset(
        model, places, offsets, np.concatenate([np.full(len(pulled), PULL), np.full(len(held), 2.0)])
    )


def _outward(hits: Hits, face: NDArray[np.float32], metre: float) -> NDArray[np.float64]:
    """[V, 2] pixels: outline vertices to the farthest skin beyond them."""
    model = head_model()
    on_head = (hits.triangle >= 0) & (model.head_share[model.faces].min(axis=1) > 0.97)[hits.triangle]
    distance, (rows, columns) = distance_transform_edt(~on_head, return_indices=True)
    beyond = np.argwhere((face > 0.3) & ~on_head & (hits.triangle < 0) & (distance < REACH * metre))
    edge = np.stack([rows[tuple(beyond.T)], columns[tuple(beyond.T)]], axis=1)
    triangle = hits.triangle[tuple(edge.T)]
    vertex = model.faces[triangle, hits.barycentric[tuple(edge.T)].argmax(axis=1)]
    ear = (np.abs(model.mean[:, 0]) > 0.071) & (model.mean[:, 1] > -0.03)
    usable = (model.region[vertex] == SKIN) & ~ear[vertex]
    way, vertex = (beyond - edge)[usable][:, ::-1], vertex[usable]
    length = np.linalg.norm(way, axis=1)
    pull = np.zeros((len(model.mean), 2))
    for index in length.argsort():  # the farthest pixel of each vertex stays
        pull[vertex[index]] = way[index] * (1 + OVERSHOOT * metre / length[index])
    return pull


def _inward(pixels: NDArray[np.float64], person: NDArray[np.float32], metre: float) -> NDArray[np.float64]:
    """[V, 2] pixels: vertices of head and neck that stand outside the person to the person's outline."""
    model = head_model()
    column, row = np.clip(pixels.T, 0, np.array(person.shape[::-1])[:, None] - 1).astype(int)
    distance, (rows, columns) = distance_transform_edt(person < 0.5, return_indices=True)
    outside = (
        (model.head_share > NECK_BEGINS) & (distance[row, column] > 1) & (distance[row, column] < FARTHEST * metre)
    )
    pull = np.zeros((len(model.mean), 2))
    pull[outside] = np.stack([columns[row, column] - column, rows[row, column] - row], axis=1)[outside]
    return pull
