"""Hair: a cut, grown from a person's scalp, in its colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backend.head.model import head_model
from backend.people.anchors import Anchors
from backend.people.body_field import BodyField, PersonalSpace, body_field, skin_faces, unit, vertex_normals
from backend.people.hair_cuts import Cut, drawn_cut
from backend.people.hair_growth import (
    SKIN_GAP,
    Growth,
    clumped,
    curled,
    cut_to,
    fraction_above,
    grown,
    leaders,
    least_gap,
    smoothstep,
)
from backend.people.hair_tied import braid, bun, drawn_to, hanging, tail
from backend.people.hair_tint import Tint, drawn_tint, strand_colours
from backend.people.randomness import stream
from backend.people.scalp import CROWN, Hairline, azimuths, mean_normals, scalp_faces, scattered_roots
from backend.people.scene import Array, Layer, Material, Strands, Surface, Traits

GLOSS = Material(specular=0.05, roughness=0.35)
_DULL = Material(specular=0.02, roughness=0.8)


@dataclass(frozen=True, eq=False)
class Hair:
    """A head of hair.

    Args:
        surfaces: the shaded coat over the scalp, under the strands.
        strands: what shows.
        style: the cut's name.
    """

    surfaces: tuple[Surface, ...]
    strands: tuple[Strands, ...]
    style: str


def hair(seed: int, traits: Traits, neutral: Array) -> Hair:
    """The hair of the person of that seed, whose head model at rest is ``neutral`` [6931, 3]."""
    random = stream(seed, "hair")
    return worn(drawn_cut(traits, random), drawn_hairline(traits, random), drawn_tint(traits, random), neutral, random)


def drawn_hairline(traits: Traits, random: np.random.Generator) -> Hairline:
    """A hairline for these traits: men's recede with age, and some go bald on the crown."""
    line = Hairline(
        forehead=float(random.normal(0, 0.005)),
        peak=float(max(0, random.normal(0.001, 0.004))),
        temples=float(max(0, random.normal(0.003, 0.005))),
        sideburns=float(random.uniform(0, 0.02) * (1 - traits.female)) if traits.age > 16 else -0.01,
        nape=float(random.normal(0, 0.006)),
        wobble=float(random.uniform(0.001, 0.003)),
        phase=float(random.uniform(0, 6)),
    )
    loss = np.clip((traits.age - random.normal(48, 16)) / 30, 0, 1) * max(0.0, 1 - 2 * traits.female)
    if loss > 0:
        crown = 0.0 if loss < 0.3 else 0.015 + 0.06 * loss * random.uniform(0.4, 1)
        line = replace(
            line,
            forehead=line.forehead + 0.045 * loss * random.uniform(0.2, 1),
            temples=line.temples + 0.035 * loss**0.7,
            crown=float(crown),
        )
    return line


