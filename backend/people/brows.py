"""Brows and lashes: hairs on the head model's skin that its brows and lids carry along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from backend.capture.correspondence import correspondence
from backend.head.model import EYE, SKIN, head_model
from backend.people.hair_colours import hair_colour
from backend.people.randomness import stream
from backend.people.scene import Array, Layer, Material, Strands, Traits
from backend.people.skin_regions import EYES

# Rows of landmarks along the brows from the inner to the outer end, right and left
_LOWER = ([55, 65, 52, 53, 46], [285, 295, 282, 283, 276])
_UPPER = ([107, 66, 105, 63, 70], [336, 296, 334, 293, 300])
ALONG, ACROSS = 96, 33  # places on which brow hairs may stand
ACROSS_FROM, ACROSS_TO = -0.9, 1.9  # of the distance between the rows of landmarks
LASH_ROOTS = 160  # places on the edge of each lid
BROW_HAIRS, UPPER_LASHES, LOWER_LASHES = 520, 90, 50  # for one eye, at most


@dataclass(frozen=True, eq=False)
class _Places:
    """Places on the mean head's skin: [..., 3] corners and barycentric weights."""

    corners: NDArray[np.int32]
    weights: Array

    def on(self, vertices: Array) -> Array:
        return np.einsum("...kc,...k->...c", vertices[self.corners], self.weights)


def brows_and_lashes(seed: int, traits: Traits, neutral: Array) -> tuple[Strands, ...]:
    """The brows, and the lashes of both eyes.

    Args:
        seed: of the person.
        traits: age, sex and hair colour.
        neutral: [6931, 3] the person's head at rest.
    """
    return _brows(stream(seed, "brows"), traits, neutral), _lashes(stream(seed, "lashes"), traits, neutral)


