"""Eyes: balls with iris, pupil and veins that turn with the gaze, in sockets with a moist rim."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.head.model import EYE, EYE_CAVITY, SKIN, head_model
from backend.people.head_parts import faces_of, moved_by, part
from backend.people.randomness import stream
from backend.people.scene import Array, Layer, Material, Surface, Traits

RINGS, SECTORS = 22, 36
SIZE = 256  # texels
REACH = np.radians(105)  # of the textured cap, from the middle of the pupil
GAZE = np.radians(4.0)  # the model's lids are open about a place this far below straight ahead
IRIS = np.radians(23.0)  # seen from the middle of the ball: a radius of about 5.9 mm on MakeHuman's large balls
SET_BACK, CLEARANCE = 0.0006, 0.00025  # metres: from the head model's ball, and between ball and lids
_NARROW: tuple[dict[str, float], ...] = (  # expressions in which lids and ball come close
    {},
    {"eyeSquint": 1},
    {"eyeSquint": 1, "cheekSquint": 1},
    {"eyeBlink": 0.5},
    {"eyeBlink": 1},
    {"eyeLookDown": 1, "eyeLookOut": 1},
    {"eyeLookDown": 1, "eyeLookIn": 1},
)
# Iris colours, outer and inner part, from dark to light
_IRISES = np.array(
    [
        [[44, 26, 16], [62, 36, 20]], [[78, 46, 24], [112, 66, 32]], [[112, 74, 38], [150, 98, 48]],
        [[96, 96, 58], [150, 110, 56]], [[88, 110, 84], [140, 130, 80]], [[94, 120, 138], [134, 150, 146]],
        [[104, 142, 176], [160, 184, 196]], [[124, 136, 146], [166, 172, 174]],
    ],
    np.float32,
)  # fmt: skip


def eye_surfaces(seed: int, traits: Traits, neutral: Array) -> tuple[Surface, ...]:
    """Both eyeballs with one texture, and the sockets around them."""
    random = stream(seed, "eyes")
    balls = _balls()
    return (
        Surface(
            np.concatenate([_placed(neutral, lids, balls.direction) for lids in _lids()]),
            balls.faces,
            np.ones((len(balls.uv), 3), np.float32),
            Layer.EYES,
            np.ones(len(balls.uv), np.float32),
            Material(0.05, 0.06, 0.15),
            carriers=balls.carriers,
            carrier_weights=balls.carrier_weights,
            uv=balls.uv,
            texture=_texture(random, traits),
        ),
        _sockets(traits, neutral),
    )


@dataclass(frozen=True, eq=False)
class _Lids:
    """What narrows the room of one eye.

    Args:
        ball: [B] the head model's vertices of the eyeball.
        skin: [L] those of the lids' outside.
        ball_moved: [E, B, 3] metres, under each of ``_NARROW``. skin_moved: [E, L, 3].
    """

    ball: NDArray[np.int64]
    skin: NDArray[np.int64]
    ball_moved: Array
    skin_moved: Array


def _placed(neutral: Array, lids: _Lids, direction: Array) -> Array:
    """[N, 3] a sphere in the place of the head's ball, small enough to stay behind the lids when they narrow."""
    ball = neutral[lids.ball]
    middle = ball.mean(axis=0)
    radius = np.linalg.norm(ball - middle, axis=1)
    middle = middle + (0, SET_BACK, 0)
    # linear actions swell a ball as they turn it
    swollen = np.linalg.norm(ball + lids.ball_moved - middle, axis=2).max(axis=1) / radius.max()
    room = np.linalg.norm(neutral[lids.skin] + lids.skin_moved - middle, axis=2).min(axis=1) - CLEARANCE
    fitting = np.clip((room / swollen.clip(1, 1.04)).min(), 0.88 * radius.mean(), radius.mean())
    return np.asarray(middle + fitting * direction, np.float32)


@lru_cache(maxsize=1)
def _lids() -> tuple[_Lids, _Lids]:
    """Right and left."""
    model = head_model()
    sides = []
    for side, name in ((-1, "Right"), (1, "Left")):
        ball = np.flatnonzero((model.region == EYE) & (model.mean[:, 0] * side > 0))
        away = np.linalg.norm(model.mean - model.mean[ball].mean(axis=0), axis=1)
        near = (away > 0.0163) & (away < 0.026) & (model.mean[:, 1] < -0.085)
        skin = np.flatnonzero((model.region == SKIN) & near)
        narrow = tuple({action + name: value for action, value in one.items()} for one in _NARROW)
        sides.append(_Lids(ball, skin, moved_by(narrow, ball), moved_by(narrow, skin)))
    return sides[0], sides[1]


