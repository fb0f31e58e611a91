"""Beards: short and long hair on the face, carried along by the skin it grows from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.capture.correspondence import correspondence
from backend.head.model import head_model
from backend.nerf.images import smoothstep
from backend.people.anchors import Anchors
from backend.people.body_field import PersonalSpace, body_field, skin_normals, unit
from backend.people.hair_growth import SKIN_GAP, Growth, clumped, curled, cut_to, grown, leaders
from backend.people.hair_tint import natural_tint, strand_colours
from backend.people.randomness import stream
from backend.people.roots import Ground, ground, mean_normals, scattered
from backend.people.scalp import azimuths
from backend.people.scene import Array, Layer, Material, Strands, Traits
from backend.people.skin_regions import LIPS

_GLOSS = Material(specular=0.03, roughness=0.45)
# The upper edge of the beard: distance from the face's middle and height, metres on the mean head
_EDGE = np.array([(0, -54), (18, -54), (28, -62), (40, -70), (54, -62), (62, -42), (68, -8), (90, -4)]) * 1e-3


@dataclass(frozen=True)
class Shave:
    """What of the beard stands, and how long: metres, 0 is shaved.

    Args:
        name: for the model card.
        moustache: over the upper lip.
        chin: around the chin.
        cheeks: along the jaw and before the ears.
        neck: under the jaw.
        hairs: how many a beard over all of the face would have.
        width: of a hair, metres.
        patches: 0 (closed) to 1 (thin, with bare patches).
        points: along each hair.
    """

    name: str
    moustache: float = 0.0
    chin: float = 0.0
    cheeks: float = 0.0
    neck: float = 0.0
    hairs: int = 6500
    width: float = 0.0008
    patches: float = 0.1
    points: int = 5


SHAVES = {
    shave.name: shave
    for shave in (
        Shave("none"),
        Shave("stubble", 0.003, 0.003, 0.0025, 0.002, hairs=7500, width=0.0004, points=3, patches=0.25),
        Shave("moustache", moustache=0.014),
        Shave("goatee", moustache=0.011, chin=0.016),
        Shave("chin beard", chin=0.02),
        Shave("sideburns", cheeks=0.016),
        Shave("patchy", 0.006, 0.008, 0.006, 0.003, hairs=5500, width=0.0005, patches=0.8, points=4),
        Shave("short beard", 0.009, 0.011, 0.008, 0.004),
        Shave("full beard", 0.016, 0.03, 0.022, 0.014, hairs=6000, width=0.0011, points=6),
        Shave("long beard", 0.024, 0.11, 0.055, 0.06, hairs=4200, width=0.002, points=9),
    )
}
_FREQUENCY = {
    "none": 10, "stubble": 4, "moustache": 1, "goatee": 1.2, "chin beard": 0.4, "sideburns": 0.5, "patchy": 1,
    "short beard": 3, "full beard": 2, "long beard": 0.8,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Beard:
    """A beard.

    Args:
        strands: its hairs, none if it is shaved.
        style: its name.
    """

    strands: tuple[Strands, ...]
    style: str


def beard(seed: int, traits: Traits, neutral: Array) -> Beard:
    """The beard of the person of that seed, whose head model at rest is ``neutral`` [6931, 3]; often none."""
    random = stream(seed, "beard")
    if traits.age < 17 or traits.female > 0.4:
        return Beard((), "none")
    names = [name for name in SHAVES if traits.age > 20 or name in ("none", "stubble", "patchy", "moustache")]
    weights = np.array([_FREQUENCY[name] for name in names])
    shave = SHAVES[str(random.choice(names, p=weights / weights.sum()))]
    longer = float(np.exp(random.normal(0, 0.25)))
    shave = replace(
        shave,
        moustache=shave.moustache * min(longer, 1.3),
        chin=shave.chin * longer,
        cheeks=shave.cheeks * longer,
        neck=shave.neck * longer,
        patches=float(np.clip(shave.patches + random.normal(0.05, 0.1), 0, 1)),
    )
    return Beard(grown_beard(shave, traits, neutral, random), shave.name)


def grown_beard(shave: Shave, traits: Traits, neutral: Array, random: np.random.Generator) -> tuple[Strands, ...]:
    """That beard on that face; empty where it is shaved."""
    phase = random.uniform(0, 6, 3)

    def stands(points: Array) -> NDArray[np.bool_]:
        length = _length(shave, points)
        patch = np.sin(170 * points[:, 0] + phase[0]) * np.sin(150 * points[:, 2] + phase[1]) * 0.5 + 0.5
        dense = smoothstep(0.0, 0.004, _margin(points)) * (1 - shave.patches * (0.35 + 0.65 * patch))
        return (length > 0.001) & (random.random(len(points)) < dense)

    anchors = scattered(_face(), stands, shave.hairs, random)
    if len(anchors.index) < 20:
        return ()
    strands = _strands(shave, anchors, random)
    field = body_field()
    space = PersonalSpace(field, neutral, skin_normals(neutral))
    rise = np.linspace(0, 1, shave.points, dtype=np.float32)[None]
    placed = space.carry(strands, anchors.on(neutral), SKIN_GAP * np.minimum(1, 4 * rise))
    taper = np.minimum(0.7 + 2 * rise, 1) * (1 - 0.7 * smoothstep(0.5, 1.0, rise))
    width = 0.5 * shave.width * np.exp(random.normal(0, 0.2, (len(strands), 1)))
    tint = natural_tint(traits, random)
    lock = np.arange(len(strands)) // 6
    shade = np.broadcast_to(0.55 + 0.45 * rise, strands.shape[:2]).astype(np.float32)
    share = np.repeat(anchors.on(head_model().head_share)[:, None], shave.points, axis=1)
    return (
        Strands(
            placed,
            (width * taper).astype(np.float32),
            strand_colours(tint, lock, shade, random),
            Layer.BEARD,
            share.astype(np.float32),
            _GLOSS,
            anchors.index.astype(np.int32),
            anchors.weights,
        ),
    )


def _strands(shave: Shave, anchors: Anchors, random: np.random.Generator) -> Array:
    """[S, P, 3] the hairs around the mean head."""
    roots, normals = anchors.on(head_model().mean), unit(anchors.on(mean_normals()))
    count = len(roots)
    length = (_length(shave, roots) * np.exp(random.normal(0, 0.15, count))).astype(np.float32)
    lip = _on_upper_lip(roots)
    side = np.clip(roots[:, 0] / 0.006, -1, 1)
    down = np.stack([4 * roots[:, 0], np.full(count, -0.25), np.full(count, -1.0)], axis=1)
    aside = np.stack([0.8 * side, np.full(count, -0.1), np.full(count, -0.9)], axis=1)
    comb = np.where(lip[:, None], aside, down)
    tangent = unit(comb - normals * np.einsum("sc,sc->s", comb, normals)[:, None])
    lift = np.where(lip, 0.35, 0.5)[:, None]
    growth = Growth(
        roots=roots,
        start=unit(tangent * (1 - lift) + normals * lift + random.normal(0, 0.16, (count, 3))).astype(np.float32),
        comb=comb.astype(np.float32),
        length=length,
        layer=(0.25 * length * random.uniform(0.1, 1, count)).clip(0, 0.012).astype(np.float32),
        fall=np.full(count, -1, np.float32),
        face_gap=np.zeros(count, np.float32),
        stiffness=0.05,
        cling=0.1,
    )
    strands = cut_to(grown(body_field(), growth, shave.points), random.uniform(0.75, 1, count).astype(np.float32))
    if length.max() < 0.012:
        return strands
    leader = leaders(roots, lip[:, None].astype(np.float32), max(1, count // 12))
    strands = clumped(strands, leader, 0.5, 0.002)
    waves = np.minimum(length / 0.03, shave.points / 5)
    return curled(strands, 0.06 * length.clip(0, 0.04), waves, random.uniform(0, 2 * np.pi, count)).astype(np.float32)


def _length(shave: Shave, points: Array) -> Array:
    """[N, 3] on the mean head -> [N] metres of beard there."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    lip = _on_upper_lip(points)
    chin = smoothstep(0.036, 0.026, x) * (z < -0.072)
    # under the jaw the skin looks down and lies further back the lower it is
    below = smoothstep(-0.004, 0.006, -0.098 - z - 0.42 * (y + 0.11))
    cheeks = shave.cheeks * (1 - below) + shave.neck * below
    if shave.cheeks and not shave.chin:  # sideburns end before the chin
        cheeks = cheeks * smoothstep(0.046, 0.054, x)
    cheeks = cheeks * (0.35 + 0.65 * smoothstep(-0.015, -0.06, z))  # shorter up to the ears
    return np.where(lip, shave.moustache, cheeks * (1 - chin) + shave.chin * chin * (1 - 0.5 * below))


