"""Streets and gardens out of focus."""

from __future__ import annotations

import numpy as np

from backend.people.painting import DRAWN, Random, any_colour, axes, blurred, clouds, fill, noise, upright
from backend.people.scene import Array


def outdoors(random: Random) -> Array:
    """[N, N, 3] Sky over houses or greenery."""
    _, down = axes()
    horizon = random.uniform(0.25, 0.8)
    zenith = np.array([0.42, 0.62, 0.92]) if random.random() < 0.6 else any_colour(random, 0.3, 0.5, 1)
    haze = np.array([0.9, 0.93, 0.97]) * random.uniform(0.8, 1.1)
    up = np.clip(1 - down / horizon, 0, 1)[..., None]
    picture = np.ascontiguousarray(np.broadcast_to(zenith * up + haze * (1 - up), (DRAWN, DRAWN, 3)), np.float32)
    picture += np.clip(clouds(random, 4, 4) - 0.1, 0, 1)[..., None] * random.choice([0.0, 0.3]) * up
    kind = random.random()
    if kind < 0.45:
        _street(random, picture, horizon)
    if kind > 0.3:
        _greenery(random, picture, horizon)
    else:
        fill(picture, upright(-0.1, horizon, 1.1, 1.2), any_colour(random, 0.2, 0.2, 0.6))
    return blurred(picture, random.choice([2, 3, 5, 8, 12]))


def _street(random: Random, picture: Array, horizon: float) -> None:
    at = -0.1
    while at < 1.1:
        width, top = random.uniform(0.12, 0.4), horizon - random.uniform(0.1, 0.7)
        colour = any_colour(random, 0.35, 0.2, 0.85)
        fill(picture, upright(at, top, at + width, 1.1, random.uniform(-0.04, 0.04)), colour)
        step = random.uniform(0.04, 0.08)
        glass = any_colour(random, 0.3, 0.1, 0.9)
        for y in np.arange(top + 0.03, min(horizon + 0.2, 1), step * 1.4):
            for x in np.arange(at + 0.02, at + width - step * 0.6, step):
                fill(picture, upright(x, y, x + step * 0.55, y + step * 0.8), glass * random.uniform(0.6, 1.4))
        at += width


def _greenery(random: Random, picture: Array, horizon: float) -> None:
    _, down = axes()
    line = horizon + 0.12 * noise(random, 6) + 0.06 * noise(random, 24)
    leaves = (0.5 + 0.5 * clouds(random, 16, 4))[..., None]
    season = np.array([0.26, 0.34, 0.17]) if random.random() < 0.75 else np.array([0.55, 0.38, 0.12])
    green = season.astype(np.float32) * random.uniform(0.4, 1.2) * (0.5 + leaves) + 0.05 * leaves
    cover = np.clip((down - line) * 14, 0, 1)[..., None]
    picture += (green - picture) * cover
    if random.random() < 0.5:
        meadow = np.array([0.40, 0.48, 0.27]) * random.uniform(0.6, 1.3) * (0.8 + 0.4 * leaves)
        picture += (meadow.astype(np.float32) - picture) * np.clip((down - horizon - 0.2) * 10, 0, 1)[..., None]
