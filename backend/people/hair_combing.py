"""Hair as it is combed: what a cut asks of every strand by the place of its root, and the strands that come of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.head.model import head_model
from backend.nerf.images import smoothstep
from backend.people.anchors import Anchors
from backend.people.body_field import BodyField, unit
from backend.people.hair_cuts import Cut
from backend.people.hair_growth import (
    Growth,
    clumped,
    curled,
    cut_to,
    fraction_above,
    fraction_beside_face,
    grown,
    leaders,
)
from backend.people.hair_tied import drawn_to
from backend.people.roots import mean_normals
from backend.people.scalp import CROWN, Hairline, azimuths
from backend.people.scene import Array

_FRINGE_DEPTH = 0.035  # metres from the hairline that fall into the forehead
_FRINGE_REACH = 44  # degrees to either side
_WHIRL = 0.35  # how much hair turns about the crown
_CUT_BELOW = -9.0  # metres: not cut to any height


@dataclass(frozen=True, eq=False)
class _Scalp:
    """Where the S roots are.

    Args:
        roots: [S, 3] on the mean head.
        normals: [S, 3].
        top: [S] 1 on top of the head, 0 on its sides and back.
        front: [S] 1 before the crown, 0 behind it.
        behind: [S] 1 at the back of the head, 0 at its sides.
        azimuth: [S] degrees from the front.
        fringe: [S] whether the hair falls into the forehead.
        side: [S] -1 to the right of the parting, 1 to the left.
    """

    roots: Array
    normals: Array
    top: Array
    front: Array
    behind: Array
    azimuth: Array
    fringe: NDArray[np.bool_]
    side: Array


def head_strands(
    field: BodyField, cut: Cut, hairline: Hairline, anchors: Anchors, random: np.random.Generator
) -> Array:
    """[S, P, 3] the strands that grow from the roots, around the mean body."""
    places = _divided(cut, hairline, anchors, random)
    roots, count = places.roots, len(places.roots)
    # hair from higher up lies over hair from further down
    depth = 0.75 * smoothstep(-0.09, 0.10, roots[:, 2]) + random.normal(0.18, 0.12, count)
    layer = (cut.volume * np.clip(depth, 0, 1.1)).astype(np.float32)
    if cut.tied:
        mirror = np.where(np.arange(3) == 0, places.side[:, None], 1) if cut.tied == "plaits" else 1
        knot = np.array(cut.gather) * mirror + random.normal(0, 0.004, (count, 3))
        return drawn_to(field, roots, knot.astype(np.float32), layer, cut.points)
    growth = _asked(cut, places, layer, random)
    strands = grown(field, growth, cut.points)
    level = _CUT_BELOW if cut.level is None else cut.level
    levels = np.where(places.fringe, cut.fringe_level, level) + random.normal(0, 0.004, count)
    last = np.minimum(np.exp(-random.exponential(0.10, count)), fraction_above(strands, levels))
    strands = cut_to(strands, last.astype(np.float32))
    leader, of_its_own = np.arange(count), 1.0
    if cut.locks:
        kind = np.stack([places.fringe, places.side > 0, growth.fall > 0], axis=1).astype(np.float32)
        leader, of_its_own = leaders(roots, kind, min(cut.locks, count)), 0.25
        strands = clumped(strands, leader, cut.clumping, cut.gathered)
    bare = np.where(places.fringe, 1.0, fraction_beside_face(strands))
    strands, last = cut_to(strands, bare.astype(np.float32)), last * bare
    if cut.curl:
        length = growth.length * last
        phase = random.uniform(0, 2 * np.pi, count)
        radius = cut.curl * np.exp(random.normal(0, 0.25, count))[leader] * np.minimum(1, length / cut.pitch)
        pitch = cut.pitch * np.exp(random.normal(0, 0.2, count))[leader]
        turns = np.minimum(length / pitch, cut.points / 6)  # fewer points a turn would not look round
        strands = curled(strands, radius, turns, phase[leader] + of_its_own * phase)
    return strands.astype(np.float32)


def _divided(cut: Cut, hairline: Hairline, anchors: Anchors, random: np.random.Generator) -> _Scalp:
    """The roots by the parts of the head that a cut treats differently."""
    roots = anchors.on(head_model().mean)
    count = len(roots)
    azimuth: Array = np.degrees(azimuths(roots)[0])
    fringe = np.zeros(count, np.bool_)
    if cut.fringe is not None:
        near = hairline.inside(roots) < _FRINGE_DEPTH + random.normal(0, 0.005, count)
        fringe = near & (azimuth < _FRINGE_REACH + random.normal(0, 3, count))
    return _Scalp(
        roots=roots,
        normals=unit(anchors.on(mean_normals())),
        top=smoothstep(0.045, 0.085, roots[:, 2] + random.normal(0, 0.004, count)),
        front=smoothstep(0.055, 0.02, roots[:, 1]),
        behind=smoothstep(100, 130, azimuth),
        azimuth=azimuth,
        fringe=fringe,
        side=np.where(roots[:, 0] + random.normal(0, 0.0015, count) < (cut.parting or 0.0), -1, 1).astype(np.float32),
    )


def _asked(cut: Cut, places: _Scalp, layer: Array, random: np.random.Generator) -> Growth:
    """What each strand is to do."""
    count, top, fringe = len(layer), places.top, places.fringe
    strip = np.abs(places.roots[:, 0]) < cut.strip
    length = top * cut.top + (1 - top) * (places.behind * cut.back + (1 - places.behind) * cut.sides)
    raised = 0.5 + 0.5 * places.front if cut.name == "quiff" else 1.0
    lift = top * cut.lift * raised + (1 - top) * cut.side_lift
    if cut.strip:
        length, lift = np.where(strip, cut.top, cut.sides), np.where(strip, cut.lift, cut.side_lift)
    length = np.where(fringe, cut.fringe or 0.0, length) * np.exp(random.normal(0, 0.06, count))
    comb = _combed(cut, places)
    along = unit(comb - places.normals * np.einsum("sc,sc->s", comb, places.normals)[:, None])
    start = along * (1 - lift)[:, None] + places.normals * (lift + 0.08)[:, None] + random.normal(0, 0.1, (count, 3))
    # hair from the front falls over the chest, from behind over the back, but for some
    from_behind = np.where(random.random(count) < 0.15, random.random(count), places.azimuth / 180 + 0.1)
    return Growth(
        roots=places.roots,
        start=unit(start).astype(np.float32),
        comb=comb.astype(np.float32),
        length=length.astype(np.float32),
        layer=layer,
        fall=np.where(from_behind > 0.25 + 0.5 * cut.forward, 1, -1).astype(np.float32),
        face_gap=np.where(fringe, 0, random.uniform(0.056, 0.072, count)).astype(np.float32),
        stiffness=cut.stiffness,
        cling=cut.cling,
    )


def _combed(cut: Cut, places: _Scalp) -> NDArray[np.float64]:
    """[S, 3] where the strands are combed to: around the crown by nature, else as the cut has it."""
    roots, normals, top = places.roots, places.normals, places.top[:, None]
    count = len(roots)
    from_crown = roots - CROWN
    from_crown = from_crown - normals * np.einsum("sc,sc->s", from_crown, normals)[:, None]
    natural = unit(from_crown + np.cross(normals, from_crown) * _WHIRL) + np.array([0, 0, -0.35]) * (1 - top)
    across, back, up = cut.combed
    by_hand = np.stack([across * places.side, np.full(count, back), np.full(count, up)], axis=1)
    # what is combed back is so on the whole head, what is parted only before the crown
    combed_back = back > 0.6
    firm = min(1.0, float(np.linalg.norm(cut.combed)))
    share = firm * top * (places.front + 0.7 * combed_back * (1 - places.front))[:, None]
    downward = np.array([0.0, 0.9 if combed_back else 0.3, -1.0])
    comb = (natural * (1 - share) + by_hand * share) * top + (0.5 * natural + 0.7 * downward) * (1 - top)
    if cut.fringe is not None:
        aside = 1.6 * np.sign(roots[:, 0]) if cut.sweep is None else np.full(count, cut.sweep)
        ahead = np.stack([aside + 3 * roots[:, 0], np.full(count, -1.0), np.full(count, -0.2)], axis=1)
        comb = np.where(places.fringe[:, None], ahead, comb)
    if cut.strip:
        comb = np.where(np.abs(roots[:, :1]) < cut.strip, np.array([0, 0.05, 0.3]), comb)
    return np.asarray(comb, np.float64)
