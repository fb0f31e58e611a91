"""Pictures of a person with all their maps. (Thin first version: Lambert shading of the rasteriser's hits.)"""

from __future__ import annotations

import cv2
import numpy as np

from backend.capture.pncc import pncc
from backend.capture.rasteriser import rasteriser
from backend.people.posing import posed_head, posed_strands, posed_surface
from backend.people.scene import Array, Layer, Person, Picture, Shot, Strands


def _ribbons(strands: Strands, points: Array, eye: Array) -> tuple[Array, np.ndarray, Array]:
    """Quads of strands turned towards the camera: vertices, faces, colours."""
    along = np.gradient(points, axis=1)
    across = np.cross(along, eye - points)
    across /= np.linalg.norm(across, axis=-1, keepdims=True) + 1e-12
    across *= strands.half_width[..., None]
    vertices = np.stack([points - across, points + across], axis=2)
    count, length = points.shape[:2]
    start = np.arange(count)[:, None] * length * 2 + np.arange(length - 1)[None] * 2
    corners = np.array([[0, 2, 1], [1, 2, 3]])
    faces = (start[..., None, None] + corners).reshape(-1, 3)
    return vertices.reshape(-1, 3), faces, np.repeat(strands.colour.reshape(-1, 3), 2, axis=0)


def render(person: Person, shot: Shot) -> Picture:
    """Render one shot."""
    head, movement = posed_head(person, shot)
    camera = shot.camera
    parts = []
    for surface in person.surfaces:
        colour = surface.colour
        if surface.texture is not None and surface.uv is not None:
            size = surface.texture.shape[0]
            at = np.clip((surface.uv * [1, -1] + [0, 1]) * (size - 1), 0, size - 1).round().astype(int)
            colour = colour * surface.texture[at[:, 1], at[:, 0]] / 255
        parts.append((posed_surface(surface, movement, shot), surface.faces, colour, surface.layer))
    for strands in person.strands:
        points = posed_strands(strands, movement, shot)
        parts.append((*_ribbons(strands, points, camera.position.astype(np.float32)), strands.layer))
    offsets = np.cumsum([0, *(len(part[0]) for part in parts)])
    vertices = np.concatenate([part[0] for part in parts])
    faces = np.concatenate([part[1] + offset for part, offset in zip(parts, offsets)])
    colour = np.concatenate([part[2] for part in parts])
    layer = np.concatenate([np.full(len(part[1]), int(part[3])) for part in parts])
    hits = rasteriser().draw(vertices, faces, camera, cull_back=False)
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    smooth = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(smooth, faces[:, corner], normal)
    smooth /= np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-12
    normals = hits.interpolate(faces, smooth)
    toward = camera.position - np.zeros(3)
    flip = (normals @ (toward / np.linalg.norm(toward)))[..., None] < 0
    normals = np.where(flip, -normals, normals)
    light = np.asarray(shot.lighting.above) * 0.6
    for lamp in shot.lighting.lights:
        light = light + np.clip(normals @ lamp.direction, 0, 1)[..., None] * lamp.colour
    shown = hits.interpolate(faces, colour)
    linear = shown**2.2 * light
    back = cv2.resize(shot.background, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    seen = hits.triangle >= 0
    rgb = np.where(seen[..., None], (np.clip(linear, 0, 1) ** (1 / 2.2) * 255).round(), back).astype(np.uint8)
    index = np.where(seen, layer[hits.triangle], int(Layer.BACKGROUND))
    masks = (index == np.arange(len(Layer))[:, None, None]).astype(np.uint8) * 255
    depth = hits.depth
    return Picture(shot, rgb, masks, depth, normals, pncc(head.astype(np.float64), camera), head)
