"""The person as a surface: signed distance, colours and the baked texture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from backend.avatars.interface import FrameRequest
from backend.avatars.zera.render import PersonRenderer
from backend.capture.rasteriser import rasteriser
from shared.camera import Camera

SAMPLES_PER_SURFACE = 90_000
TEXTURE_SIZE = 1024


class PersonSurface:
    """Oriented samples of a posed person's surfaces, searched for the nearest.

    The surfaces are closed (head and neck) or nearly so; a point is outside when it lies on the outer side of the
    nearest sample of every one of them.
    """

    def __init__(self, renderer: PersonRenderer, request: FrameRequest) -> None:
        self._parts = []
        for vertices, faces, colours, visible in renderer.surfaces(request):
            places, normals, colour = _sampled(vertices, faces, colours, visible)
            if len(places):
                self._parts.append((cKDTree(places), normals, colour))

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Corners of the surfaces' box, 1 cm of room all round."""
        low = np.min([tree.mins for tree, _, _ in self._parts], axis=0)
        high = np.max([tree.maxes for tree, _, _ in self._parts], axis=0)
        return low - 0.01, high + 0.01

    def signed_distance(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """[N, 3] -> [N] metres, negative inside any of the surfaces."""
        union = np.full(len(points), np.inf)
        for tree, normals, _ in self._parts:
            distance, nearest = tree.query(points, k=3, workers=-1)
            offset = points[:, None] - tree.data[nearest]
            side = (offset * normals[nearest]).sum(axis=2).sum(axis=1)
            union = np.minimum(union, np.where(side < 0, -distance[:, 0], distance[:, 0]))
        return union.astype(np.float32)

    def colour(self, points: NDArray[np.floating]) -> NDArray[np.uint8]:
        """[N, 3] -> [N, 3] uint8 colour of the nearest surface."""
        best = np.full(len(points), np.inf)
        out = np.zeros((len(points), 3))
        for tree, _, colours in self._parts:
            distance, nearest = tree.query(points, workers=-1)
            closer = distance < best
            best[closer], out[closer] = distance[closer], colours[nearest[closer]]
        return (np.clip(out, 0, 1) * 255 + 0.5).astype(np.uint8)


def _sampled(vertices: NDArray, faces: NDArray, colours: NDArray, visible: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Places, normals and colours of random points spread evenly over the visible part of a mesh."""
    faces = faces[visible[faces].min(axis=1) > 0.5]
    if not len(faces):
        return np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3))
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1)
    random = np.random.default_rng(0)
    chosen = random.choice(len(faces), SAMPLES_PER_SURFACE, p=area / area.sum())
    root, along = np.sqrt(random.random(len(chosen))), random.random(len(chosen))
    weights = np.stack([1 - root, root * (1 - along), root * along], axis=1)[..., None]
    return (
        (corners[chosen] * weights).sum(axis=1),
        normal[chosen] / area[chosen, None],
        (colours[faces[chosen]] * weights).sum(axis=1),
    )


def bake_texture(renderer: PersonRenderer) -> NDArray[np.uint8]:
    """[1024, 1024, 3] uint8 colours of the head over its texture coordinates, edges continued outward."""
    model = renderer.person.model
    corners = len(model.faces) * 3
    flat = np.zeros((corners, 3))
    flat[:, 0] = model.uv.reshape(-1, 2)[:, 0]
    flat[:, 1] = 1 - model.uv.reshape(-1, 2)[:, 1]
    flat[:, 2] = 1.0
    looking_at_the_plane = Camera(np.diag([TEXTURE_SIZE, TEXTURE_SIZE, 1.0]), np.eye(4), TEXTURE_SIZE, TEXTURE_SIZE)
    faces = np.arange(corners, dtype=np.int32).reshape(-1, 3)
    hits = rasteriser().draw(flat, faces, looking_at_the_plane, cull_back=False)
    seen = np.flatnonzero(hits.triangle.ravel() >= 0)
    attributes = renderer.head_attributes[torch.as_tensor(model.faces[hits.triangle.ravel()[seen]].astype(np.int64))]
    weights = torch.as_tensor(hits.barycentric.reshape(-1, 3)[seen])
    colour, _ = renderer.skin_colour((attributes.cpu() * weights[..., None]).sum(dim=1).to(renderer.device))
    from backend.capture.masks_fill import fill_layer

    texture = np.zeros((TEXTURE_SIZE * TEXTURE_SIZE, 3), np.uint8)
    texture[seen] = (colour.clamp(0, 1) * 255 + 0.5).to(torch.uint8).cpu().numpy()
    texture = texture.reshape(TEXTURE_SIZE, TEXTURE_SIZE, 3)
    return fill_layer(texture, (hits.triangle >= 0).astype(np.float32))
