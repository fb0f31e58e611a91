"""Brushes for backgrounds: noise, colours, light and flat shapes on a square of :data:`DRAWN` pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.people.scene import Array

Random = np.random.Generator
DRAWN = 256  # pixels at which a background is drawn; larger pictures stretch it


def axes() -> tuple[Array, Array]:
    """[1, N] to the right and [N, 1] down, in [0, 1]."""
    axis = (np.arange(DRAWN, dtype=np.float32) + 0.5) / DRAWN
    return axis[None], axis[:, None]


def noise(random: Random, cells: int) -> Array:
    """[N, N] smooth noise in [-1, 1]."""
    grid = random.uniform(-1, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (DRAWN, DRAWN), interpolation=cv2.INTER_CUBIC))


def clouds(random: Random, cells: int = 4, octaves: int = 4) -> Array:
    """[N, N] fractal noise, about [-1, 1]."""
    return np.asarray(sum(noise(random, cells << k) * 0.5**k for k in range(octaves)))


def any_colour(random: Random, strength: float = 0.5, low: float = 0.08, high: float = 0.92) -> Array:
    """[3] of any hue, at most ``strength`` saturated."""
    hue, saturation, value = random.random(), strength * random.beta(1.4, 2), random.uniform(low, high)
    wheel = np.clip(np.abs(np.mod(hue * 6 + np.array([0, 4, 2]), 6) - 3) - 1, 0, 1)
    return np.asarray(value * (1 - saturation * (1 - wheel)), np.float32)


def vignette(depth: float) -> Array:
    """[N, N, 1] 1 in the middle, ``depth`` less in the corners."""
    across, down = axes()
    return np.asarray(1 - depth * ((across - 0.5) ** 2 + (down - 0.5) ** 2)[..., None] * 2, np.float32)


def blurred(picture: Array, radius: float) -> Array:
    """Out of focus: two box blurs, in pixels of the drawn size."""
    width = max(1, int(radius)) * 2 + 1
    return np.asarray(cv2.blur(cv2.blur(picture, (width, width)), (width, width)))


def side_light(random: Random) -> Array:
    """[N, N, 1] light that falls on a wall from one side."""
    across, down = axes()
    turn = random.uniform(0, 2 * np.pi)
    ramp = np.cos(turn) * (across - 0.5) + np.sin(turn) * (down - 0.5)
    return np.asarray((1 + random.uniform(0, 0.7) * ramp)[..., None], np.float32)


def fill(picture: Array, corners: NDArray[np.floating], colour: Array) -> None:
    """Fill a polygon given in shares of the picture."""
    points = np.round(np.asarray(corners) * DRAWN * 16).astype(np.int32)
    cv2.fillPoly(picture, [points], [float(c) for c in colour], cv2.LINE_AA, shift=4)


def upright(x0: float, y0: float, x1: float, y1: float, lean: float = 0.0) -> Array:
    """Corners of a rectangle whose right side is taller by ``lean``, as things at an angle are."""
    return np.array([[x0, y0], [x1, y0 - lean], [x1, y1 + lean], [x0, y1]], np.float32)
