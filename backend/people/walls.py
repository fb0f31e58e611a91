"""Backgrounds without depth: studios, walls, canvas, lights out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from backend.people.painting import DRAWN, Random, any_colour, axes, blurred, clouds, noise, side_light
from backend.people.scene import Array


def plain(random: Random) -> Array:
    """[N, N, 3] One colour."""
    return np.broadcast_to(any_colour(random, 0.7, 0.03, 1.0), (DRAWN, DRAWN, 3)).copy()


def gradient(random: Random, colour: Array | None = None, contrast: float = 0.35) -> Array:
    """[N, N, 3] One colour into another, from ``colour`` if it is given."""
    across, down = axes()
    turn = random.uniform(0, 2 * np.pi)
    ramp = (np.cos(turn) * (across - 0.5) + np.sin(turn) * (down - 0.5))[..., None]
    colour = any_colour(random, 0.6) if colour is None else colour
    other = any_colour(random, 0.6) - colour
    return np.asarray(colour + ramp * contrast * (0.6 + other), np.float32)


def studio(random: Random) -> Array:
    """[N, N, 3] A backdrop lit from behind the person, paper or cloth."""
    across, down = axes()
    x, y = random.uniform(0.2, 0.8), random.uniform(0.2, 0.8)
    glow = np.exp(-((across - x) ** 2 + (down - y) ** 2) / random.uniform(0.08, 0.5))[..., None]
    dark = any_colour(random, 0.6, 0.04, 0.6)
    cloth = 1 + random.choice([0.0, 0.12]) * clouds(random, 5)[..., None]
    return np.asarray(dark * (1 + glow * random.uniform(0.5, 2.0)) * cloth, np.float32)


def plaster(random: Random) -> Array:
    """[N, N, 3] A rendered wall."""
    height = clouds(random, 8, 5) + 0.4 * noise(random, 128)
    relief = cv2.Sobel(height, cv2.CV_32F, 1, 1, ksize=3) if random.random() < 0.5 else height * 0.3
    shade = 1 + random.uniform(0.03, 0.25) * relief + 0.15 * noise(random, 3)
    return np.asarray(any_colour(random, 0.5, 0.2, 0.95) * shade[..., None] * side_light(random), np.float32)


def bricks(random: Random) -> Array:
    """[N, N, 3] A brick wall, seen a little from aside."""
    across, down = axes()
    rows = random.uniform(9, 26)
    slope = random.uniform(-0.25, 0.25)  # seen from aside, rows run together
    v = (down - 0.5) * rows * (1 + slope * (across - 0.5)) + 50
    u = across * rows * random.uniform(0.3, 0.5) + 0.5 * np.mod(np.floor(v), 2) + 50
    joint = np.minimum(np.mod(v, 1), np.mod(u, 1) * 2.5) < 0.12
    tone = random.uniform(0.7, 1.2, 4096).astype(np.float32)
    brick = tone[(np.floor(u).astype(int) * 57 + np.floor(v).astype(int) * 131) % 4096]
    red = np.array([0.55, 0.30, 0.22]) * random.uniform(0.6, 1.4) if random.random() < 0.6 else any_colour(random, 0.3)
    picture = np.where(joint[..., None], any_colour(random, 0.1, 0.3, 0.8), red * brick[..., None])
    picture = picture * (1 + 0.12 * clouds(random, 24, 3)[..., None]) * side_light(random)
    return blurred(np.asarray(picture, np.float32), random.choice([0, 1, 2, 4]))


def boards(random: Random) -> Array:
    """[N, N, 3] Boards of wood, upright or level."""
    across, _ = axes()
    phase = across * random.uniform(4, 14)
    grain = cv2.blur(noise(random, 64), (1, 61)) * 4 + 0.6 * noise(random, 6)
    tone = random.uniform(0.75, 1.2, 64).astype(np.float32)[np.floor(phase).astype(int)]
    gap = np.clip(np.minimum(np.mod(phase, 1), 1 - np.mod(phase, 1)) * 30, 0.25, 1)
    wood = np.array([0.60, 0.42, 0.27]) * random.uniform(0.4, 1.4) if random.random() < 0.7 else any_colour(random, 0.3)
    picture = np.asarray(wood * (tone * gap * (1 + 0.15 * grain))[..., None] * side_light(random), np.float32)
    return blurred(picture.transpose(1, 0, 2) if random.random() < 0.4 else picture, random.choice([0, 1, 3]))


def bokeh(random: Random) -> Array:
    """[N, N, 3] Lights at night, out of focus."""
    dark = np.clip(gradient(random, any_colour(random, 0.6, 0.02, 0.35), 0.2), 0, 1)
    lights = np.zeros_like(dark)
    radius = random.uniform(4, 22)
    for _ in range(int(random.integers(10, 45))):
        x, y = random.uniform(-10, DRAWN + 10, 2)
        colour = any_colour(random, 0.9, 0.3, 1.0) * random.uniform(0.2, 0.8)
        shape = max(2, int(radius * random.uniform(0.6, 1.3)))
        cv2.circle(lights, (int(x), int(y)), shape, [float(c) for c in colour], -1, cv2.LINE_AA)
    return np.asarray(1 - (1 - dark) * (1 - blurred(lights, 1)), np.float32)


def canvas(random: Random) -> Array:
    """[N, N, 3] A painter's canvas in two colours, with strokes."""
    first, second = any_colour(random, 0.6, 0.1, 0.7), any_colour(random, 0.6, 0.1, 0.8)
    share = np.clip(0.5 + 0.7 * clouds(random, 3, 4), 0, 1)[..., None]
    strokes = noise(random, 90)
    turned = cv2.warpAffine(
        cv2.blur(strokes, (25, 1)) * 3,
        cv2.getRotationMatrix2D((128, 128), random.uniform(0, 180), 1.5),
        (DRAWN, DRAWN),
    )
    weave = 0.03 * random.standard_normal((DRAWN, DRAWN), np.float32)
    return np.asarray((first * (1 - share) + second * share) * (1 + 0.14 * turned + weave)[..., None], np.float32)
