"""The person as a surface: signed distance, colours and the baked texture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from backend.avatars.interface import FrameRequest
from backend.avatars.zera.render import PersonRenderer
from backend.avatars.zera.solid import Solid
from backend.capture.masks_fill import fill_layer
from backend.capture.rasteriser import rasteriser
from backend.head.model import EYE, SKIN
from shared.camera import Camera

TEXTURE_SIZE = 1024


class PersonSurface:
    """A posed person's surfaces as one solid."""

    def __init__(self, renderer: PersonRenderer, request: FrameRequest) -> None:
        region = renderer.person.model.region
        # the walls of mouth and sockets are thinner than any grid: only their colours are taken
        hollow = ~np.isin(region, (SKIN, EYE))
        self._parts = []
        for index, (vertices, faces, colours, visible) in enumerate(renderer.surfaces(request)):
            shown = faces[visible[faces].min(axis=1) > 0.5]
            if len(shown):
                inner = hollow[shown].any(axis=1) if index == 0 else np.zeros(len(shown), bool)
                self._parts.append(Solid(vertices, shown[~inner], colours, shown[inner]))

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Corners of the surfaces' box, 1 cm of room all round."""
        boxes = [part.box for part in self._parts]
        return np.min([low for low, _ in boxes], axis=0) - 0.01, np.max([high for _, high in boxes], axis=0) + 0.01

    def signed_distance(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """[N, 3] -> [N] metres, negative inside any of the surfaces."""
        return np.min([part.signed_distance(points) for part in self._parts], axis=0)

    def colour(self, points: NDArray[np.floating]) -> NDArray[np.uint8]:
        """[N, 3] -> [N, 3] uint8 colour of the nearest surface."""
        found = [part.colour(points) for part in self._parts]
        nearest = np.argmin([distance for distance, _ in found], axis=0)
        colours = np.stack([colour for _, colour in found])[nearest, np.arange(len(points))]
        return (np.clip(colours, 0, 1) * 255 + 0.5).astype(np.uint8)


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
    attributes = renderer.skin.attributes[torch.as_tensor(model.faces[hits.triangle.ravel()[seen]].astype(np.int64))]
    weights = torch.as_tensor(hits.barycentric.reshape(-1, 3)[seen])
    found = (attributes.cpu() * weights[..., None]).sum(dim=1).to(renderer.device)
    colour, *_ = renderer.skin.colour(found, torch.ones(len(found), device=renderer.device), renderer.canvas.at(1.0))
    texture = np.zeros((TEXTURE_SIZE * TEXTURE_SIZE, 3), np.uint8)
    texture[seen] = (colour.clamp(0, 1) * 255 + 0.5).to(torch.uint8).cpu().numpy()
    texture = texture.reshape(TEXTURE_SIZE, TEXTURE_SIZE, 3)
    return fill_layer(texture, (hits.triangle >= 0).astype(np.float32), reach=0.02 * TEXTURE_SIZE)