def _margin(points: Array) -> Array:
    """[N, 3] on the mean head -> [N] metres inside the parts that bear a beard."""
    x, z = np.abs(points[:, 0]), points[:, 2]
    azimuth = np.degrees(azimuths(points)[0])
    upper = np.interp(x, _EDGE[:, 0], _EDGE[:, 1]) - z
    behind = np.radians(75 - azimuth + 120 * np.clip(-0.04 - z, 0, 0.06)) * 0.07
    below = points[:, 2] + 0.128
    return np.minimum(np.minimum(upper, behind), np.minimum(below, _beside_lips(points)))


def _on_upper_lip(points: Array) -> NDArray[np.bool_]:
    x, z = np.abs(points[:, 0]), points[:, 2]
    return np.asarray((x < 0.034) & (z > -0.0715 - 0.6 * np.clip(x - 0.024, 0, 1)))


def _beside_lips(points: Array) -> Array:
    """[N] metres from the outline of the lips seen from the front, below 0 on them; far from them, just above 0.02."""
    near = np.flatnonzero((np.abs(points[:, 0]) < 0.05) & (points[:, 2] > -0.11) & (points[:, 2] < -0.04))
    margin = np.full(len(points), 0.021, np.float32)
    margin[near] = _from_lips(points[near])
    return margin


