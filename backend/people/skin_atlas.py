"""Where each texel of the skin's texture lies on the mean head: what skin, make-up and wrinkles are painted by.

MakeHuman's islands of head and body are laid out anew in one square, the head upright above the body, and warped so
that the face gets most of the texels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from backend.capture.correspondence import IRISES, correspondence
from backend.capture.rasteriser import rasteriser
from backend.head.model import SKIN, HeadModel, head_model
from backend.people.scene import Array
from shared.camera import Camera

SIZE = 640  # texels; about 0.4 mm each in the middle of the face
BODY_ROWS = 0.2  # share of the texture for what MakeHuman's texture has below the neck
# The jaw's lower edge from the chin to behind the ears: y and z on the mean head, metres
_JAW_Y = (-0.0985, -0.0885, -0.0798, -0.0675, -0.059, -0.051, -0.0436, -0.036, -0.028, -0.020, -0.005)
_JAW_Z = (-0.1135, -0.1075, -0.1030, -0.0970, -0.093, -0.088, -0.082, -0.075, -0.064, -0.052, -0.050)


@dataclass(frozen=True, eq=False)
class SkinAtlas:
    """The skin's triangles with their own texture coordinates, cut along the jaw's lower edge.

    Args:
        carriers: [N, 3] the head model's vertices behind each of the surface's; islands do not share theirs.
        weights: [N, 3] barycentric; one vertex's own but on the cut.
        uv: [N, 2] texture coordinates, origin bottom left.
        faces: [F, 3] int32.
        is_face: [F] bool, above the jaw's lower edge.
        position: [SIZE, SIZE, 3] metres, where each texel lies on the mean head; the nearest place beside the islands.
        landmarks: [468, 2] mediapipe's landmarks, texels (column, row).
    """

    carriers: NDArray[np.int32]
    weights: Array
    uv: Array
    faces: NDArray[np.int32]
    is_face: NDArray[np.bool_]
    position: Array
    landmarks: Array

    @cached_property
    def surfaces(self) -> tuple[tuple[NDArray[np.int64], NDArray[np.int32]], ...]:
        """Face and body: which of the [N] vertices each needs, and its faces among those."""
        parts = []
        for faces in (self.faces[self.is_face], self.faces[~self.is_face]):
            used, inverse = np.unique(faces, return_inverse=True)
            parts.append((used, inverse.reshape(-1, 3).astype(np.int32)))
        return tuple(parts)

    def polygon(self, landmarks: list[int], blur: float) -> Array:
        """[SIZE, SIZE] 1 inside the outline through these landmarks, its edge softened by ``blur`` texels."""
        mask = np.zeros((SIZE, SIZE), np.float32)
        outline = np.round(self.landmarks[landmarks] * 16).astype(np.int32)
        cv2.fillPoly(mask, [outline], 1.0, lineType=cv2.LINE_AA, shift=4)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur) if blur else mask, np.float32)

    def blob(self, centre: tuple[float, float, float] | Array, radius: float) -> Array:
        """[SIZE, SIZE] a bell of standard deviation ``radius`` metres around a place of the mean head."""
        square = np.square(self.position - np.asarray(centre, np.float32)).sum(axis=-1)
        return np.asarray(np.exp(square * (-0.5 / radius**2)), np.float32)

    def at(self, landmark: int, radius: float) -> Array:
        """A :meth:`blob` around a landmark of the mean head."""
        return self.blob(correspondence().on(head_model().mean)[landmark], radius)


def _magnified(values: NDArray[np.floating], centre: float, low: float, high: float, strength: float) -> NDArray:
    """[low, high] -> [0, 1], stretched about ``centre``."""
    ends = np.arcsinh(strength * (np.array([low, high]) - centre))
    return (np.arcsinh(strength * (values - centre)) - ends[0]) / (ends[1] - ends[0])


def _layout(uv: NDArray[np.floating]) -> NDArray[np.floating]:
    """MakeHuman's texture coordinates [..., 2] -> columns and rows in [0, 1], row 0 on top."""
    u, v = uv[..., 0], uv[..., 1]
    head = u > 0.641
    margin = 0.004
    across = _magnified(v, 0.4853, 0.148, 0.8225, 15.0)
    down = _magnified(u, 0.87, 0.64, 0.9945, 12.0)
    on_head = np.stack([across, (margin + down * (1 - BODY_ROWS - 2 * margin))], axis=-1)
    below = (0.975 - v) / (0.975 - 0.636)
    on_body = np.stack([(u - 0.118) / (0.643 - 0.118), 1 - BODY_ROWS + margin + below * (BODY_ROWS - 2 * margin)], -1)
    laid = np.where(head[..., None], on_head, on_body)
    laid[..., 0] = margin + laid[..., 0] * (1 - 2 * margin)
    return np.asarray(laid)


