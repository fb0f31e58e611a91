"""Hair that is tied: drawn over the head to a knot, and what hangs or sits there."""

from __future__ import annotations

import numpy as np

from backend.people.body_field import BodyField, unit
from backend.people.hair_growth import Growth, cut_to, grown, least_gap, smoothstep
from backend.people.scene import Array


def drawn_to(field: BodyField, roots: Array, knot: Array, layer: Array, points: int) -> Array:
    """[S, points, 3] strands from the roots over the head to the knot ([S, 3])."""
    place = roots
    path = [place]
    for index in range(1, points):
        left = knot - place
        _, normal = field.clearance(place)
        inward = (
            np.minimum(np.einsum("sc,sc->s", left, normal), 0)[:, None]
            * smoothstep(0.09, 0.02, np.linalg.norm(left, axis=1))[:, None]
        )
        along = left - normal * np.einsum("sc,sc->s", left, normal)[:, None] + normal * inward
        # the way around the head is longer than the chord
        reach = np.linalg.norm(left, axis=1)[:, None] * (
            1 + 0.25 * np.minimum(np.linalg.norm(left, axis=1)[:, None] / 0.15, 1)
        )
        stride = reach / (points - index)
        gap = least_gap(place, layer * smoothstep(0.0, 3.0, np.full(len(place), index, np.float32)))
        place = field.pushed_out(place + unit(along) * np.minimum(stride, np.linalg.norm(left, axis=1)[:, None]), gap)
        path.append(place)
    path[-1] = knot
    strands = np.stack(path, axis=1).astype(np.float32)
    for _ in range(2):
        strands[:, 1:-1] = 0.5 * strands[:, 1:-1] + 0.25 * (strands[:, :-2] + strands[:, 2:])
    return strands


def tail(
    field: BodyField, knot: Array, outward: Array, length: float, radius: float, count: int, points: int,
    fall: float, random: np.random.Generator,
) -> Array:  # fmt: skip
    """[count, points, 3] a tail of hair from the knot [3], leaving it along ``outward`` [3]."""
    across = _disc(count, random) @ _frame(outward)
    spread = random.normal(size=(count, 3)).astype(np.float32) * 0.16
    growth = Growth(
        roots=(knot + across * 0.4 * radius).astype(np.float32),
        start=unit(outward + spread + across * 0.6),
        comb=np.zeros((count, 3), np.float32),
        length=np.full(count, length, np.float32),
        layer=(random.uniform(0.002, 0.02, count)).astype(np.float32),
        fall=np.full(count, fall, np.float32),
        face_gap=np.full(count, 0.07, np.float32),
        stiffness=0.07,
        cling=0.0,
    )
    strands = grown(field, growth, points)
    rise = np.linspace(0, 1, points, dtype=np.float32)[None, :, None]
    # a tail swells below its knot and thins towards its tip
    swell = radius * (0.4 + 1.1 * smoothstep(0.0, 0.3, rise) - 0.9 * smoothstep(0.35, 1.0, rise))
    middle = strands.mean(axis=0, keepdims=True)
    strands = middle + (strands - middle) * 0.45 + across[:, None] * swell
    ends = 1 - random.exponential(0.09, count).clip(0, 0.6).astype(np.float32)
    return field.pushed_out(cut_to(strands, ends), least_gap(strands, 0.002))


def bun(knot: Array, outward: Array, radius: float, count: int, points: int, random: np.random.Generator) -> Array:
    """[count, points, 3] strands wound to a bun of that radius at the knot [3]."""
    frame = _frame(outward)
    tilt = random.normal(0, 0.28, (count, 2)).astype(np.float32)
    begin = random.uniform(0, 2 * np.pi, count).astype(np.float32)
    latitude = np.arcsin(random.uniform(-0.55, 0.98, count)).astype(np.float32)
    sweep = np.linspace(0, 2.6, points, dtype=np.float32)
    angle = begin[:, None] + sweep[None]
    height = latitude[:, None] + tilt[:, :1] * np.sin(angle + tilt[:, 1:] * 9)
    shell = radius * (1 - 0.12 * random.uniform(0, 1, count)[:, None].astype(np.float32) ** 2)
    level = np.cos(height) * shell
    local = np.stack([level * np.cos(angle), level * np.sin(angle), 0.75 * np.sin(height) * shell], axis=-1)
    axes = np.stack([frame[0], frame[1], outward])
    return (knot + outward * 0.45 * radius + local @ axes).astype(np.float32)


def braid(path: Array, radius: float, count: int, turn: float, random: np.random.Generator) -> Array:
    """A three-strand braid around a path.

    Args:
        path: [P, 3] its middle line.
        radius: metres, half its width.
        count: strands, spread over the three bundles.
        turn: metres of one period of the plaiting.

    Returns:
        [count, P, 3].
    """
    along = unit(np.gradient(path, axis=0))
    aside = unit(np.cross(along, np.array([0.05, -1.0, 0.1], np.float32)))
    outward = np.cross(aside, along)
    run = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    phase = 2 * np.pi * (run[None] / turn + (np.arange(count) % 3)[:, None] / 3)
    taper = (1 - 0.55 * (run / run[-1]) ** 3)[None]
    across = _disc(count, random) * 0.62
    # the bundles' middle lines: a figure of eight seen along the braid
    x = (np.sin(phase) * 0.62 + across[:, :1] * 0.75) * radius * taper
    y = (np.sin(2 * phase) * 0.3 + across[:, 1:] * 0.6) * radius * taper
    # a bundle leans with its own course, so that strands show the plaiting
    return (path + x[..., None] * aside + y[..., None] * outward).astype(np.float32)


def hanging(
    field: BodyField, knot: Array, outward: Array, length: float, layer: float, fall: float, points: int
) -> Array:
    """[points, 3] the middle line of a braid that hangs from the knot."""
    growth = Growth(
        roots=knot[None].astype(np.float32), start=unit(outward[None].astype(np.float32)),
        comb=np.zeros((1, 3), np.float32), length=np.array([length], np.float32),
        layer=np.array([layer], np.float32), fall=np.array([fall], np.float32),
        face_gap=np.array([0.07], np.float32), stiffness=0.04, cling=0.0,
    )  # fmt: skip
    return grown(field, growth, points)[0]


def _frame(axis: Array) -> Array:
    """[2, 3] two unit vectors square to the axis [3] and to one another."""
    first = np.cross(axis, np.array([0.2, 0.1, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.2, 0.0]))
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(axis, first)]).astype(np.float32)


def _disc(count: int, random: np.random.Generator) -> Array:
    """[count, 2] points evenly over the unit disc."""
    radius, angle = np.sqrt(random.uniform(size=count)), random.uniform(0, 2 * np.pi, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)