def _from_lips(points: Array) -> Array:
    rim = correspondence().on(head_model().mean)[LIPS][:, [0, 2]]
    start, along = rim, np.roll(rim, -1, axis=0) - rim
    away = points[:, None, [0, 2]] - start
    at = np.clip((away * along).sum(axis=-1) / (along**2).sum(axis=-1), 0, 1)
    distance = np.linalg.norm(away - at[..., None] * along, axis=-1).min(axis=1)
    # a point is inside if a ray to the right crosses the outline an odd number of times
    end = start + along
    spans = (start[:, 1] > points[:, None, 2]) != (end[:, 1] > points[:, None, 2])
    crossing = start[:, 0] + (points[:, None, 2] - start[:, 1]) / np.where(spans, along[:, 1], 1) * along[:, 0]
    inside = (spans & (points[:, None, 0] < crossing)).sum(axis=1) % 2 == 1
    return (
        np.where(inside | (points[:, 1] > -0.07) & (np.abs(points[:, 0]) < 0.03) & (points[:, 2] > -0.09), -1, 1)
        * distance
    )


@lru_cache(maxsize=1)
def _face() -> Ground:
    """The head model's triangles on which a beard may grow."""

    def bears(corners: Array) -> NDArray[np.bool_]:
        margin = _margin(corners.reshape(-1, 3)).reshape(corners.shape[:2])
        return (margin > 0).any(axis=1) & (corners[..., 1] < 0).all(axis=1)

    return ground(bears)
