"""A person made of spheres: an avatar whose every answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from backend.avatars.interface import Frame, FrameRequest, HeadMesh
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.camera import Camera

RADIUS = 0.09
NOSE = np.array([0.0, -0.1, -0.01])
SHOULDERS = np.array([0.0, 0.0, -0.28])


class AnalyticAvatar:
    """A head of 9 cm with a nose along -Y, on a ball of shoulders that the box cuts."""

    kind = "analytic"

    def __init__(self) -> None:
        self.head_to_world = np.eye(4)
        self.head_to_world[:3, :3] = Rotation.from_euler("xyz", (5, -3, 20), degrees=True).as_matrix()
        self.head_to_world[:3, 3] = (0.02, 0.05, 1.6)
        self.coefficients = np.zeros(52, np.float32)
        world_to_camera = np.array([[1, 0, 0, 0], [0, 0, -1, 1.6], [0, 1, 0, 1.0], [0, 0, 0, 1]], float)
        self.camera = Camera(np.array([[800.0, 0, 160], [0, 800, 120], [0, 0, 1]]), world_to_camera, 320, 240)
        self.fingerprint = "a ball"
        self.person_mask = np.ones((240, 320), np.float32)

    def _pose(self, request: FrameRequest) -> np.ndarray:
        motion = np.eye(4)
        motion[:3, :3] = Rotation.from_euler("xyz", request.rotation).as_matrix()
        motion[:3, 3] = request.location
        return self.head_to_world @ motion

    def signed_distance(self, points: np.ndarray, request: FrameRequest) -> np.ndarray:
        inverse = np.linalg.inv(self._pose(request))
        local = points @ inverse[:3, :3].T + inverse[:3, 3]
        head = np.linalg.norm(local, axis=1) - RADIUS
        nose = np.linalg.norm(local - NOSE, axis=1) - 0.015
        shoulders = np.linalg.norm(points - self.head_to_world[:3, 3] - SHOULDERS, axis=1) - 0.2
        return np.minimum(np.minimum(head, nose), shoulders).astype(np.float32)

    def surface_color(self, points: np.ndarray, request: FrameRequest) -> np.ndarray:
        up = points[:, 2:] > self.head_to_world[2, 3] - 0.09
        return np.where(up, np.uint8([200, 150, 120]), np.uint8([20, 60, 140]))

    def bounds(self, request: FrameRequest) -> tuple[np.ndarray, np.ndarray]:
        middle = self.head_to_world[:3, 3]
        return middle - (0.22, 0.22, 0.3), middle + (0.22, 0.22, 0.15)

    def head_mesh(self) -> HeadMesh:
        ball = trimesh.creation.icosphere(subdivisions=3, radius=RADIUS)
        vertices = np.asarray(ball.vertices, np.float32)
        vertices[:, 1] -= 0.02 * np.exp(-((vertices[:, [0, 2]] / 0.015) ** 2).sum(axis=1)) * (vertices[:, 1] < 0)
        faces = np.asarray(ball.faces, np.int32)
        keys = np.zeros((52, *vertices.shape), np.float32)
        chin = np.clip(-vertices[:, 2] / RADIUS, 0, 1) * (vertices[:, 1] < 0)
        keys[ARKIT_INDEX["jawOpen"], :, 2] = -0.03 * chin
        keys[ARKIT_INDEX["mouthSmileLeft"], :, 0] = 0.01 * chin * (vertices[:, 0] > 0)
        angle = np.arctan2(vertices[:, 0], -vertices[:, 1]) / (2 * np.pi) + 0.5
        uv = np.stack([angle, vertices[:, 2] / (2 * RADIUS) + 0.5], axis=1)[faces]
        wraps = uv[..., 0].max(axis=1) - uv[..., 0].min(axis=1) > 0.5
        uv[wraps, :, 0] = np.where(uv[wraps, :, 0] < 0.5, 1.0, uv[wraps, :, 0])
        texture = np.zeros((64, 64, 3), np.uint8)
        texture[:32], texture[32:] = (210, 160, 140), (40, 90, 30)  # the upper half of the head is skin
        return HeadMesh(vertices, faces, keys, uv.astype(np.float32), texture)

    def render(self, request: FrameRequest) -> Frame:
        raise NotImplementedError

    def save(self, path: Path) -> None:
        raise NotImplementedError


def performance(frames: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients, rotation and location of a head that opens its jaw, turns and rises."""
    coefficients = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    coefficients[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 1, frames)
    rotation = np.zeros((frames, 3), np.float32)
    rotation[:, 2] = np.linspace(0, 0.6, frames)
    location = np.zeros((frames, 3), np.float32)
    location[:, 2] = np.linspace(0, 0.05, frames)
    return coefficients, rotation, location
