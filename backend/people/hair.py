"""Hair: a cut, grown from a person's scalp, in its colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.head.model import head_model
from backend.nerf.images import smoothstep
from backend.people.anchors import Anchors
from backend.people.body_field import PersonalSpace, body_field, skin_normals
from backend.people.hair_combing import head_strands
from backend.people.hair_cuts import Cut, drawn_cut
from backend.people.hair_growth import SKIN_GAP, leaders, least_gap
from backend.people.hair_tied import tied_strands
from backend.people.hair_tint import Tint, drawn_tint, strand_colours
from backend.people.randomness import stream
from backend.people.scalp import Hairline, scalp, scalp_roots
from backend.people.scene import Array, Layer, Material, Strands, Surface, Traits

_GLOSS = Material(specular=0.04, roughness=0.4)
_DULL = Material(specular=0.02, roughness=0.8)
_SHADE_LOCKS = 500  # bundles that differ in brightness where a cut has no locks
_FLYAWAY = 0.06  # share of strands that are single hairs
_FLYAWAY_WIDTH = 0.0006


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
    if loss == 0:
        return line
    return replace(
        line,
        forehead=line.forehead + 0.045 * loss * random.uniform(0.2, 1),
        temples=line.temples + 0.035 * loss**0.7,
        crown=0.0 if loss < 0.3 else float(0.015 + 0.06 * loss * random.uniform(0.4, 1)),
    )


def worn(cut: Cut, hairline: Hairline, tint: Tint, neutral: Array, random: np.random.Generator) -> Hair:
    """That cut, within that hairline, on the head ``neutral`` [6931, 3]."""
    if cut.strands == 0:
        return Hair((), (), cut.name)
    field = body_field()
    space = PersonalSpace(field, neutral, skin_normals(neutral))
    anchors = scalp_roots(hairline, cut.strands, random)
    if len(anchors.index) == 0:
        return Hair((), (), "bald")
    grown = head_strands(field, cut, hairline, anchors, random)
    unlike = np.zeros((len(grown), 0), np.float32)
    bundle = leaders(grown[:, 0], unlike, min(cut.locks or _SHADE_LOCKS, len(grown)))
    groups = [_placed(space, cut, grown, anchors, bundle, tint, random)]
    for tied in tied_strands(field, cut, random):
        groups.append(_placed(space, cut, tied, None, np.arange(len(tied)) // 12, tint, random))
    return Hair((_coat(space, cut, hairline, tint),), tuple(groups), cut.name)


def _placed(
    space: PersonalSpace,
    cut: Cut,
    strands: Array,
    anchors: Anchors | None,
    bundle: NDArray[np.int64],
    tint: Tint,
    random: np.random.Generator,
) -> Strands:
    """Strands [S, P, 3] around the mean body as the person wears them; with roots on the skin at the anchors."""
    field, count = space.field, len(strands)
    rise = np.linspace(0, 1, strands.shape[1], dtype=np.float32)[None]
    share = field.share[field.node(strands)]
    if anchors is None:
        roots = strands[:, 0] + space.displacement(strands[:, :1])[:, 0]
    else:
        roots = anchors.on(space.neutral)
        share[:, 0] = anchors.on(head_model().head_share)
    # what hangs down turns with whatever part of the body is beside it, and never more than what it hangs from
    share = np.minimum.accumulate(share, axis=1)
    for _ in range(3):
        share[:, 1:-1] = 0.5 * share[:, 1:-1] + 0.25 * (share[:, :-2] + share[:, 2:])
    taper = np.minimum(0.55 + 2.5 * rise, 1) * (1 - 0.75 * smoothstep(0.55, 1.0, rise))
    width = cut.width * np.exp(random.normal(0, 0.2, (count, 1)))
    width = np.where(random.random((count, 1)) < _FLYAWAY, _FLYAWAY_WIDTH, width)
    depth = field.clearance(strands)[0] / max(cut.volume, 0.003)
    colour = strand_colours(tint, bundle, np.clip(0.35 + depth, 0, 1), random)
    return Strands(
        points=space.carry(strands, roots, least_gap(strands, 0.0) * np.minimum(1, 6 * rise)),
        half_width=(0.5 * width * taper).astype(np.float32),
        colour=colour,
        layer=Layer.HAIR,
        head_share=share.astype(np.float32),
        material=_GLOSS,
    )


def _coat(space: PersonalSpace, cut: Cut, hairline: Hairline, tint: Tint) -> Surface:
    """The shaded inside of the hair: the scalp, raised a little, and sunk into the skin along the hairline."""
    model = head_model()
    used, local = np.unique(scalp().faces, return_inverse=True)
    margin = hairline.inside(model.mean[used].astype(np.float32))
    # hair that stands on end is thick throughout
    thickness = SKIN_GAP + 0.5 * cut.volume * max(0.0, cut.side_lift - 0.4)
    raised = np.clip((margin - 0.007) * 0.4, -0.004, thickness)
    carried_by = np.repeat(used[:, None], 3, axis=1).astype(np.int32)
    return Surface(
        vertices=(space.neutral[used] + space.normals[used] * raised[:, None]).astype(np.float32),
        faces=local.reshape(-1, 3).astype(np.int32),
        colour=np.tile(0.75 * tint.within, (len(used), 1)).astype(np.float32),
        layer=Layer.HAIR,
        head_share=model.head_share[used].astype(np.float32),
        material=_DULL,
        carriers=carried_by,
        carrier_weights=np.tile(np.array([1, 0, 0], np.float32), (len(used), 1)),
    )