@lru_cache(maxsize=1)
def skin_atlas() -> SkinAtlas:
    """The atlas of the head model's skin (computed once a process)."""
    model = head_model()
    own = (model.region[model.faces] == SKIN).all(axis=1)
    faces, laid = model.faces[own], _layout(model.uv[own])
    corners = np.concatenate([faces.reshape(-1, 1), np.round(laid.reshape(-1, 2) * 1e5)], axis=1).astype(np.int64)
    kept, index = np.unique(corners, axis=0, return_inverse=True)
    vertex, place = kept[:, 0].astype(np.int32), kept[:, 1:] / 1e5
    uncut = index.reshape(-1, 3).astype(np.int32)
    middle = model.mean[vertex]
    faces_cut, is_face, ends, share = _cut(uncut, middle[:, 2] - np.interp(middle[:, 1], _JAW_Y, _JAW_Z))
    own_weights = np.tile(np.array([1, 0, 0], np.float32), (len(vertex), 1))
    cut_weights = np.stack([1 - share, share, np.zeros_like(share)], axis=1)
    cut_place = place[ends[:, 0]] * (1 - share[:, None]) + place[ends[:, 1]] * share[:, None]
    column, row = np.concatenate([place, cut_place]).T
    return SkinAtlas(
        np.concatenate([np.stack([vertex] * 3, axis=1), vertex[ends[:, [0, 1, 1]]]]),
        np.concatenate([own_weights, cut_weights]).astype(np.float32),
        np.stack([column, 1 - row], axis=1).astype(np.float32),
        faces_cut,
        is_face,
        _positions(model, vertex, place, uncut),
        _landmark_places(faces, laid),
    )


def _cut(
    faces: NDArray[np.int32], height: NDArray[np.floating]
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int32], NDArray[np.floating]]:
    """Triangles cut in two where ``height`` [N] is 0.

    Returns:
        [F, 3] faces, new vertices numbered from N on; [F] which are above; [C, 2] the ends of the edge that each new
        vertex lies on and [C] its way along.
    """
    above = height > 0
    count = above[faces].sum(axis=1)
    crossed = faces[(count == 1) | (count == 2)]
    # the corner that is alone on its side comes first
    alone = above[crossed] == (above[crossed].sum(axis=1) == 1)[:, None]
    turned = np.take_along_axis(crossed, (alone.argmax(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
    first, second, third = turned.T
    edges = np.sort(np.stack([turned[:, [0, 1]], turned[:, [0, 2]]], axis=1).reshape(-1, 2), axis=1)
    ends, index = np.unique(edges, axis=0, return_inverse=True)
    share = height[ends[:, 0]] / (height[ends[:, 0]] - height[ends[:, 1]])
    to_second, to_third = (index.reshape(-1, 2) + len(height)).T
    tips = np.stack([first, to_second, to_third], axis=1)
    rest = np.concatenate([np.stack([to_second, second, third], 1), np.stack([to_second, third, to_third], 1)])
    whole = faces[(count == 0) | (count == 3)]
    parts = np.concatenate([whole, tips, rest]).astype(np.int32)
    is_above = np.concatenate([above[whole[:, 0]], above[first], np.tile(~above[first], 2)])
    return parts, is_above, ends, share


def _positions(
    model: HeadModel, vertex: NDArray[np.int32], place: NDArray[np.floating], faces: NDArray[np.int32]
) -> Array:
    """[SIZE, SIZE, 3] The texture drawn flat, one metre before a camera."""
    camera = Camera(np.diag([SIZE, SIZE, 1.0]), np.eye(4), SIZE, SIZE)
    hits = rasteriser().draw(np.column_stack([place, np.ones(len(place))]), faces, camera, cull_back=False)
    drawn = hits.interpolate(faces, model.mean[vertex])
    nearest = distance_transform_edt(hits.triangle < 0, return_distances=False, return_indices=True)
    return np.asarray(drawn[tuple(nearest)], np.float32)


def _landmark_places(faces: NDArray[np.int32], laid: NDArray[np.floating]) -> Array:
    """[468, 2] texels of the landmarks on skin."""
    found = correspondence()
    index_of = {tuple(sorted(face)): number for number, face in enumerate(faces.tolist())}
    places = np.zeros((IRISES[0], 2), np.float32)
    for landmark in range(IRISES[0]):
        corners = found.vertices[landmark].tolist()
        face = index_of[tuple(sorted(corners))]
        order = [faces[face].tolist().index(corner) for corner in corners]
        places[landmark] = found.weights[landmark] @ laid[face][order]
    return places * SIZE
