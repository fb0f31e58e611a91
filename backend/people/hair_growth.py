"""Strands that grow around the mean body: combed, lifted, bent by gravity, kept off skin and shoulders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from backend.nerf.images import smoothstep
from backend.people.body_field import BodyField, unit
from backend.people.scene import Array

_DOWN = np.array([0, 0, -1], np.float32)
_FACE_HALF_WIDTH = 0.042  # metres that hair leaves free which is not cut to a fringe
SKIN_GAP = 0.0012  # metres between the innermost hair and the skin
CLOTHES_GAP = 0.016  # metres that hair keeps from the torso, for clothes to fit under it


@dataclass(frozen=True, eq=False)
class Growth:
    """What each of S strands is to do.

    Args:
        roots: [S, 3] metres on the mean skin.
        start: [S, 3] unit, how they leave the skin.
        comb: [S, 3] where they are combed to; its length is how firmly.
        length: [S] metres.
        layer: [S] metres from the skin at which they lie on the head.
        fall: [S] -1 for hair that falls over the front of the shoulder, 1 for behind.
        face_gap: [S] metres that they leave free on either side of the face's middle, 0 for a fringe.
        stiffness: metres along which gravity bends them down.
        cling: 0 to 1, how they are pressed down to their layer.
    """

    roots: Array
    start: Array
    comb: Array
    length: Array
    layer: Array
    fall: Array
    face_gap: Array
    stiffness: float
    cling: float


def least_gap(points: Array, layer: Array | float) -> Array:
    """[...] metres that hair of a layer keeps from the body at points [..., 3]: more where clothes are."""
    return SKIN_GAP + layer + CLOTHES_GAP * smoothstep(-0.09, -0.14, points[..., 2])


def run(points: int) -> Array:
    """[points] the fraction of a strand's length at which its points lie: closer together where it leaves the skin."""
    even = np.linspace(0, 1, points, dtype=np.float32)
    return 0.55 * even + 0.45 * even**2


def grown(field: BodyField, growth: Growth, points: int) -> Array:
    """[S, points, 3] strands, their points spaced as :func:`run` says."""
    lengths = growth.length[:, None] * run(points)
    place, heading = growth.roots, growth.start
    path = [place]
    firmness = np.sqrt(np.einsum("sc,sc->s", growth.comb, growth.comb))[:, None]
    for index in range(1, points):
        distance, normal = field.clearance(place)
        step = lengths[:, index : index + 1] - lengths[:, index - 1 : index]
        rise = smoothstep(0.0, 0.03, lengths[:, index - 1])
        gap = least_gap(place, growth.layer * rise)
        near = smoothstep(0.05, 0.01, distance - gap)[:, None]
        along = growth.comb - normal * np.einsum("sc,sc->s", growth.comb, normal)[:, None]
        pressed = growth.cling * np.clip((distance - gap) * 60, -1, 1)[:, None]
        # a comb rules on the head; what hangs below obeys gravity
        ruled = near * smoothstep(-0.05, 0.0, place[:, 2])[:, None]
        bend = along * ruled - normal * ruled * pressed
        # hair parts over the shoulders, to chest and back, before it meets them
        goal = np.where(growth.fall < 0, -0.07, 0.105)
        lack = np.clip((goal - place[:, 1]) * growth.fall * 14, 0, 1.2)
        bend[:, 1] += growth.fall * lack * smoothstep(-0.02, -0.11, place[:, 2])
        aside = np.clip((np.abs(place[:, 0]) - 0.09) * 25, 0, 1) * smoothstep(-0.06, -0.12, place[:, 2])
        bend[:, 0] -= np.sign(place[:, 0]) * aside
        ahead = smoothstep(-0.035, -0.065, place[:, 1]) * smoothstep(0.095, 0.03, place[:, 2])
        side = np.sign(place[:, 0] + 0.05 * growth.comb[:, 0])  # of the face, past which it falls
        bend[:, 0] += 4 * side * np.clip((growth.face_gap * ahead - np.abs(place[:, 0])) * 60, 0, 1)
        weight = np.minimum(step / growth.stiffness, 1)
        heading = unit(
            heading
            + bend * np.minimum(step / 0.02, 1)
            + _DOWN * (weight * (1 - 0.6 * ruled * firmness + 1.5 * (1 - ruled)))
        )
        next_gap = least_gap(place, growth.layer * smoothstep(0.0, 0.03, lengths[:, index]))
        target = field.pushed_out(place + heading * step, next_gap)
        heading = unit(target - place)
        # what is pushed off the skin goes on along it, not away from it, unless it stands by itself
        away = np.clip(np.einsum("sc,sc->s", heading, normal), 0, 1)[:, None]
        heading = unit(heading - normal * away * (ruled * rise[:, None] * min(0.7, 0.035 / growth.stiffness)))
        place = place + heading * step
        path.append(place)
    strands = np.stack(path, axis=1).astype(np.float32)
    strands[:, 1:-1] = 0.5 * strands[:, 1:-1] + 0.25 * (strands[:, :-2] + strands[:, 2:])
    return strands


