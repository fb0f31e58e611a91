"""Where mediapipe's 478 landmarks sit on the head model: ``python -m backend.capture.correspondence``.

The program finds this out by itself: it renders neutral heads of several identities from several sides with painted
eyes, lets mediapipe mark them, carries each mark back to the surface, and keeps the median place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from backend.head.model import EYE, SKIN, TONGUE, HeadModel, head_model
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.camera import Camera

LANDMARKS = 478
IRISES = np.arange(468, 478)
# The rims that touch when the mouth is shut are told apart on an open mouth
INNER_LIPS = np.array([78, 80, 81, 82, 13, 312, 311, 310, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324, 191, 415])
_FILE = Path(__file__).with_name("landmark_correspondence.npz")


@dataclass(frozen=True)
class Correspondence:
    """Landmarks on the head model's surface.

    Args:
        vertices: [478, 3] int32 corners of each landmark's triangle.
        weights: [478, 3] float32 barycentric weights.
        spread: [478] float32 metres, how far single observations lie from it, median.
    """

    vertices: np.ndarray
    weights: np.ndarray
    spread: np.ndarray

    def on(self, attribute: np.ndarray) -> np.ndarray:
        """Carry a per-vertex attribute to the landmarks: [..., V, C] -> [..., 478, C]."""
        return np.einsum("...lkc,lk->...lc", attribute[..., self.vertices, :], self.weights)

    def matrix(self, vertices: int) -> sparse.csr_matrix:
        """[468, V] the same as a matrix, for the landmarks on skin."""
        skin = slice(0, IRISES[0])
        rows = np.repeat(np.arange(IRISES[0]), 3)
        entries = (self.weights[skin].ravel().astype(float), (rows, self.vertices[skin].ravel()))
        return sparse.coo_matrix(entries, (IRISES[0], vertices)).tocsr()


@lru_cache(maxsize=1)
def correspondence() -> Correspondence:
    """The correspondences this module's command wrote."""
    with np.load(_FILE) as data:
        return Correspondence(data["vertices"], data["weights"], data["spread"])


def paint(model: HeadModel, neutral: np.ndarray) -> np.ndarray:
    """[V, 3] sRGB in [0, 1]: skin with painted eyes and tongue, so that a landmarker finds its way."""
    colour = np.tile(np.array([0.78, 0.6, 0.5]), (len(neutral), 1))
    mean = model.mean
    eye = model.region == EYE
    colour[eye] = 0.93
    for side in (-1, 1):
        ball = np.flatnonzero(eye & (mean[:, 0] * side > 0))
        centre = (mean[ball].min(axis=0) + mean[ball].max(axis=0)) / 2
        direction = mean[ball] - centre
        angle = np.degrees(np.arccos(-direction[:, 1] / np.linalg.norm(direction, axis=1)))
        colour[ball[angle < 32]] = (0.25, 0.18, 0.12)
        colour[ball[angle < 12]] = 0.02
    colour[model.region == TONGUE] = (0.6, 0.25, 0.25)
    return colour


def shaded_view(model: HeadModel, neutral: np.ndarray, rotation: np.ndarray, size: int = 640) -> tuple:
    """A painted, lit picture of a head turned by XYZ Euler angles: ([size, size, 3] uint8, ``Hits``)."""
    from backend.capture.rasteriser import rasteriser

    turned = neutral @ Rotation.from_euler("xyz", rotation).as_matrix().T
    camera = Camera(
        np.array([[2.9 * size, 0, size / 2], [0, 2.9 * size, size / 2], [0, 0, 1.0]]),
        np.array([[1, 0, 0, 0], [0, 0, -1, -0.03], [0, 1, 0, 1.1], [0, 0, 0, 1.0]]),
        size,
        size,
    )
    hits = rasteriser().draw(turned, model.faces, camera)
    corners = turned[model.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    vertex_normal = np.zeros_like(turned)
    for corner in range(3):
        np.add.at(vertex_normal, model.faces[:, corner], normal)
    vertex_normal /= np.linalg.norm(vertex_normal, axis=1, keepdims=True) + 1e-12
    light = np.array([0.25, -0.9, 0.35])
    shade = 0.45 + 0.6 * np.clip(vertex_normal @ (light / np.linalg.norm(light)), 0, 1)
    picture = hits.interpolate(model.faces, (paint(model, neutral) * shade[:, None]).astype(np.float32), 0.35)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8), hits


