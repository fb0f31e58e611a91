"""A headscarf that leaves the face free, goes under the chin and lies on the shoulders."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.head.model import SKIN, head_model
from backend.people.anchors import Anchors, cast
from backend.people.collars import around, grid_faces, loft
from backend.people.fabric import Fabric
from backend.people.scene import Array, Layer, Surface
from backend.people.yoke import neck_of

_CENTRE = np.array([0.0, 0.0, -0.015])
_AROUND, _BACK = 60, 24  # columns around the face, rows from the face backwards


@lru_cache(maxsize=1)
def _sheet() -> tuple[Anchors, NDArray[np.float64]]:
    """Anchors [_BACK, _AROUND] of the head seen along the face's axis, and their angles from it."""
    model = head_model()
    turn = np.arange(_AROUND) / _AROUND * 2 * np.pi  # 0 over the forehead, then to the left
    # the opening passes between hairline and brows, before the ears and under the chin
    over, under = np.clip(np.cos(turn), 0, 1), np.clip(-np.cos(turn), 0, 1)
    opening = np.radians(58 - 12 * over**2 - 4 * under**2)
    angle = opening + (np.radians(179) - opening) * np.linspace(0, 1, _BACK)[:, None]
    directions = np.stack([np.sin(angle) * np.sin(turn), -np.cos(angle), np.sin(angle) * np.cos(turn)], axis=-1)
    # straight down the neck they would leave through the open chest: there they lean to where they come from
    level = np.linalg.norm(directions[..., :2], axis=-1, keepdims=True)
    ahead = np.clip(-directions[..., 1:2] / np.maximum(level, 1e-6), 0, 1)
    steep = np.maximum(directions[..., 2:] / -(0.75 + 0.205 * ahead**4), 1.0)
    directions[..., 2] /= steep[..., 0]
    directions[..., :2] *= np.sqrt(1 - directions[..., 2:] ** 2) / np.maximum(level, 1e-6)
    directions[..., 1] -= 1e-3
    found = cast(_CENTRE, directions.reshape(-1, 3), model.mean, model.faces, last=True)
    return Anchors(found.index.reshape(_BACK, _AROUND, 3), found.weights.reshape(_BACK, _AROUND, 3)), turn


def headscarf(
    random: np.random.Generator, neutral: NDArray[np.floating], cloth: Fabric, thickness: float
) -> tuple[Surface, ...]:
    """The surfaces of a headscarf on somebody's neutral head [6931, 3], over clothes of ``thickness`` metres."""
    anchors, turn = _sheet()
    skin = anchors.on(neutral)
    away = skin - (_CENTRE + (neutral - head_model().mean)[head_model().region == SKIN].mean(axis=0) * 0.5)
    distance = np.linalg.norm(away, axis=-1, keepdims=True)
    direction = away / distance
    row = np.linspace(0, 1, _BACK)[:, None]
    # behind the jaw the cloth hangs clear of the neck, and everywhere it bridges ears, jaw and nape
    hanging = np.clip((row - 0.12) / 0.3, 0, 1) * np.clip((0.85 - row) / 0.35, 0, 1) * np.clip(0.4 - np.cos(turn), 0, 1)
    drape = np.maximum(np.minimum(distance[..., 0], 0.15), 0.106 * hanging)
    for _ in range(10):
        near = (np.roll(drape, 1, axis=1) + np.roll(drape, -1, axis=1) + _beside(drape, 1) + _beside(drape, -1)) / 4
        drape = np.maximum(np.minimum(distance[..., 0], 0.15), near)
    wave = np.sin(turn * 5 + 9 * row + random.uniform(0, 6)) * 0.0015 * row
    height = 0.005 + 0.016 * np.sin(np.pi * row**0.7) * (0.75 + 0.25 * np.cos(turn)) + wave
    points = skin + direction * (drape - distance[..., 0] + height)[..., None]
    lip = skin[:1] + direction[:1] * 0.0008
    points = np.concatenate([lip, points])
    points = np.concatenate([points, points[:, :1]], axis=1)
    share = anchors.on(head_model().head_share)
    share = np.concatenate([share[:1], share])
    share = np.concatenate([share, share[:, :1]], axis=1)
    flat = np.stack(
        np.broadcast_arrays((np.arange(_AROUND + 1) / _AROUND * 0.6)[None], (np.arange(_BACK + 1) * 0.012)[:, None]), -1
    )
    faces = grid_faces(_BACK + 1, _AROUND + 1)
    hood = cloth.surface(points.reshape(-1, 3), faces, np.maximum(share, 0.2).ravel(), flat.reshape(-1, 2))
    # the face's edge and the chin carry their part of the cloth with them
    index = np.concatenate([anchors.index[:1], anchors.index])
    index = np.concatenate([index, index[:, :1]], axis=1).reshape(-1, 3)
    weights = np.concatenate([anchors.weights[:1], anchors.weights])
    weights = np.concatenate([weights, weights[:, :1]], axis=1).reshape(-1, 3)
    hood = replace(hood, layer=Layer.HEADWEAR, carriers=index.astype(np.int32), carrier_weights=weights)
    return hood, replace(_fall(random, neutral, cloth, thickness), layer=Layer.HEADWEAR)


def _beside(values: Array, step: int) -> Array:
    rolled = np.roll(values, step, axis=0)
    edge = 0 if step > 0 else -1
    rolled[edge] = values[edge]
    return rolled


def _fall(random: np.random.Generator, neutral: NDArray[np.floating], cloth: Fabric, thickness: float) -> Surface:
    """The part around the neck and over chest and shoulders."""
    azimuth = around()
    down = np.linspace(0, 1, 18)[:, None]
    length = random.uniform(0.09, 0.15) * (1 + 0.3 * np.cos(azimuth))
    way = -0.048 + (length + 0.048) * down
    loose = thickness + 0.008 + 0.018 * np.sin(np.pi * np.clip(down * 1.25, 0, 1)) + 0.018 * (1 - down)
    phase = random.uniform(0, 6)
    pleats = 0.005 * np.sin(azimuth * 7 + phase + 8 * down) + 0.004 * np.sin(azimuth * 3 - 11 * down + phase)
    height = np.maximum(loose + pleats * np.sin(np.pi * np.clip(down, 0.1, 0.95)), thickness + 0.006)
    return loft(neck_of(neutral), cloth, azimuth, way, height)