def worn(cut: Cut, hairline: Hairline, tint: Tint, neutral: Array, random: np.random.Generator) -> Hair:
    """That cut, within that hairline, on that head."""
    field = body_field()
    space = PersonalSpace(field, neutral, vertex_normals(neutral, skin_faces()))
    if cut.strands == 0:
        return Hair((), (), cut.name)
    anchors = scattered_roots(hairline, cut.strands, random)
    if cut.strip:
        width = np.abs(anchors.on(head_model().mean)[:, 0])
        sparse = (width < cut.strip) | (random.random(len(width)) < 1.0)
        anchors = Anchors(anchors.index[sparse], anchors.weights[sparse])
    if len(anchors.index) < 8:
        return Hair((), (), "bald")
    groups = [_head_strands(field, cut, hairline, anchors, random)]
    lead = groups[0]
    locks = leaders(lead[:, 0], np.zeros((len(lead), 0), np.float32), max(1, min(cut.locks or 500, len(lead) // 4)))
    strands = [_finished(space, cut, lead, anchors, locks, tint, random)]
    for extra in _tied(field, cut, random):
        strands.append(_finished(space, cut, extra, None, np.arange(len(extra)) // 12, tint, random))
    return Hair((_coat(space, cut, hairline, tint),), tuple(strands), cut.name)


def _head_strands(
    field: BodyField, cut: Cut, hairline: Hairline, anchors: Anchors, random: np.random.Generator
) -> Array:
    """[S, P, 3] the strands that grow from the roots, around the mean body."""
    roots = anchors.on(head_model().mean)
    normals = unit(anchors.on(mean_normals()))
    layer = cut.volume * np.clip(
        0.75 * smoothstep(-0.09, 0.10, roots[:, 2]) + random.normal(0.18, 0.12, len(roots)), 0, 1.1
    )
    if cut.tied:
        sides = np.where(roots[:, :1] < (cut.parting or 0.0), -1, 1) if cut.tied == "plaits" else 1
        knot = np.array(cut.gather, np.float32) * np.where(np.arange(3) == 0, sides, 1)
        knot = knot + random.normal(0, 0.004, (len(roots), 3))
        return drawn_to(field, roots, knot.astype(np.float32), layer.astype(np.float32), cut.points)
    growth, fringe, level = _growth(cut, hairline, roots, normals, layer.astype(np.float32), random)
    strands = grown(field, growth, cut.points)
    last = np.exp(-random.exponential(0.10, len(roots))).astype(np.float32)
    last = np.minimum(last, fraction_above(strands, level))
    strands = cut_to(strands, last)
    if cut.locks:
        kind = np.stack([fringe, growth.comb[:, 0] > 0, growth.fall > 0], axis=1)
        leader = leaders(roots, kind, min(cut.locks, len(roots)))
        strands = clumped(strands, leader, cut.clumping, 0.004 if cut.name == "locks" else cut.gathered)
        own = 0.25
    else:
        leader, own = np.arange(len(roots)), 1.0
    if cut.curl:
        length = growth.length * last
        phase = random.uniform(0, 2 * np.pi, len(roots))
        phase = phase[leader] + own * phase
        radius = cut.curl * np.exp(random.normal(0, 0.25, len(roots)))[leader] * np.minimum(1, length / cut.pitch)
        pitch = cut.pitch * np.exp(random.normal(0, 0.2, len(roots)))[leader]
        strands = curled(strands, radius, np.minimum(length / pitch, cut.points / 5.0), phase)
    return strands.astype(np.float32)


def _growth(
    cut: Cut, hairline: Hairline, roots: Array, normals: Array, layer: Array, random: np.random.Generator
) -> tuple[Growth, np.ndarray, Array]:
    """What each strand is to do, which of them are the fringe, and the heights [S] at which they are cut."""
    count = len(roots)
    azimuth = np.degrees(azimuths(roots)[0])
    top = smoothstep(0.045, 0.085, roots[:, 2] + random.normal(0, 0.004, count))
    behind = smoothstep(100, 130, azimuth)
    front = smoothstep(0.035, -0.01, roots[:, 1])
    fringe = np.zeros(count, bool)
    if cut.fringe is not None:
        depth = hairline.inside(roots)
        fringe = (azimuth < 44 + random.normal(0, 3, count)) & (depth < 0.035 + random.normal(0, 0.005, count))
    length = top * cut.top + (1 - top) * (behind * cut.back + (1 - behind) * cut.sides)
    if cut.strip:
        length = np.where(np.abs(roots[:, 0]) < cut.strip, cut.top, cut.sides)
    length = length * np.exp(random.normal(0, 0.06, count))
    parting = cut.parting or 0.0
    side = np.where(roots[:, 0] + random.normal(0, 0.0015, count) < parting, -1, 1)
    radial = roots - CROWN
    radial = radial - normals * np.einsum("sc,sc->s", radial, normals)[:, None]
    radial = unit(radial + np.cross(normals, radial) * 0.35) + np.array([0, 0, -0.35]) * (1 - top)[:, None]
    across, back, up = cut.combed
    # a parting in the middle parts both ways; beside the middle, the broad side sweeps over the top
    sweep = (
        side
        if cut.top > 0.2 or abs(parting) < 0.01
        else np.full(count, -np.sign(parting)) * np.where(side == np.sign(parting), -1, 1)
    )
    combed = np.stack([across * sweep, np.full(count, back), np.full(count, up)], axis=1)
    firm = min(1.0, float(np.linalg.norm(cut.combed))) * (front * top + (back > 0.6) * (1 - front) * top * 0.7)[:, None]
    downward = np.stack([0.0 * side, np.full(count, 0.30 if back < 0.6 else 0.9), np.full(count, -1.0)], axis=1)
    comb = radial * (1 - firm) + combed * firm
    comb = comb * top[:, None] + (0.5 * radial + 0.7 * downward) * (1 - top)[:, None]
    lift = top * cut.lift * (0.5 + 0.5 * front if cut.name == "quiff" else 1.0) + (1 - top) * cut.side_lift
    if cut.fringe is not None:
        sweep_x = 1.6 * np.sign(roots[:, 0]) if cut.sweep is None else np.full(count, cut.sweep)
        ahead = np.stack([sweep_x + 3 * roots[:, 0], np.full(count, -1.0), np.full(count, -0.2)], axis=1)
        comb = np.where(fringe[:, None], ahead, comb)
        length = np.where(fringe, cut.fringe * np.exp(random.normal(0, 0.05, count)), length)
    if cut.strip:
        comb = np.where((np.abs(roots[:, 0]) < cut.strip)[:, None], np.array([0, 0.05, 0.3]), comb)
        lift = np.where(np.abs(roots[:, 0]) < cut.strip, cut.lift, 0.3)
    jitter = random.normal(0, 0.10, (count, 3))
    tangent = comb - normals * np.einsum("sc,sc->s", comb, normals)[:, None]
    start = unit(unit(tangent) * (1 - lift)[:, None] + normals * (lift + 0.08)[:, None] + jitter)
    level = np.full(count, -9.0 if cut.level is None else cut.level) + random.normal(0, 0.005, count)
    level = np.where(fringe, cut.fringe_level + random.normal(0, 0.003, count), level)
    fall = np.where(random.random(count) < 0.15, random.random(count), azimuth / 180 + 0.1) > 0.25 + 0.5 * cut.forward
    growth = Growth(
        roots=roots, start=start.astype(np.float32), comb=comb.astype(np.float32), length=length.astype(np.float32),
        layer=layer, fall=np.where(fall, 1, -1).astype(np.float32),
        face_gap=np.where(fringe, 0, random.uniform(0.056, 0.072, count)).astype(np.float32),
        stiffness=cut.stiffness, cling=cut.cling,
    )  # fmt: skip
    return growth, fringe, level.astype(np.float32)


def _tied(field: BodyField, cut: Cut, random: np.random.Generator) -> list[Array]:
    """What hangs or sits where hair is tied, each [S, P, 3] around the mean body."""
    if not cut.tied:
        return []
    knot = np.array(cut.gather, np.float32)
    outward = field.clearance(knot[None])[1][0]
    if cut.tied == "ponytail":
        strands = tail(field, knot, outward, 0.14 + 0.5 * cut.top, 0.019, 700, 14, 1.0, random)
        return [strands]
    if cut.tied == "bun":
        return [bun(knot, outward, float(random.uniform(0.026, 0.042)), 420, 12, random)]
    if cut.tied == "braid":
        path = hanging(field, knot, outward, 0.12 + 0.6 * cut.top, 0.016, 1.0, 26)
        return [braid(path, 0.017, 300, 0.055, random)]
    plaits = []
    for side in (-1, 1):
        place = knot * np.array([side, 1, 1], np.float32)
        away = field.clearance(place[None])[1][0]
        path = hanging(field, place, away, 0.10 + 0.6 * cut.top, 0.014, -1.0, 26)
        plaits.append(braid(path, 0.0125, 200, 0.045, random))
    return plaits


def _finished(
    space: PersonalSpace, cut: Cut, strands: Array, anchors: Anchors | None, locks: np.ndarray, tint: Tint,
    random: np.random.Generator,
) -> Strands:  # fmt: skip
    """Strands around the mean body as the person wears them."""
    field = space.field
    count, points = strands.shape[:2]
    distance = field.clearance(strands)[0]
    rise = np.linspace(0, 1, points, dtype=np.float32)[None]
    gap = least_gap(strands, np.zeros(1, np.float32)) * np.minimum(1, 6 * rise)
    roots = strands[:, 0] + space.displacement(strands[:, :1])[:, 0]
    share = field.share[field.node(strands)]
    if anchors is not None:
        roots = anchors.on(space.neutral)
        share[:, 0] = anchors.on(head_model().head_share)
    share = np.minimum.accumulate(share, axis=1)
    for _ in range(3):
        share[:, 1:-1] = 0.5 * share[:, 1:-1] + 0.25 * (share[:, :-2] + share[:, 2:])
    placed = space.carry(strands, roots, gap)
    width = 0.5 * cut.width * np.exp(random.normal(0, 0.2, (count, 1)))
    fine = random.random((count, 1)) < 0.06
    taper = np.minimum(0.55 + 2.5 * rise, 1) * (1 - 0.75 * smoothstep(0.55, 1.0, rise))
    depth = 0.6 * cut.volume if cut.name != "afro" else 0.06
    shade = np.clip(0.35 + 0.65 * distance / max(depth, 0.002), 0.2, 1) if cut.top > 0.01 else np.ones_like(distance)
    colour = strand_colours(tint, locks, shade, random)
    return Strands(
        placed, (np.where(fine, 0.0003, width) * taper).astype(np.float32), colour, Layer.HAIR,
        share.astype(np.float32), GLOSS,
    )  # fmt: skip


def _coat(space: PersonalSpace, cut: Cut, hairline: Hairline, tint: Tint) -> Surface:
    """The shaded inside of the hair: the scalp, raised a little, and sunk into the skin along the hairline."""
    model, faces = head_model(), scalp_faces()
    used, local = np.unique(faces, return_inverse=True)
    margin = hairline.inside(model.mean[used].astype(np.float32))
    thickness = 0.7 * SKIN_GAP + max(0.0, cut.side_lift - 0.4) * 0.5 * cut.volume
    raised = np.clip((margin - 0.007) * 0.4, -0.004, thickness)
    colour = np.tile(0.75 * tint.root, (len(used), 1)).astype(np.float32)
    weights = np.tile(np.array([1, 0, 0], np.float32), (len(used), 1))
    return Surface(
        (space.neutral[used] + space.normals[used] * raised[:, None]).astype(np.float32),
        local.reshape(-1, 3).astype(np.int32),
        colour,
        Layer.HAIR,
        model.head_share[used].astype(np.float32),
        _DULL,
        np.stack([used] * 3, axis=1).astype(np.int32),
        weights,
    )


__all__ = ["SKIN_GAP", "Hair", "drawn_hairline", "hair", "worn"]