def find() -> Correspondence:
    """Render, let mediapipe look, and take the median over identities and views."""
    from backend.capture.detection import detect_face

    model = head_model()
    places: list[list[np.ndarray]] = [[] for _ in range(LANDMARKS)]
    on_inner_lips = np.isin(np.arange(LANDMARKS), INNER_LIPS)
    jaw = np.zeros(len(ARKIT_NAMES))
    for person, mouth, yaw, pitch in product(range(16), (0.0, 0.4), (-18, -6, 6, 18), (-8, 6)):
        neutral = model.neutral(np.random.default_rng(person).normal(0, 0.6, len(model.identity)) * (person > 0))
        jaw[ARKIT_INDEX["jawOpen"]] = mouth
        picture, hits = shaded_view(model, model.expressed(neutral, jaw), np.radians([pitch, 0, yaw]))
        marks = detect_face(picture).points[:, :2]
        column, row = np.clip(np.floor(marks).astype(int), 0, len(picture) - 1).T
        region = np.where(hits.triangle >= 0, _face_region(model)[hits.triangle], -1)
        for own, members in ((SKIN, np.flatnonzero(on_inner_lips == (mouth > 0))), (EYE, IRISES)):
            # a mark that falls into the gap between lips or lids belongs to the rim beside it
            distance, (rows, columns) = distance_transform_edt(region != own, return_indices=True)
            near = members[distance[row[members], column[members]] < 6]
            at = rows[row[near], column[near]], columns[row[near], column[near]]
            corners = model.mean[model.faces[hits.triangle[at]]]
            for landmark, place in zip(near, np.einsum("nkc,nk->nc", corners, hits.barycentric[at]), strict=True):
                if (landmark >= IRISES[0]) == (own == EYE):
                    places[landmark].append(place)
    median = np.stack([np.median(seen, axis=0) for seen in places])
    spread = [np.median(np.linalg.norm(np.stack(seen) - m, axis=1)) for seen, m in zip(places, median, strict=True)]
    mirrored = median[_landmark_mirror(median)] * (-1, 1, 1)
    return _nearest_on_surface(model, (median + mirrored) / 2, spread)


def _face_region(model: HeadModel) -> np.ndarray:
    """[F] The region all corners of a triangle share, -1 on seams."""
    region = model.region[model.faces].astype(int)
    return np.where((region == region[:, :1]).all(axis=1), region[:, 0], -1)


def _landmark_mirror(places: np.ndarray) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    return linear_sum_assignment(cdist(places * (-1, 1, 1), places))[1]


def _nearest_on_surface(
    model: HeadModel, places: np.ndarray, spread: list[float], samples: int = 1_500_000
) -> Correspondence:
    """Corners and weights of the nearest of many random points on skin or eyeballs, 0.2 mm apart on average."""
    random = np.random.default_rng(0)
    vertices, weights = np.zeros((LANDMARKS, 3), np.int32), np.zeros((LANDMARKS, 3), np.float32)
    for region, members in ((SKIN, np.arange(468)), (EYE, IRISES)):
        faces = model.faces[_face_region(model) == region]
        corners = model.mean[faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        area[corners.mean(axis=1)[:, 1] > -0.03] = 0  # landmarks lie on the front of the head only
        triangle = random.choice(len(faces), samples, p=area / area.sum())
        root, along = np.sqrt(random.random(samples)), random.random(samples)
        barycentric = np.stack([1 - root, root * (1 - along), root * along], axis=1).astype(np.float32)
        _, nearest = cKDTree(np.einsum("nkc,nk->nc", corners[triangle], barycentric)).query(places[members])
        vertices[members], weights[members] = faces[triangle[nearest]], barycentric[nearest]
    return Correspondence(vertices, weights, np.asarray(spread, np.float32))


if __name__ == "__main__":
    found = find()
    np.savez_compressed(_FILE, vertices=found.vertices, weights=found.weights, spread=found.spread)
    print(f"median spread {np.median(found.spread) * 1000:.2f} mm, largest {found.spread.max() * 1000:.2f} mm")
