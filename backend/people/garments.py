"""Garments: pieces cut from the sheet on the body, with their bands, lapels, plackets and buttons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.people.cloth import Cloth, draped, folds, sewn
from backend.people.fabric import Fabric, ground, printed, solid
from backend.people.scene import Array, Layer, Material, Surface

Pieces = list[Surface]


def round_neck(cloth: Cloth, back: float, front: float) -> Array:
    """[V] metres outside a neckline that lies ``back`` below the neck's base behind and ``front`` before."""
    fore = (1 + np.cos(cloth.azimuth)) / 2
    return np.asarray(cloth.way - back - (front - back) * fore**2, np.float32)


def v_neck(cloth: Cloth, back: float, tip: float, half_width: float = 0.062) -> Array:
    """[V] metres outside a V that ends ``tip`` metres (below 0) under eye height on the mean body."""
    slope = half_width / (-0.165 - tip)
    beside = (np.abs(cloth.mean[:, 0]) - (cloth.mean[:, 2] - tip) * slope) / np.hypot(1, slope)
    beside = np.where(cloth.front > 0, beside, 1.0)
    return np.asarray(np.minimum(round_neck(cloth, back, back), beside), np.float32)


@dataclass(frozen=True, eq=False)
class Cut:
    """How a garment is cut.

    Args:
        ease: metres between skin and cloth.
        stiffness: rounds of smoothing.
        crumple: metres of folds.
        sleeve: metres of sleeve from the shoulder joint, ``inf`` for long ones.
    """

    ease: float
    stiffness: int
    crumple: float
    sleeve: float = np.inf


def sheet(neutral: NDArray[np.floating], cut: Cut, random: np.random.Generator) -> Cloth:
    """The puffed-out sheet of a garment with its sleeves cut, its neck still uncut."""
    cloth = draped(neutral, cut.ease, cut.stiffness)
    cloth = cloth.raised(folds(cloth, random, cut.crumple))
    return cloth.where(cut.sleeve - cloth.sleeve) if np.isfinite(cut.sleeve) else cloth


def banded(cloth: Cloth, outside: Array, width: float, fabric: Fabric, band: Fabric) -> Pieces:
    """A garment with a band of ``width`` metres along the neckline whose distance [V] is given."""
    table = np.concatenate([cloth.table, outside[:, None]], axis=1)
    carried = Cloth(table, cloth.faces)  # the distance rides along as one more column
    body = carried.where(outside - width + 0.003)
    strip = carried.where(outside)
    strip = strip.where(width - strip.table[:, -1]).raised(0.0012)
    return [*sewn(body, fabric), *sewn(strip, band)]


def placket(cloth: Cloth, fabric: Fabric, button: Array, top: float, count: int) -> Pieces:
    """The strip with buttons down the front, from ``top`` metres under eye height (below 0)."""
    strip = cloth.where(0.014 - np.abs(cloth.mean[:, 0]))
    strip = strip.where(strip.front)
    strip = strip.where(top - strip.mean[:, 2]).raised(0.0014)
    if len(strip.faces) == 0:
        return []
    height = top - 0.012 - 0.075 * np.arange(count)
    place = np.abs(strip.mean[:, 0]) + np.abs(strip.mean[:, 2] - height[:, None]) * 3
    nearest = place.argmin(axis=1)
    return [*sewn(strip, fabric), discs(strip.points[nearest], strip.normals[nearest], 0.0055, 0.002, button)]


def discs(points: Array, normals: Array, radius: float, height: float, colour: Array) -> Surface:
    """Buttons [N, 3] that lie across normals [N, 3]."""
    corners = 12
    up = np.array([0.0, 0.0, 1.0])
    across = np.cross(up, normals)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    over = np.cross(normals, across)
    turn = np.arange(corners) / corners * 2 * np.pi
    rim = np.cos(turn)[None, :, None] * across[:, None] + np.sin(turn)[None, :, None] * over[:, None]
    lift = normals[:, None] * height
    centre = points[:, None]
    rings = [centre + rim * radius, centre + rim * radius + lift, centre + rim * radius * 0.7 + lift * 1.2]
    vertices = np.concatenate([*rings, centre + lift * 0.8], axis=1)
    k, after = np.arange(corners), (np.arange(corners) + 1) % corners
    faces = []
    for ring in (0, corners):
        faces += [np.stack([ring + k, ring + after, ring + corners + k], 1)]
        faces += [np.stack([ring + after, ring + corners + after, ring + corners + k], 1)]
    faces.append(np.stack([2 * corners + k, 2 * corners + after, np.full(corners, 3 * corners)], 1))
    each = np.concatenate(faces)
    count = vertices.shape[1]
    every = (each[None] + (np.arange(len(points)) * count)[:, None, None]).reshape(-1, 3)
    flat = vertices.reshape(-1, 3).astype(np.float32)
    tint = np.tile(np.asarray(colour, np.float32), (len(flat), 1))
    share = np.zeros(len(flat), np.float32)
    return Surface(flat, every.astype(np.int32), tint, Layer.CLOTHES, share, Material(0.05, 0.3), two_sided=True)


