"""The sheet that garments are cut from: the head model's neck, chest and arms, finer, with a tailor's coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from backend.head.model import SKIN, head_model
from backend.people.limbs import SHOULDER, arm_axis, extension, open_edges
from backend.people.panels import unfold
from backend.people.scene import Array
from backend.people.yoke import base_elevation, yoke


@dataclass(frozen=True, eq=False)
class ClothBase:
    """The sheet on the mean body.

    Args:
        mean: [V, 3] metres.
        blend: [V, 6931] takes anybody's vertices to the sheet's ...
        shift: [V, 3] ... before this is added, which carries it on below the model's ends.
        faces: [F, 3].
        normal_sum: [V, F] adds up the normals of a vertex's triangles.
        average: [V, V] the mean of a vertex and its neighbours.
        share: [V] of the head's turn.
        azimuth: [V] and ...
        way: [V] as :class:`backend.people.yoke.Yoke` gives them.
        sleeve: [V] metres down the arm from the shoulder joint, far below 0 on the torso.
        front: [V] above 0 on the front panel, below on the back.
        panels: [V, 4] flat places in metres, on the front panel and on the back panel.
    """

    mean: Array
    blend: csr_matrix
    shift: Array
    faces: NDArray[np.int32]
    normal_sum: csr_matrix
    average: csr_matrix
    share: Array
    azimuth: Array
    way: Array
    sleeve: Array
    front: Array
    panels: Array

    def points(self, neutral: NDArray[np.floating]) -> Array:
        """[6931, 3] somebody's neutral body -> [V, 3] the sheet on their skin."""
        return np.asarray(self.blend @ neutral.astype(np.float32) + self.shift, np.float32)

    def normals(self, points: Array) -> Array:
        """[V, 3] -> [V, 3] unit normals of the sheet."""
        corner = points[self.faces]
        total = self.normal_sum @ np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        return np.asarray(total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12), np.float32)

    def smoothed(self, values: Array, rounds: int) -> Array:
        """[V, C] -> [V, C] averaged over neighbours so many times."""
        for _ in range(rounds):
            values = self.average @ values
        return values


def _refined(faces: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split every triangle into four: [E, 2] edges whose middles follow the old vertices, and [4F, 3]."""
    count = int(faces.max()) + 1
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, place = np.unique(edges, axis=0, return_inverse=True)
    ab, bc, ca = (place.reshape(-1, 3) + count).T
    a, b, c = faces.T
    parts = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return unique, np.concatenate([np.stack(part, axis=1) for part in parts])


@lru_cache(maxsize=1)
def cloth_base() -> ClothBase:
    """The sheet of the head model (about a second, once a process)."""
    model = head_model()
    origin, shift, added = extension()
    source = np.concatenate([np.arange(len(model.mean)), origin])
    shift = np.concatenate([np.zeros((len(model.mean), 3)), shift])
    mean = model.mean[source] + shift
    azimuth, way = yoke().locate(mean)
    away = mean - np.array([0.0, 0.02, -0.2])
    elevation = np.arctan2(away[:, 2], np.hypot(away[:, 0], away[:, 1]))
    below = (elevation < base_elevation(azimuth) + np.radians(12)) & (model.region[source] == SKIN)
    faces = np.concatenate([model.faces, added])
    faces = faces[below[faces].all(axis=1)]
    used, faces = np.unique(faces, return_inverse=True)
    edges, faces = _refined(faces.reshape(-1, 3))

    count, total = len(used), len(used) + len(edges)
    rows = np.concatenate([np.arange(count), np.repeat(np.arange(count, total), 2)])
    columns = np.concatenate([np.arange(count), edges.reshape(-1)])
    weights = np.concatenate([np.ones(count), np.full(2 * len(edges), 0.5)]).astype(np.float32)
    split = csr_matrix((weights, (rows, columns)), shape=(total, count))
    pick = csr_matrix((np.ones(count, np.float32), (np.arange(count), source[used])), shape=(count, len(model.mean)))

    ring = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    neighbours = csr_matrix((np.ones(len(ring), np.float32), (ring[:, 0], ring[:, 1])), shape=(total, total))
    neighbours = ((neighbours + neighbours.T) > 0).astype(np.float32)
    rim = np.unique(open_edges(faces))
    keep = np.ones(total, np.float32)
    keep[rim] = 0  # the rim does not shrink
    neighbours = diags(keep) @ neighbours + diags(np.ones(total, np.float32))
    average = diags(1 / np.asarray(neighbours.sum(axis=1)).ravel()) @ neighbours
    of_vertex = csr_matrix(
        (np.ones(faces.size, np.float32), (faces.ravel(), np.repeat(np.arange(len(faces)), 3))),
        shape=(total, len(faces)),
    )

    fine = np.asarray(split @ mean[used])
    corner = fine[faces]
    normal = of_vertex @ np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    front = -normal[:, 1] - 0.25 * normal[:, 2]
    for _ in range(6):
        front = average @ front
    azimuth, way = yoke().locate(fine)
    along = ((fine - SHOULDER * np.stack([np.sign(fine[:, 0]), *np.ones((2, total))], 1)) * arm_axis(fine[:, 0])).sum(1)
    # beside the chest hangs the arm: a plane through the armpit, leaning with the arm, parts them
    parting = np.abs(fine[:, 0]) - (0.165 + 0.33 * np.maximum(-0.26 - fine[:, 2], 0))
    sleeve = np.where(parting > 0, along, -1.0)
    panels = [unfold(fine, faces, side) for side in (front > -0.3, front < 0.3)]
    return ClothBase(
        fine.astype(np.float32),
        (split @ pick).tocsr(),
        np.asarray(split @ shift[used], np.float32),
        faces.astype(np.int32),
        of_vertex,
        average.tocsr().astype(np.float32),
        np.asarray(split @ model.head_share[source[used]], np.float32),
        azimuth,
        way,
        sleeve.astype(np.float32),
        front.astype(np.float32),
        np.concatenate(panels, axis=1).astype(np.float32),
    )
