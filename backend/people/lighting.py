"""Light as photographs have it: studios, windows, clouds, sun, lamps in the evening."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from backend.people.scene import Array, Light, Lighting

Random = np.random.Generator
_FACE = np.array([0.0, -1.0, 0.0])  # where a face looks


def draw_lighting(random: Random, background: NDArray[np.uint8] | None = None) -> Lighting:
    """One lighting; behind a bright ``background`` [H, W, 3] there is somewhat more of it.

    Exposure is part of it: what falls on a face that looks ahead sums to about 1, less for dim or backlit scenes.
    """
    kinds, shares = zip(*_KINDS.items())
    kind = kinds[random.choice(len(kinds), p=np.array(shares) / sum(shares))]
    lights, ambient, level = kind(random)
    warmth = _warmth(random.normal(0, 0.35))
    if random.random() < 0.12:  # a coloured cast over everything
        warmth = warmth * np.clip(random.normal(1, 0.2, 3), 0.5, 1.5)
    above, below = ambient * random.uniform(0.9, 1.5), ambient * random.uniform(0.35, 0.9)
    # a lamp at the side may light half of the face as much as one in front lights all of it, not more
    received = ambient + sum(light.colour.mean() * max(0.4, float(light.direction @ _FACE)) for light in lights)
    if background is not None:
        brightness = float((background / 255.0).mean() ** 2.2)
        level *= float(np.clip((brightness / 0.2) ** 0.15, 0.8, 1.2))
    scale = level * random.uniform(1.0, 1.5) / received
    lit = tuple(
        Light(light.direction, (light.colour * warmth * scale).astype(np.float32), light.softness) for light in lights
    )
    cool = _warmth(random.normal(-0.1, 0.3))
    return Lighting(
        lit, (warmth * cool * above * scale).astype(np.float32), (warmth * below * scale).astype(np.float32)
    )


def _warmth(amount: float) -> Array:
    """[3] linear colour of mean about 1: above 0 like a bulb, below like shade under a blue sky."""
    colour = np.array([1 + 0.35 * amount, 1 + 0.02 * amount, 1 - 0.45 * amount])
    return np.asarray(np.clip(colour, 0.25, 2), np.float32)


def _lamp(side: float, rise: float, strength: float, softness: float, warmth: float = 0.0) -> Light:
    """``side``: degrees to the person's left of where the face looks; ``rise``: degrees above the eyes."""
    turn, up = np.radians(side), np.radians(rise)
    direction = np.array([np.sin(turn) * np.cos(up), -np.cos(turn) * np.cos(up), np.sin(up)], np.float32)
    return Light(direction, _warmth(warmth) * np.float32(strength), softness)


_Drawn = tuple[list[Light], float, float]  # lamps, light from everywhere, what a face receives


def _studio(random: Random) -> _Drawn:
    side = random.choice([-1, 1]) * random.uniform(20, 60)
    key = _lamp(side, random.uniform(15, 50), 1.0, random.uniform(0.15, 0.4))
    fill = _lamp(-side * random.uniform(0.6, 1.3), random.uniform(0, 30), random.uniform(0.15, 0.5), 0.4)
    lights = [key, fill]
    if random.random() < 0.4:
        lights.append(_lamp(180 - side * random.uniform(0.3, 1), random.uniform(20, 50), random.uniform(0.3, 1), 0.2))
    return lights, random.uniform(0.1, 0.3), 1.0


def _window(random: Random) -> _Drawn:
    side = random.choice([-1, 1]) * random.uniform(40, 95)
    return [_lamp(side, random.uniform(0, 30), 1.0, random.uniform(0.3, 0.5), -0.2)], random.uniform(0.15, 0.35), 0.9


def _overcast(random: Random) -> _Drawn:
    return [_lamp(random.normal(0, 60), random.uniform(50, 80), 0.6, 0.6)], random.uniform(0.5, 0.9), 1.0


def _sun(random: Random) -> _Drawn:
    side = random.normal(0, 55)
    return [_lamp(side, random.uniform(20, 65), 1.0, random.uniform(0.01, 0.03), 0.25)], random.uniform(0.15, 0.35), 1.1


def _rembrandt(random: Random) -> _Drawn:
    side = random.choice([-1, 1]) * random.uniform(45, 65)
    return [_lamp(side, random.uniform(35, 50), 1.0, random.uniform(0.05, 0.2), 0.2)], random.uniform(0.05, 0.14), 0.8


def _backlight(random: Random) -> _Drawn:
    side = random.choice([-1, 1]) * random.uniform(120, 170)
    rim = _lamp(side, random.uniform(15, 50), random.uniform(1, 2), random.uniform(0.03, 0.3), 0.2)
    front = _lamp(-0.3 * side, random.uniform(0, 30), random.uniform(0.2, 0.5), 0.5)
    return [rim, front], random.uniform(0.3, 0.5), 0.7


def _two_colours(random: Random) -> _Drawn:
    side = random.choice([-1, 1]) * random.uniform(40, 90)
    lights = []
    for at in (side, -side * random.uniform(0.7, 1.2)):
        lamp = _lamp(at, random.uniform(0, 35), random.uniform(0.5, 1), random.uniform(0.05, 0.3))
        tint = np.clip(random.normal(1, 0.45, 3), 0.15, 2)
        lights.append(Light(lamp.direction, (lamp.colour * tint).astype(np.float32), lamp.softness))
    return lights, random.uniform(0.08, 0.25), 0.8


def _flash(random: Random) -> _Drawn:
    return [_lamp(random.normal(0, 6), random.uniform(2, 15), 1.0, 0.02)], random.uniform(0.05, 0.2), 1.1


def _dim(random: Random) -> _Drawn:
    side = random.normal(0, 60)
    lamp = _lamp(side, random.uniform(-10, 60), 1.0, random.uniform(0.05, 0.4), random.uniform(0.1, 0.8))
    return [lamp], random.uniform(0.15, 0.4), random.uniform(0.2, 0.5)


_KINDS: dict[Callable[[Random], _Drawn], float] = {
    _studio: 0.27,
    _window: 0.18,
    _overcast: 0.14,
    _sun: 0.11,
    _rembrandt: 0.08,
    _backlight: 0.07,
    _two_colours: 0.04,
    _flash: 0.05,
    _dim: 0.06,
}
