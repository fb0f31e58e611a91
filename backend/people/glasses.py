"""Glasses of many shapes and materials, on this person's nose and ears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.people.glasses_fit import Fit, face_scale, fitted
from backend.people.randomness import stream
from backend.people.scene import Array, Layer, Material, Surface, Traits
from backend.people.tubes import assembled, beads, rod
from backend.people.wardrobe import GLASSES, SUNGLASSES, chosen

_OUTLINE = 40  # vertices around a lens
_FORWARD = np.array([0.0, 1.0, 0.0])
_ACETATE, _METAL = Material(0.05, 0.25), Material(0.65, 0.28)
_METALS = np.array([[0.75, 0.75, 0.77], [0.83, 0.68, 0.38], [0.80, 0.58, 0.48], [0.12, 0.12, 0.13], [0.35, 0.33, 0.32]])


@dataclass(frozen=True, eq=False)
class Glasses:
    """A pair of glasses.

    Args:
        surfaces: frame, then lenses.
        style: names of rim and shape.
    """

    surfaces: tuple[Surface, Surface]
    style: str


@dataclass(frozen=True)
class _Shape:
    """A lens on the wearer's left, seen from before.

    Args:
        width: metres.
        height: metres.
        squareness: exponent of a superellipse; 2 is an oval.
        lift: by how much of the height the upper outer corner rises.
        drop: by how much of the height the lower half hangs towards the cheek.
        taper: how much narrower it is below than above.
    """

    width: float
    height: float
    squareness: float
    lift: float = 0.0
    drop: float = 0.0
    taper: float = 0.0

    def outline(self, scale: float) -> Array:
        """[_OUTLINE, 2] metres outwards and up from the lens's middle."""
        turn = np.arange(_OUTLINE) / _OUTLINE * 2 * np.pi
        power = 2 / self.squareness
        out = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        up = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
        above, below = np.clip(up, 0, 1), np.clip(-up, 0, 1)
        high = up + 2 * self.lift * above * np.clip(out, 0, 1) ** 2 - self.drop * below * (1 - 0.5 * out)
        wide = out * (1 + self.taper * up)
        return (np.stack([wide * self.width, high * self.height], axis=1) * scale / 2).astype(np.float32)


# how often each is worn stands behind it
SHAPES: dict[str, tuple[_Shape, float]] = {
    "round": (_Shape(0.046, 0.044, 2.0), 12),
    "oval": (_Shape(0.050, 0.034, 2.1), 10),
    "rectangle": (_Shape(0.053, 0.032, 4.5, taper=0.05), 18),
    "square": (_Shape(0.053, 0.042, 4.0, taper=0.08), 14),
    "browline": (_Shape(0.051, 0.041, 2.8, taper=0.14), 10),
    "cat eye": (_Shape(0.053, 0.040, 2.6, lift=0.22, taper=0.16), 9),
    "aviator": (_Shape(0.057, 0.046, 2.5, drop=0.25, taper=0.10), 10),
    "oversized": (_Shape(0.059, 0.052, 3.0, taper=0.08), 8),
    "narrow": (_Shape(0.050, 0.024, 3.0), 6),
}
# half of a rim's height in metres, and how often it is worn
RIMS = {"full": (0.0017, 14), "thick": (0.0025, 8), "wire": (0.0008, 9), "half": (0.0013, 3), "rimless": (0.0008, 3)}


def glasses(seed: int, traits: Traits, neutral: NDArray[np.floating], shape: str | None = None) -> Glasses | None:
    """The glasses of the person of that seed, if they wear any.

    Args:
        seed: of the person.
        traits: the older wear them more than children.
        neutral: [6931, 3] metres, the head model at rest.
        shape: one of :data:`SHAPES`: wear these whatever the seed says.
    """
    random = stream(seed, "glasses")
    wears = random.random() < (GLASSES + SUNGLASSES) * np.interp(traits.age, (3, 12, 40, 75), (0.35, 0.8, 1.0, 1.5))
    dark = random.random() < SUNGLASSES / (GLASSES + SUNGLASSES)
    name = chosen(random, {name: often for name, (_, often) in SHAPES.items()})
    if shape is None and not wears:
        return None
    name = shape or name
    rim = chosen(random, {rim: often for rim, (_, often) in RIMS.items()})
    half_height = RIMS[rim][0] * random.uniform(0.8, 1.25)
    half_depth = max(0.0009, half_height * 0.75)
    outline = SHAPES[name][0].outline(face_scale(neutral) * random.uniform(0.95, 1.06))
    fit = fitted(neutral, outline, half_depth, half_height, random)
    rods = _rims(fit, outline, rim, half_height, half_depth)
    rods += _bridge(fit, outline, half_height, half_depth, name == "aviator")
    for side in (1, -1):
        rods += _temple(fit, outline, half_height, side)
    metal = rim in ("wire", "rimless", "half") or random.random() < 0.15
    frame = assembled(rods, _frame_colour(random, metal, traits), Layer.GLASSES, _METAL if metal else _ACETATE)
    return Glasses((frame, _lenses(fit, outline, random, dark, traits)), f"{rim} {name}{' sunglasses' if dark else ''}")


Mesh = tuple[Array, NDArray[np.int32]]


