"""Widen the fitted head to the outline of the face in the photograph: landmarks fix the features, not the cheeks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import distance_transform_edt

from backend.capture.correspondence import correspondence
from backend.capture.fit import HeadFit
from backend.capture.rasteriser import Hits
from backend.head.model import SKIN, head_model
from backend.head.smooth import smooth_offset

# mediapipe's face oval: these landmarks may slide with the outline, all others hold
OVAL = np.array([10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
                 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109])  # fmt: skip
REACH = 0.02  # metres: skin further from the head model than this is something else, an ear or a hand


def widened(fit: HeadFit, hits: Hits, face: NDArray[np.float32], depth: float) -> NDArray[np.float64]:
    """The neutral head moved so that its outline meets the face's.

    Args:
        fit: the head's fit.
        hits: the head rasterised in ``face``'s picture.
        face: [H, W] mask of the face's skin, 0..1.
        depth: metres from the camera to the head.

    Returns:
        [V, 3] metres, neutral.
    """
    model, marks = head_model(), correspondence()
    on_head = (hits.triangle >= 0) & (model.head_share[model.faces].min(axis=1) > 0.97)[hits.triangle]
    metre = fit.camera.intrinsics[0, 0] / depth
    distance, (rows, columns) = distance_transform_edt(~on_head, return_indices=True)
    beyond = np.argwhere((face > 0.5) & ~on_head & (hits.triangle < 0) & (distance < REACH * metre))
    if not len(beyond):
        return fit.neutral
    edge = np.stack([rows[tuple(beyond.T)], columns[tuple(beyond.T)]], axis=1)
    triangle = hits.triangle[tuple(edge.T)]
    vertex = model.faces[triangle, hits.barycentric[tuple(edge.T)].argmax(axis=1)]
    ear = (np.abs(model.mean[:, 0]) > 0.071) & (model.mean[:, 1] > -0.03)
    usable = (model.region[vertex] == SKIN) & ~ear[vertex]
    beyond, edge, vertex = beyond[usable], edge[usable], vertex[usable]
    pull = np.zeros((len(model.mean), 2))
    length = np.linalg.norm(beyond - edge, axis=1)
    for index in length.argsort():  # the farthest pixel of each vertex stays
        pull[vertex[index]] = (beyond - edge)[index][::-1]
    pulled = np.unique(vertex)
    in_camera = np.concatenate([pull[pulled] / metre, np.zeros((len(pulled), 1))], axis=1)
    head_to_camera = fit.camera.world_to_camera[:3, :3] @ fit.head_to_world[:3, :3]
    held = np.setdiff1d(np.arange(468), OVAL)
    at_pulled = sparse.coo_matrix((np.ones(len(pulled)), (np.arange(len(pulled)), pulled)), (len(pulled), len(pull)))
    places = sparse.vstack([at_pulled, marks.matrix(len(pull))[held]]).tocsr()
    offsets = np.concatenate([in_camera @ head_to_camera, np.zeros((len(held), 3))])
    weight = np.concatenate([np.full(len(pulled), 2.0), np.full(len(held), 2.0)])
    return fit.neutral + smooth_offset(model, places, offsets, weight)