def lapels(cloth: Cloth, outside: Array, tip: float, width: float, fabric: Fabric) -> Pieces:
    """A jacket's turned-back fronts beside the opening whose distance [V] is given, and its single row of buttons."""
    table = np.concatenate([cloth.table, outside[:, None]], axis=1)
    strip = Cloth(table, cloth.faces).where(outside)
    strip = strip.where(strip.front)
    x, z = np.abs(strip.mean[:, 0]), strip.mean[:, 2]
    breadth = width * np.clip((z - tip) / 0.16, 0.02, 1)
    strip = strip.where(breadth - strip.table[:, -1])
    x, z = np.abs(strip.mean[:, 0]), strip.mean[:, 2]
    strip = strip.where(-0.196 - z + 0.25 * (x - 0.06))
    return list(sewn(strip.raised(0.0045), fabric)) if len(strip.faces) else []


def tie(cloth: Cloth, fabric: Fabric) -> Pieces:
    """Knot and blade of a tie on a shirt's sheet."""
    x, z = np.abs(cloth.mean[:, 0]), cloth.mean[:, 2]
    fore = cloth.where(np.minimum(cloth.front, 0.06 - x))
    x, z = np.abs(fore.mean[:, 0]), fore.mean[:, 2]
    blade = fore.where(np.minimum(0.011 + 0.16 * np.clip(-0.205 - z, 0, 0.16) - x, -0.2 - z))
    knot = fore.where(np.minimum(0.021 + 0.30 * (z + 0.18) - x, np.minimum(-0.170 - z, z + 0.214)))
    edge = np.clip(1 - np.abs(knot.mean[:, 0]) / 0.018, 0, 1) ** 0.5
    return [*sewn(blade.raised(0.006), fabric), *sewn(knot.raised(0.007 + 0.007 * edge), fabric)]


def straps(cloth: Cloth, top: float, at: float, width: float, fabric: Fabric) -> Pieces:
    """Two straps over the shoulders, ``at`` metres from the middle, down to ``top`` metres under eye height."""
    strip = cloth.where(width / 2 - np.abs(np.abs(cloth.mean[:, 0]) - at))
    strip = strip.where(strip.way - 0.01)
    strip = strip.where(strip.mean[:, 2] - top + 0.02)
    return list(sewn(strip.raised(0.001), solid(fabric, ground(fabric))))


def chest_print(cloth: Cloth, fabric: Fabric, ink: Array, random: np.random.Generator) -> Pieces:
    """A motif on the chest of cloth in that fabric: the part that carries it, to be laid over the cloth."""
    middle, width = random.uniform(-0.33, -0.28), random.uniform(0.08, 0.19)
    x, z = cloth.panels[:, 0], cloth.panels[:, 1]
    reach = width / 2 + 0.01
    patch = cloth.where(np.minimum(reach - np.abs(x), reach - np.abs(z - middle)))
    patch = patch.where(patch.front).raised(0.0006)
    return list(sewn(patch, printed(random, fabric, ink, middle, width))[:1]) if len(patch.faces) else []


def scarf_end(cloth: Cloth, random: np.random.Generator, fabric: Fabric) -> Pieces:
    """The end of a scarf that hangs down the front, cut from a sheet over the other clothes."""
    at, width, low = random.uniform(-0.06, 0.06), random.uniform(0.05, 0.09), random.uniform(-0.55, -0.36)
    sway = 0.012 * np.sin(cloth.mean[:, 2] * 25)
    strip = cloth.where(np.minimum(width / 2 - np.abs(cloth.mean[:, 0] - at - sway), cloth.front))
    strip = strip.where(np.minimum(strip.way - 0.015, strip.mean[:, 2] - low))
    return list(sewn(strip, fabric)) if len(strip.faces) else []
