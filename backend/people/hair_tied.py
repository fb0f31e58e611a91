"""Hair that is tied: drawn over the head to a knot, and what hangs or sits there."""

from __future__ import annotations

import numpy as np

from backend.nerf.images import smoothstep
from backend.people.body_field import BodyField, unit
from backend.people.hair_cuts import Cut
from backend.people.hair_growth import Growth, cut_to, grown, least_gap
from backend.people.scene import Array


def tied_strands(field: BodyField, cut: Cut, random: np.random.Generator) -> list[Array]:
    """What hangs or sits where a cut ties the hair: arrays [S, P, 3] around the mean body, none for loose hair."""
    knot = np.array(cut.gather, np.float32)
    outward = field.clearance(knot[None])[1][0]
    if cut.tied == "ponytail":
        return [_tail(field, knot, outward, 0.14 + 0.5 * cut.top, 0.019, random)]
    if cut.tied == "bun":
        return [_bun(knot, outward, float(random.uniform(0.026, 0.042)), random)]
    if cut.tied == "braid":
        path = _hanging(field, knot, outward, 0.12 + 0.6 * cut.top, 0.016, 1.0)
        return [_braid(path, 0.017, 300, 0.055, random)]
    plaits = []
    for side in (-1, 1) if cut.tied == "plaits" else ():
        beside = knot * np.array([side, 1, 1], np.float32)
        path = _hanging(field, beside, field.clearance(beside[None])[1][0], 0.10 + 0.6 * cut.top, 0.014, -1.0)
        plaits.append(_braid(path, 0.0125, 200, 0.045, random))
    return plaits


def drawn_to(field: BodyField, roots: Array, knot: Array, layer: Array, points: int) -> Array:
    """[S, points, 3] strands from the roots [S, 3] over the head to the knot [S, 3], ``layer`` [S] off the skin."""
    place = roots
    path = [place]
    for index in range(1, points):
        left = knot - place
        chord = np.linalg.norm(left, axis=1)[:, None]
        _, normal = field.clearance(place)
        into = np.minimum(np.einsum("sc,sc->s", left, normal), 0)[:, None]
        # along the skin while the knot is far, straight to it when it is near
        along = left - normal * into * (1 - smoothstep(0.09, 0.02, chord))
        # the way around the head is longer than the chord
        stride = np.minimum(chord, chord * (1 + 0.25 * np.minimum(chord / 0.15, 1)) / (points - index))
        place = field.pushed_out(place + unit(along) * stride, least_gap(place, layer * min(1.0, index / 3)))
        path.append(place)
    path[-1] = knot
    strands = np.stack(path, axis=1).astype(np.float32)
    for _ in range(2):
        strands[:, 1:-1] = 0.5 * strands[:, 1:-1] + 0.25 * (strands[:, :-2] + strands[:, 2:])
    return strands


def _tail(
    field: BodyField, knot: Array, outward: Array, length: float, radius: float, random: np.random.Generator
) -> Array:
    """[700, 14, 3] a tail of hair from the knot [3], leaving it along ``outward`` [3]."""
    count, points = 700, 14
    across = _disc(count, random) @ _frame(outward)
    growth = Growth(
        roots=(knot + across * 0.4 * radius).astype(np.float32),
        start=unit(outward + random.normal(0, 0.16, (count, 3)).astype(np.float32) + across * 0.6),
        comb=np.zeros((count, 3), np.float32),
        length=np.full(count, length, np.float32),
        layer=random.uniform(0.002, 0.02, count).astype(np.float32),
        fall=np.ones(count, np.float32),
        face_gap=np.zeros(count, np.float32),
        stiffness=0.07,
        cling=0.0,
    )
    strands = grown(field, growth, points)
    rise = np.linspace(0, 1, points, dtype=np.float32)[None, :, None]
    # a tail swells below its knot and thins towards its tip
    swell = radius * (0.4 + 1.1 * smoothstep(0.0, 0.3, rise) - 0.9 * smoothstep(0.35, 1.0, rise))
    middle = strands.mean(axis=0, keepdims=True)
    strands = middle + (strands - middle) * 0.45 + across[:, None] * swell
    strands = cut_to(strands, 1 - random.exponential(0.09, count).clip(0, 0.6).astype(np.float32))
    return field.pushed_out(strands, least_gap(strands, 0.002))


def _bun(knot: Array, outward: Array, radius: float, random: np.random.Generator) -> Array:
    """[420, 12, 3] strands wound to a bun of that radius at the knot [3]."""
    count, points = 420, 12
    tilt = random.normal(0, 0.28, (count, 2)).astype(np.float32)
    begin = random.uniform(0, 2 * np.pi, count).astype(np.float32)
    latitude = np.arcsin(random.uniform(-0.55, 0.98, count)).astype(np.float32)
    angle = begin[:, None] + np.linspace(0, 2.6, points, dtype=np.float32)[None]
    height = latitude[:, None] + tilt[:, :1] * np.sin(angle + tilt[:, 1:] * 9)
    shell = radius * (1 - 0.12 * random.uniform(0, 1, count)[:, None].astype(np.float32) ** 2)
    level = np.cos(height) * shell
    local = np.stack([level * np.cos(angle), level * np.sin(angle), 0.75 * np.sin(height) * shell], axis=-1)
    return (knot + outward * 0.45 * radius + local @ np.vstack([_frame(outward), outward])).astype(np.float32)


def _braid(path: Array, radius: float, count: int, turn: float, random: np.random.Generator) -> Array:
    """A braid of three bundles around a path.

    Args:
        path: [P, 3] its middle line.
        radius: metres, half its width.
        count: strands, spread over the bundles.
        turn: metres of one period of the plaiting.
        random: numbers.

    Returns:
        [count, P, 3].
    """
    along = unit(np.gradient(path, axis=0))
    aside = unit(np.cross(along, np.array([0.05, -1.0, 0.1], np.float32)))
    outward = np.cross(aside, along)
    run = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    phase = 2 * np.pi * (run[None] / turn + (np.arange(count) % 3)[:, None] / 3)
    taper = radius * (1 - 0.55 * (run / run[-1]) ** 3)[None]
    across = _disc(count, random)
    # the bundles' middle lines draw a figure of eight when seen along the braid
    x = (np.sin(phase) * 0.62 + across[:, :1] * 0.46) * taper
    y = (np.sin(2 * phase) * 0.3 + across[:, 1:] * 0.37) * taper
    return (path + x[..., None] * aside + y[..., None] * outward).astype(np.float32)


def _hanging(field: BodyField, knot: Array, outward: Array, length: float, layer: float, fall: float) -> Array:
    """[26, 3] the middle line of a braid that hangs from the knot [3]."""
    growth = Growth(
        roots=knot[None].astype(np.float32),
        start=unit(outward[None].astype(np.float32)),
        comb=np.zeros((1, 3), np.float32),
        length=np.array([length], np.float32),
        layer=np.array([layer], np.float32),
        fall=np.array([fall], np.float32),
        face_gap=np.array([0.07], np.float32),
        stiffness=0.04,
        cling=0.0,
    )
    return grown(field, growth, 26)[0]


def _frame(axis: Array) -> Array:
    """[2, 3] two unit vectors square to the axis [3] and to one another."""
    first = np.cross(axis, np.array([0.2, 0.1, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.2, 0.0]))
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(axis, first)]).astype(np.float32)


def _disc(count: int, random: np.random.Generator) -> Array:
    """[count, 2] points evenly over the unit disc."""
    radius, angle = np.sqrt(random.uniform(size=count)), random.uniform(0, 2 * np.pi, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)