@dataclass(frozen=True, eq=False)
class _Balls:
    """Finer balls over the head model's, right and left.

    Args:
        direction: [N, 3] unit vectors from the middle of a ball to its vertices, the pupil's middle first.
        faces: [F, 3]. uv: [2N, 2]. carriers: [2N, 3]. carrier_weights: [2N, 3].
    """

    direction: Array
    faces: NDArray[np.int32]
    uv: Array
    carriers: NDArray[np.int32]
    carrier_weights: Array


@lru_cache(maxsize=1)
def _balls() -> _Balls:
    model = head_model()
    angle = np.linspace(0, 1, RINGS + 1)[1:] ** 1.2 * REACH
    around = np.arange(SECTORS) / SECTORS * 2 * np.pi
    polar = np.stack(np.meshgrid(angle, around, indexing="ij"), axis=-1).reshape(-1, 2)
    polar = np.concatenate([[[0.0, 0.0]], polar])
    direction = np.stack(
        [np.sin(polar[:, 0]) * np.cos(polar[:, 1]), -np.cos(polar[:, 0]), np.sin(polar[:, 0]) * np.sin(polar[:, 1])], 1
    )
    direction = direction @ Rotation.from_euler("x", GAZE).as_matrix().T
    ring = np.arange(RINGS * SECTORS).reshape(RINGS, SECTORS) + 1
    after = np.roll(ring, -1, axis=1)
    quads = np.stack([ring[:-1], ring[1:], after[1:], after[:-1]], axis=-1).reshape(-1, 4)
    fan = np.stack([np.zeros(SECTORS, int), ring[0], after[0]], axis=1)
    one = np.concatenate([fan, quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    uv = 0.5 + 0.5 * _radius(polar[:, :1]) * np.stack([np.cos(polar[:, 1]), np.sin(polar[:, 1])], axis=1)
    carriers, weights = [], []
    for side in (-1, 1):
        members = np.flatnonzero((model.region == EYE) & (model.mean[:, 0] * side > 0))
        ball = model.mean[members]
        centre = (ball.min(axis=0) + ball.max(axis=0)) / 2
        outward = (ball - centre) / np.linalg.norm(ball - centre, axis=1, keepdims=True)
        faces = model.faces[np.isin(model.faces, members).all(axis=1)]
        corner, weight = _pierced(outward[np.searchsorted(members, faces)], direction)
        carriers.append(faces[corner])
        weights.append(weight)
    return _Balls(
        direction.astype(np.float32),
        np.concatenate([one, one + len(direction)]).astype(np.int32),
        np.concatenate([uv, uv]).astype(np.float32),
        np.concatenate(carriers).astype(np.int32),
        np.concatenate(weights).astype(np.float32),
    )


def _radius(angle: NDArray[np.floating]) -> NDArray[np.floating]:
    """Radius on the texture in [0, 1] of an angle from the pupil's middle: the iris gets 40 % of it."""
    return np.asarray((angle / REACH) ** 0.58)


def _pierced(corners: NDArray[np.floating], direction: NDArray[np.floating]) -> tuple[NDArray[np.int64], Array]:
    """Which triangle [F, 3, 3] around the origin each ray [N, 3] leaves through, and barycentric weights [N, 3]."""
    weights = np.einsum("fij,nj->nfi", np.linalg.inv(corners.transpose(0, 2, 1)), direction)
    weights = weights / weights.sum(axis=-1, keepdims=True).clip(1e-6)
    triangle = weights.min(axis=-1).argmax(axis=1)
    return triangle, weights[np.arange(len(direction)), triangle].astype(np.float32)


def _iris_colours(random: np.random.Generator, traits: Traits) -> Array:
    """[2, 3] outer and inner colour."""
    if traits.arbitrary:
        return random.uniform(20, 230, (2, 3)).astype(np.float32)
    fairness = np.clip(1.25 - 1.0 * traits.hair_pigment - 0.9 * traits.pigment, 0, 1)
    if traits.grey > 0.5:
        fairness = np.clip(0.9 - 1.6 * traits.pigment, 0, 1)
    last = len(_IRISES) - 1
    place = float(np.clip(random.beta(1.2, 1.2) * 1.3 * last * fairness + random.uniform(0, 1.4), 0, last))
    first = int(place)
    share = place - first
    colours = _IRISES[first] * (1 - share) + _IRISES[min(first + 1, last)] * share
    return np.asarray(colours * np.exp(random.normal(0, 0.1)), np.float32)


@lru_cache(maxsize=1)
def _polar_texels() -> tuple[Array, Array]:
    """[SIZE, SIZE] angle from the pupil's middle, and the direction around it (0 to the person's left, then up)."""
    across = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    column, row = np.meshgrid(across, -across)
    radius = np.hypot(column, row)
    angle = np.minimum(radius, 1) ** (1 / 0.58) * REACH
    return angle.astype(np.float32), np.arctan2(row, column).astype(np.float32)


def _waves(random: np.random.Generator, around: Array, along: Array, frequencies: list[int]) -> Array:
    """Sum of fibres that bend with ``along``, about unit variance."""
    total = np.zeros_like(around)
    for frequency in frequencies:
        phase, bend = random.uniform(0, 2 * np.pi), random.normal(0, 0.8)
        total += np.cos(frequency * around + phase + bend * along)
    return np.asarray(total * np.float32(np.sqrt(2 / len(frequencies))), np.float32)


def _texture(random: np.random.Generator, traits: Traits) -> NDArray[np.uint8]:
    angle, around = _polar_texels()
    outer, inner = _iris_colours(random, traits)
    pupil = IRIS * random.uniform(0.27, 0.5)
    texel = np.radians(0.9)  # softness of edges

    def beyond(limit: float, width: float = 1.0) -> Array:
        return np.asarray(1 / (1 + np.exp(-np.clip((angle - limit) / (texel * width), -30, 30))), np.float32)

    along = np.clip((angle - pupil) / (IRIS - pupil), 0, 1)
    fibres = _waves(random, around, 4 * along, [int(f) for f in random.integers(14, 70, 9)])
    blotches = _waves(random, around, 3 * along, [2, 3, 5])
    collar = np.exp(-(((along - random.uniform(0.2, 0.4)) / 0.18) ** 2))
    mixed = np.clip(collar + 0.15 * blotches, 0, 1)[..., None]
    iris = outer * (1 - mixed) + inner * mixed
    iris *= (1 + 0.13 * fibres * (1 - 0.5 * along) + 0.25 * np.sin(np.pi * along) - 0.05)[..., None]
    iris *= (1 - random.uniform(0.35, 0.75) * np.exp(-(((along - 1) / 0.13) ** 2)))[..., None]  # limbal ring

    old = np.clip((traits.age - 30) / 60, 0, 1)
    white = np.array([212, 202, 192]) - np.array([4, 10, 26]) * old * random.random() - 8 * traits.pigment
    if traits.arbitrary and random.random() < 0.3:
        white = random.uniform(120, 245, 3)
    corners = np.abs(np.cos(around)) * np.clip((angle - IRIS) / np.radians(40), 0, 1)
    veins = _waves(random, around, 6 * angle, [int(f) for f in random.integers(20, 60, 7)])
    red = random.uniform(0.25, 0.9) * corners * (0.35 + 0.5 * np.clip(veins - 0.9, 0, 1))
    sclera = white * (1 - red[..., None] * np.array([0.05, 0.32, 0.32]))
    sclera *= (1 - 0.3 * np.clip(angle / np.radians(60), 0, 1.3) ** 2)[..., None]  # the sockets shade the sides
    edge = beyond(IRIS, 1.3)[..., None]
    colour = iris * (1 - edge) + sclera * edge
    colour = colour * beyond(pupil, 0.7)[..., None] + 6
    colour *= (1 - 0.35 * np.clip(np.sin(around) * angle / np.radians(28), 0, 1) ** 1.5)[..., None]  # the lashes' shade
    return cv2.GaussianBlur(colour.clip(0, 255).astype(np.uint8), (0, 0), 0.6)


def _sockets(traits: Traits, neutral: Array) -> Surface:
    """What lies between lids and balls: moist and pink in front, dark behind."""
    model = head_model()
    depth = np.clip((model.mean[:, 1] + 0.0975) / 0.018, 0, 1)[:, None].astype(np.float32)
    rim = np.array([0.80, 0.52, 0.48], np.float32) * (1 - 0.35 * traits.pigment)
    colour = rim * (1 - depth) + np.array([0.10, 0.03, 0.03], np.float32) * depth
    return part(faces_of(EYE_CAVITY), neutral, colour, Layer.EYES, Material(0.05, 0.2, 0.4))
