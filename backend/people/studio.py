"""A plain shot of anybody: what every part of a person is looked at with while it is made."""

from __future__ import annotations

import numpy as np

from backend.people.cameras import aimed_camera
from backend.people.expressions import coefficients_of
from backend.people.scene import Light, Lighting, Shot
from shared.camera import Camera


def portrait_camera(size: int, yaw: float = 0.0, pitch: float = 0.0, height: float = 0.56) -> Camera:
    """A camera on a sphere around the head, looking at it.

    Args:
        size: of the square picture, pixels.
        yaw: degrees; above 0 the camera stands on the person's left.
        pitch: degrees; above 0 it stands above the eyes.
        height: metres that the picture spans at the head; .56 shows head and shoulders.
    """
    turn, rise = np.radians(yaw), np.radians(pitch)
    away = np.array([np.sin(turn) * np.cos(rise), -np.cos(turn) * np.cos(rise), np.sin(rise)])
    return aimed_camera(np.array([0.0, -0.02, -0.06]), away, 1.6, height, size)


def studio_shot(
    size: int = 512, yaw: float = 0.0, pitch: float = 0.0, expression: dict[str, float] | None = None
) -> Shot:
    """A shot under a key and a fill light on grey; ``expression`` by ARKit names."""
    key = np.array([0.5, -0.75, 0.45]) / np.linalg.norm([0.5, -0.75, 0.45])
    fill = np.array([-0.7, -0.65, 0.1]) / np.linalg.norm([-0.7, -0.65, 0.1])
    lighting = Lighting(
        (
            Light(key.astype(np.float32), np.full(3, 0.75, np.float32), 0.1),
            Light(fill.astype(np.float32), np.full(3, 0.25, np.float32), 0.2),
        ),
        np.full(3, 0.3, np.float32),
        np.full(3, 0.15, np.float32),
    )
    nothing = np.zeros(3, np.float32)
    background = np.full((8, 8, 3), 120, np.uint8)
    return Shot(
        portrait_camera(size, yaw, pitch), coefficients_of(expression or {}), nothing, nothing, lighting, background
    )