def _on_skin(places: NDArray[np.floating]) -> _Places:
    """The skin's places nearest to places [..., 3] around the mean head's eyes."""
    model = head_model()
    faces = model.faces[(model.region[model.faces] == SKIN).all(axis=1)]
    middle = model.mean[faces].mean(axis=1)
    faces = faces[(middle[:, 1] < -0.06) & (np.abs(middle[:, 2] - 0.015) < 0.035)]
    weights = np.random.default_rng(0).dirichlet([1, 1, 1], (len(faces), 300)).astype(np.float32)
    samples = np.einsum("fnk,fkc->fnc", weights, model.mean[faces]).reshape(-1, 3)
    nearest = cKDTree(samples).query(places)[1]
    return _Places(faces[nearest // 300].astype(np.int32), weights.reshape(-1, 3)[nearest])


def _between(marks: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """[N, 3] -> [count, 3] along the line through them."""
    at = np.linspace(0, len(marks) - 1, count)
    return np.stack([np.interp(at, np.arange(len(marks)), column) for column in marks.T], axis=1)


@lru_cache(maxsize=1)
def _brow_places() -> tuple[_Places, ...]:
    """Right and left, each [ALONG, ACROSS]."""
    marks = correspondence().on(head_model().mean)
    across = np.linspace(ACROSS_FROM, ACROSS_TO, ACROSS)[:, None]
    sides = []
    for lower, upper in zip(_LOWER, _UPPER, strict=True):
        below, above = _between(marks[lower], ALONG), _between(marks[upper], ALONG)
        sides.append(_on_skin(below[:, None] + (above - below)[:, None] * across))
    return tuple(sides)


@lru_cache(maxsize=1)
def _lid_places() -> tuple[tuple[_Places, _Places], ...]:
    """Right and left: [LASH_ROOTS] places on the edge of upper and lower lid, from the inner corner outwards."""
    marks = correspondence().on(head_model().mean)
    return tuple(
        (_on_skin(_between(marks[eye[8::-1]], LASH_ROOTS)), _on_skin(_between(marks[eye[8:] + eye[:1]], LASH_ROOTS)))
        for eye in EYES
    )


def _brows(random: np.random.Generator, traits: Traits, neutral: Array) -> Strands:
    male = 1 - traits.female
    grown = float(np.clip((traits.age - 3) / 15, 0.35, 1))
    density = grown * random.uniform(0.45, 1) * (0.75 + 0.25 * male)
    thickness = random.uniform(0.45, 0.85) + 0.3 * male * random.random()
    arch, lift = random.normal(0.1 + 0.15 * traits.female, 0.2), random.normal(0, 0.18)
    tilt, end = random.normal(0, 0.2), random.uniform(0.85, 1.0)
    length = random.uniform(0.006, 0.009) * (0.75 + 0.25 * grown) + 0.003 * max(0.0, traits.age - 55) / 35 * male
    chosen_places, roots, bases = [], [], []
    for places in _brow_places():
        on_face = places.on(neutral)
        outward = np.gradient(on_face, axis=0)
        upward = np.gradient(on_face, axis=1)
        count = round(BROW_HAIRS * density)
        along = random.beta(1.15, 1.3, count) * end
        profile = thickness * np.interp(along, [0, 0.12, 0.55, 1], [0.55, 1.0, 0.85, 0.12])
        line = 0.5 + lift + arch * np.sin(np.pi * np.clip(along * 0.85 + 0.1, 0, 1)) + tilt * (along - 0.4)
        across = line + profile * (random.beta(2, 2, count) - 0.5) * 1.5
        row = np.clip((along * (ALONG - 1)).round(), 0, ALONG - 1).astype(int)
        column = ((across - ACROSS_FROM) / (ACROSS_TO - ACROSS_FROM) * (ACROSS - 1)).round()
        column = np.clip(column, 0, ACROSS - 1).astype(int)
        away, up = _unit(outward[row, column]), _unit(upward[row, column])
        normal = _unit(np.cross(away, up))
        normal *= np.where(normal[:, 1:2] > 0, -1, 1)
        # hairs stand up at the inner end, lie outwards in the middle and turn down at the tail; those below rise more
        turn = np.interp(along, [0, 0.15, 0.5, 1], [1.25, 0.8, 0.3, -0.15]) - 0.5 * (across - line) / (thickness + 0.1)
        turn += random.normal(0, 0.16, count)
        heading = away * np.cos(turn)[:, None] + up * np.sin(turn)[:, None]
        size = length * np.interp(along, [0, 0.2, 0.6, 1], [0.75, 1, 1, 0.7]) * random.uniform(0.7, 1.15, count)
        t = np.linspace(0, 1, 4)[None, :, None]
        bend = away * np.cos(turn - 0.6)[:, None] + up * np.sin(turn - 0.6)[:, None]
        step = heading[:, None] * t * (1 - 0.45 * t) + bend[:, None] * 0.45 * t * t
        rise = normal[:, None] * (0.16 * t * (1.3 - t) + 0.02)
        roots.append(on_face[row, column][:, None] + (step + rise) * size[:, None, None])
        chosen_places.append(places.corners[row, column])
        bases.append(places.weights[row, column])
    points = np.concatenate(roots).astype(np.float32)
    count = len(points)
    tint = random.uniform(0, 1, 3)
    if not traits.arbitrary:
        tint = hair_colour(random, replace(traits, grey=0.0)) * random.uniform(0.55, 0.9)
    shade = np.exp(random.normal(0, 0.12, (count, 1, 1)))
    # brows turn grey hair by hair, later than the head
    grey = (random.random(count) < 0.8 * traits.grey**2)[:, None, None] & (not traits.arbitrary)
    tint = np.where(grey, 0.55, tint)
    width = random.uniform(0.00009, 0.00014) * (0.8 + 0.4 * traits.hair_pigment)
    return Strands(
        points,
        np.broadcast_to(width * np.array([1, 0.95, 0.7, 0], np.float32), (count, 4)).astype(np.float32),
        np.broadcast_to(np.clip(tint * shade, 0, 1), (count, 4, 3)).astype(np.float32),
        Layer.FACE,
        np.ones((count, 4), np.float32),
        Material(0.006, 0.8),
        np.concatenate(chosen_places),
        np.concatenate(bases),
    )


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12))


def _lashes(random: np.random.Generator, traits: Traits, neutral: Array) -> Strands:
    model = head_model()
    mascara = traits.age > 14 and random.random() < 0.65 * traits.female
    length = random.uniform(0.0045, 0.0065) * (1 + 0.15 * traits.female) * (1.2 if mascara else 1.0)
    length *= float(np.interp(traits.age, (40, 85), (1, 0.7)))
    curl, density = random.uniform(0.4, 1.0), random.uniform(0.6, 1)
    points, carriers, weights = [], [], []
    for side, lids in zip((-1, 1), _lid_places(), strict=True):
        centre = neutral[(model.region == EYE) & (model.mean[:, 0] * side > 0)].mean(axis=0)
        for upper, places in zip((True, False), lids, strict=True):
            rim = places.on(neutral)
            scale = np.linalg.norm(rim[-1] - rim[0]) / 0.029  # children's eyes are small
            count = round((UPPER_LASHES if upper else LOWER_LASHES) * density)
            along = random.uniform(0.1 if upper else 0.2, 0.97, count)
            place = (along * (LASH_ROOTS - 1)).round().astype(int)
            root = rim[place]
            away = _unit(root - centre)
            fan = np.array([1.0, 0, 0]) * side * ((along - 0.45) * 0.9 + random.normal(0, 0.08, count))[:, None]
            up = np.array([0, 0, 1.0]) * (1 if upper else -1)
            start = _unit(away + fan + up * (0.1 if upper else 0.5))
            end = up * curl * (0.9 if upper else 0.35) + fan * 0.3
            size = length * scale * (1 if upper else 0.6) * np.interp(along, [0, 0.5, 0.85, 1], [0.6, 0.95, 1.05, 0.8])
            size = size * random.uniform(0.75, 1.1, count)
            t = np.linspace(0, 1, 5)[None, :, None]
            points.append(root[:, None] + (start[:, None] * t + end[:, None] * t * t * 0.7) * size[:, None, None])
            carriers.append(places.corners[place])
            weights.append(places.weights[place])
    strands = np.concatenate(points).astype(np.float32)
    count = len(strands)
    if traits.arbitrary:
        colour = random.uniform(0, 0.7, 3)
    else:
        colour = np.full(3, 0.04) if mascara else hair_colour(random, traits) * 0.45
    width = random.uniform(0.00005, 0.00009) * (1.6 if mascara else 1.0)
    taper = width * np.array([1, 0.95, 0.8, 0.5, 0], np.float32)
    return Strands(
        strands,
        np.broadcast_to(taper, (count, 5)).astype(np.float32),
        np.broadcast_to(colour, (count, 5, 3)).astype(np.float32),
        Layer.FACE,
        np.ones((count, 5), np.float32),
        Material(0.004, 0.6),
        np.concatenate(carriers).astype(np.int32),
        np.concatenate(weights).astype(np.float32),
    )