def _rims(fit: Fit, outline: Array, rim: str, half_height: float, half_depth: float) -> list[Mesh]:
    if rim == "rimless":
        return []
    if rim == "half":
        first = _OUTLINE - 3  # a little below the outer corner, over the top, to below the inner one
        upper = np.roll(outline, -first, axis=0)[: _OUTLINE // 2 + 7]
        return [rod(fit.placed(upper, side), half_depth, half_height, _FORWARD) for side in (1, -1)]
    return [rod(fit.placed(outline, side), half_depth, half_height, _FORWARD, 8, True) for side in (1, -1)]


def _bridge(fit: Fit, outline: Array, half_height: float, half_depth: float, double: bool) -> list[Mesh]:
    """Over the nose from rim to rim, and pads on its sides."""
    rods = []
    for at in (0.15, 0.42) if double else (0.15,):
        height = at * np.ptp(outline[:, 1])
        inner = outline[outline[:, 0] < 0]
        start = inner[np.abs(inner[:, 1] - height).argmin(), 0] + fit.middle
        x = np.linspace(-start, start, 9)
        arch = fit.rise + height + 0.0022 * (1 - (x / start) ** 2)
        y = fit.depth(x, arch) - 0.001 * (1 - (x / start) ** 2)
        path = np.stack([x, y, arch], axis=1)
        rods.append(rod(path, max(half_height, 0.0009), half_depth, np.array([0.0, 0.0, 1.0])))
    if half_height < 0.0015:
        inner = outline[outline[:, 0].argmin(), 0] + fit.middle
        centres = [
            [side * (inner - 0.001), fit.depth(inner, fit.rise - 0.004) + 0.004, fit.rise - 0.004] for side in (1, -1)
        ]
        rods.append(beads(np.array(centres), np.array([[0.0009, 0.0022, 0.0040]] * 2)))
    return rods


def _temple(fit: Fit, outline: Array, half_height: float, side: int) -> list[Mesh]:
    height = 0.22 * np.ptp(outline[:, 1])
    outer = outline[outline[:, 0] > 0]
    edge = outer[np.abs(outer[:, 1] - height).argmin()]
    corner = fit.placed(np.array([edge, edge + [0.004, 0.0]]), side)
    hinge = corner[1] + [0, 0.004, 0]
    path = np.concatenate([corner, fit.temple(hinge, side)])
    tall = np.interp(np.arange(len(path)), (0, 3, len(path)), (1.2, 1.3, 0.9)) * max(half_height, 0.0010)
    return [rod(path.astype(np.float32), tall, max(half_height * 0.55, 0.0008), np.array([0.0, 0.0, 1.0]))]


def _lenses(fit: Fit, outline: Array, random: np.random.Generator, dark: bool, traits: Traits) -> Surface:
    levels = (1.0, 0.7, 0.4)
    flat = np.concatenate([outline * level for level in levels] + [np.zeros((1, 2), np.float32)])
    k, after = np.arange(_OUTLINE), (np.arange(_OUTLINE) + 1) % _OUTLINE
    faces = []
    for ring in range(len(levels) - 1):
        here, there = ring * _OUTLINE, (ring + 1) * _OUTLINE
        faces += [
            np.stack([here + k, here + after, there + k], 1),
            np.stack([here + after, there + after, there + k], 1),
        ]
    last = (len(levels) - 1) * _OUTLINE
    faces.append(np.stack([last + k, last + after, np.full(_OUTLINE, len(flat) - 1)], 1))
    disc = np.concatenate(faces).astype(np.int32)
    colour = np.full(3, 0.95)
    opacity = float(random.uniform(0.0, 0.05))
    if dark:
        colour = (
            random.uniform(0, 1, 3) if traits.arbitrary else np.array([0.06, 0.055, 0.05]) * random.uniform(0.4, 2.5, 3)
        )
        opacity = float(random.uniform(0.72, 0.97))
    elif random.random() < 0.08:  # lightly tinted
        colour, opacity = np.array([0.5, 0.35, 0.25]) + random.normal(0, 0.1, 3), float(random.uniform(0.1, 0.35))
    material = Material(0.05 if dark else 0.018, 0.06, 0.0, opacity)  # clear ones are coated against reflections
    # the glass bulges out of its rim like a part of a ball of 13 cm
    rim = np.square(outline).sum(axis=1)
    inwards = np.concatenate([rim * (1 - level**2) for level in levels] + [rim.mean(keepdims=True)])
    bulge = np.stack([0 * inwards, inwards / (2 * 0.13), 0 * inwards], axis=1).astype(np.float32)
    parts = [(fit.placed(flat, 1) - bulge, disc), (fit.placed(flat, -1) - bulge, disc[:, ::-1])]
    return assembled(parts, np.clip(colour, 0, 1), Layer.GLASSES, material, two_sided=True)


def _frame_colour(random: np.random.Generator, metal: bool, traits: Traits) -> NDArray[np.floating]:
    if traits.arbitrary:
        return random.uniform(0.02, 1, 3)
    if metal:
        return _METALS[random.integers(len(_METALS))] * random.uniform(0.8, 1.1)
    kind = random.random()
    if kind < 0.5:
        return np.full(3, random.uniform(0.02, 0.10))
    if kind < 0.75:  # tortoise and brown
        return np.array([0.32, 0.17, 0.08]) * random.uniform(0.5, 1.5)
    if kind < 0.85:
        return np.array([0.9, 0.9, 0.88]) * random.uniform(0.7, 1.0)
    return random.uniform(0.05, 0.8, 3)