def cut_to(strands: Array, last: Array) -> Array:
    """Strands [S, P, 3] that end at the fraction ``last`` [S] of their length, with as many points."""
    count = strands.shape[1]
    place = np.linspace(0, count - 1, count, dtype=np.float32)[None] * last[:, None]
    below = np.minimum(place.astype(np.int64), count - 2)
    share = (place - below)[..., None]
    row = np.arange(len(strands))[:, None]
    return strands[row, below] * (1 - share) + strands[row, below + 1] * share


def fraction_above(strands: Array, level: NDArray[np.floating]) -> Array:
    """[S] the fraction of each strand before it first sinks below the height ``level`` [S]."""
    excess = strands[..., 2] - level[:, None]
    under = excess < 0
    first = np.where(under.any(axis=1), under.argmax(axis=1), strands.shape[1] - 1)
    row, before = np.arange(len(strands)), np.maximum(first - 1, 0)
    drop = excess[row, before] - excess[row, first]
    share = np.where(under.any(axis=1) & (first > 0), excess[row, before] / np.maximum(drop, 1e-6), 1.0)
    return np.clip((before + share) / (strands.shape[1] - 1), 0.12, 1).astype(np.float32)


def fraction_beside_face(strands: Array) -> NDArray[np.floating]:
    """[S] the fraction of each strand before it first hangs between brows and chin in front of the face."""
    aside, ahead, height = np.abs(strands[..., 0]), strands[..., 1], strands[..., 2]
    over = (aside < _FACE_HALF_WIDTH) & (ahead < -0.06) & (height < 0.03) & (height > -0.12)
    first = np.where(over.any(axis=1), over.argmax(axis=1), strands.shape[1])
    return np.clip((first - 1) / (strands.shape[1] - 1), 0.12, 1)


def leaders(roots: Array, kind: Array, locks: int) -> NDArray[np.int64]:
    """[S] the strand that leads each strand's lock, one of the first ``locks``.

    Args:
        roots: [S, 3] metres.
        kind: [S, K] strands of different kinds keep apart.
        locks: how many there are.
    """
    place = np.concatenate([roots, 0.1 * kind], axis=1)
    return np.asarray(cKDTree(place[:locks]).query(place)[1])


def clumped(strands: Array, leader: NDArray[np.int64], strength: float, spread: float) -> Array:
    """Strands drawn to the leaders of their locks towards the tips.

    Args:
        strands: [S, P, 3].
        leader: [S] as :func:`leaders` gives it.
        strength: share of the distance that is closed at the tips.
        spread: metres to which a lock is gathered at most.
    """
    away = strands - strands[leader]
    size = np.sqrt(np.einsum("spc,spc->sp", away, away))[..., None]
    drawn = np.minimum(1, spread / np.maximum(size, 1e-6))
    rise = smoothstep(0.0, 0.7, np.linspace(0, 1, strands.shape[1], dtype=np.float32))[None, :, None] * strength
    return strands[leader] + away * (1 - rise + rise * drawn)


def curled(
    strands: Array, radius: NDArray[np.floating], turns: NDArray[np.floating], phase: NDArray[np.floating]
) -> Array:
    """Strands [S, P, 3] wound to helices: ``radius`` [S] metres, ``turns`` [S] times, from ``phase`` [S] radians."""
    along = unit(np.gradient(strands, axis=1))
    reference = np.array([0.31, 0.87, 0.38], np.float32)
    aside = unit(np.cross(along, reference))
    other = np.cross(along, aside)
    rise = np.linspace(0, 1, strands.shape[1], dtype=np.float32)[None]
    angle = (phase[:, None] + 2 * np.pi * turns[:, None] * run(strands.shape[1]))[..., None]
    size = (radius[:, None] * smoothstep(0.0, 0.35, rise))[..., None]
    return strands + size * (np.cos(angle) * aside + np.sin(angle) * other)
