"""Where the lamps reach: the view of each lamp, and blurred moments of the depths that it meets."""

from __future__ import annotations

import cv2
import numpy as np

from backend.people.scene import Array, Light

SIZE = 256  # pixels of a map
REACH = 0.36  # metres that a map spans around its middle, in each direction
RANGE = 0.6  # metres of depth on each side of the middle
TEXEL = 2 * REACH / SIZE  # metres
SKY = Light(np.array([0.0, -0.35, 0.94], np.float32) / 1.003, np.ones(3, np.float32), 0.5)
_MIDDLE = np.array([0.0, 0.0, -0.08])
_OCCLUDER = 0.05  # metres from what throws a shadow to where it falls, in the mean


def lamp_view(light: Light) -> Array:
    """[4, 4] world to the lamp's map: x and y in [-1, 1], z in units of ``RANGE`` away from the lamp."""
    forward = -np.asarray(light.direction, np.float64)
    aside = np.array([1.0, 0.0, 0.0]) if abs(forward[0]) < 0.8 else np.array([0.0, 0.0, 1.0])
    right = np.cross(forward, aside)
    right /= np.linalg.norm(right)
    rows = np.stack([right / REACH, np.cross(forward, right) / REACH, forward / RANGE])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rows, -rows @ _MIDDLE
    return matrix.astype(np.float32)


def moments(depth: Array, softness: float) -> Array:
    """Depth and its square, blurred as far as the lamp's size blurs shadows.

    Args:
        depth: [SIZE, SIZE] of a drawn map, in [0, 1].
        softness: half of the angle that the lamp spans, radians.

    Returns:
        [SIZE, SIZE, 2] float32 metres from the map's middle, and square metres.
    """
    metres = (depth * 2 - 1) * RANGE
    sigma = max(np.tan(min(softness, 1.2)) * _OCCLUDER * 0.6 / TEXEL, 0.6)
    return cv2.GaussianBlur(np.stack([metres, metres * metres], axis=-1), (0, 0), sigma)
