"""Rooms out of focus: walls in perspective, with windows, shelves, doors, lamps and furniture."""

from __future__ import annotations

import numpy as np

from backend.people.painting import DRAWN, Random, any_colour, axes, blurred, fill, noise, side_light, upright
from backend.people.scene import Array


def room(random: Random) -> Array:
    """[N, N, 3] A room with some of its things."""
    wall = any_colour(random, 0.35, 0.25, 0.95)
    picture = np.empty((DRAWN, DRAWN, 3), np.float32)
    picture[:] = wall
    corner, floor = random.uniform(-0.3, 1.3), random.uniform(0.7, 1.1)
    tilt = random.uniform(0.05, 0.3)
    side = np.array([[corner, 0], [1.5, -tilt], [1.5, floor + tilt + 0.3], [corner, floor]])
    fill(picture, side, wall * random.uniform(0.65, 0.95))
    ground = np.array([[-0.5, floor + tilt * 0.5], [corner, floor], [1.5, floor + tilt], [1.5, 2], [-0.5, 2]])
    fill(picture, ground, any_colour(random, 0.4, 0.1, 0.6))
    things = [_window, _shelf, _door, _lamp, _furniture, _frame, _plant, _curtain]
    for index in random.permutation(len(things))[: random.integers(2, 6)]:
        things[index](random, picture)
    return blurred(picture * side_light(random), random.choice([1, 2, 3, 5, 8, 12]))


def _window(random: Random, picture: Array) -> None:
    x, y = random.uniform(-0.2, 0.9), random.uniform(-0.2, 0.3)
    width, height, lean = random.uniform(0.2, 0.5), random.uniform(0.35, 0.7), random.uniform(-0.05, 0.05)
    light = (
        random.uniform(0.75, 1.3) * np.array([0.92, 0.97, 1.0]) if random.random() < 0.7 else any_colour(random, 0.4)
    )
    frame = any_colour(random, 0.2, 0.4, 1)
    fill(picture, upright(x - 0.02, y - 0.02, x + width + 0.02, y + height + 0.02, lean), frame)
    panes = int(random.integers(1, 4))
    for k in range(panes):
        step = width / panes
        fill(picture, upright(x + k * step + 0.008, y, x + (k + 1) * step - 0.008, y + height, lean), light)
        if random.random() < 0.5:
            green = np.array([0.35, 0.5, 0.28]) * random.uniform(0.6, 1.4)
            fill(
                picture, upright(x + k * step + 0.008, y + height * 0.6, x + (k + 1) * step - 0.008, y + height), green
            )


def _shelf(random: Random, picture: Array) -> None:
    x, y, width = random.uniform(-0.2, 0.8), random.uniform(-0.1, 0.3), random.uniform(0.25, 0.7)
    rows, gap = int(random.integers(2, 6)), random.uniform(0.12, 0.22)
    wood = any_colour(random, 0.4, 0.15, 0.8)
    fill(picture, upright(x, y, x + width, y + rows * gap), wood * 0.55)
    for row in range(rows):
        at, low = x + 0.01, y + (row + 1) * gap
        while at < x + width - 0.04:
            thick, tall = random.uniform(0.012, 0.045), gap * random.uniform(0.5, 0.9)
            if random.random() < 0.85:
                fill(picture, upright(at, low - tall, at + thick, low), any_colour(random, 0.8, 0.1, 0.9))
            at += thick + 0.003
        fill(picture, upright(x, low, x + width, low + 0.015), wood)


def _door(random: Random, picture: Array) -> None:
    x, width, top = random.uniform(-0.1, 0.8), random.uniform(0.2, 0.35), random.uniform(-0.1, 0.2)
    frame, leaf = any_colour(random, 0.3, 0.2, 1.0), any_colour(random, 0.4, 0.1, 0.9)
    fill(picture, upright(x - 0.03, top - 0.03, x + width + 0.03, 1.2), frame)
    fill(picture, upright(x, top, x + width, 1.2, random.uniform(0, 0.03)), leaf)
    for k in range(2):
        low = top + 0.06 + k * 0.4
        fill(picture, upright(x + 0.04, low, x + width - 0.04, low + 0.32), leaf * random.uniform(0.8, 1.1))


def _lamp(random: Random, picture: Array) -> None:
    x, y, size = random.uniform(0, 1), random.uniform(0.05, 0.5), random.uniform(0.05, 0.14)
    warm = np.array([1.25, 1.0, 0.7]) * random.uniform(0.7, 1.2)
    across, down = axes()
    glow = np.exp(-((across - x) ** 2 + (down - y) ** 2) / (size * size * 6))[..., None]
    picture += glow * warm.astype(np.float32) * 0.35
    fill(picture, upright(x - 0.008, y, x + 0.008, 1.0), any_colour(random, 0.1, 0.1, 0.5))
    shade = [[x - size * 0.6, y - size], [x + size * 0.6, y - size], [x + size, y + size], [x - size, y + size]]
    fill(picture, np.array(shade), warm)


def _furniture(random: Random, picture: Array) -> None:
    colour = any_colour(random, 0.6, 0.08, 0.8)
    for _ in range(random.integers(1, 4)):
        x, y, width = random.uniform(-0.3, 0.9), random.uniform(0.5, 0.85), random.uniform(0.2, 0.6)
        depth, rise = random.uniform(0.03, 0.12), random.uniform(0.02, 0.08)
        top = [[x, y], [x + width, y], [x + width + depth, y - rise], [x + depth, y - rise]]
        fill(picture, np.array(top), colour * 1.2)
        fill(picture, upright(x, y, x + width, 1.2), colour)
        flank = [[x + width, y], [x + width + depth, y - rise], [x + width + depth, 1.2], [x + width, 1.2]]
        fill(picture, np.array(flank), colour * 0.6)
        colour = colour * random.uniform(0.7, 1.3)


def _frame(random: Random, picture: Array) -> None:
    for _ in range(random.integers(1, 5)):
        x, y = random.uniform(-0.1, 0.9), random.uniform(0, 0.5)
        width, height = random.uniform(0.08, 0.25), random.uniform(0.08, 0.25)
        fill(picture, upright(x, y, x + width, y + height), any_colour(random, 0.4, 0.05, 0.9))
        fill(picture, upright(x + 0.012, y + 0.012, x + width - 0.012, y + height - 0.012), any_colour(random, 0.6))


def _plant(random: Random, picture: Array) -> None:
    x, y, green = random.uniform(0, 1), random.uniform(0.4, 0.8), np.array([0.22, 0.42, 0.16])
    for _ in range(25):
        turn, length = random.uniform(-2.6, -0.5), random.uniform(0.08, 0.3)
        tip = np.array([x + np.cos(turn) * length, y + np.sin(turn) * length])
        aside = np.array([-np.sin(turn), np.cos(turn)]) * 0.02
        middle = (np.array([x, y]) + tip) / 2
        leaf = np.stack([[x, y], middle + aside, tip, middle - aside])
        fill(picture, leaf, green * random.uniform(0.5, 1.6))
    fill(picture, upright(x - 0.05, y, x + 0.05, y + 0.12), any_colour(random, 0.5))


def _curtain(random: Random, picture: Array) -> None:
    x, width = random.uniform(-0.2, 0.9), random.uniform(0.15, 0.5)
    across, _ = axes()
    pleats = 0.75 + 0.25 * np.sin(across * random.uniform(60, 140) + 2 * noise(random, 4))
    inside = ((across > x) & (across < x + width))[..., None]
    np.copyto(picture, (any_colour(random, 0.5, 0.2, 0.95) * pleats[..., None]).astype(np.float32), where=inside)
