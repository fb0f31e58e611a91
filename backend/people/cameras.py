"""Cameras that look at a head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.camera import Camera

FILM = 0.024  # metres, the shorter side of the film that focal lengths are stated for


def aimed_camera(
    target: NDArray[np.floating], away: NDArray[np.floating], distance: float, span: float, size: int, roll: float = 0.0
) -> Camera:
    """A camera that looks at a place.

    Args:
        target: [3] metres, seen in the middle of the picture.
        away: [3] unit vector from the target to the camera, not vertical.
        distance: metres.
        span: metres at the target that the picture spans.
        size: of the square picture, pixels.
        roll: radians; above 0 the person leans to the right in the picture.
    """
    forward = -np.asarray(away, np.float64)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    turned = np.cos(roll) * right - np.sin(roll) * down
    rotation = np.stack([turned, np.cross(forward, turned), forward])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = -rotation @ (np.asarray(target, np.float64) - forward * distance)
    focal = size * distance / span
    return Camera(np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]]), matrix, size, size)
