"""Pieces of cloth on somebody's body: cut along curves, puffed out, hemmed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.people.cloth_base import cloth_base
from backend.people.fabric import Fabric, ground
from backend.people.limbs import open_edges
from backend.people.scene import Array, Layer, Surface

# columns of a piece's table
_POINT, _SKIN, _NORMAL, _MEAN, _PANELS = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12), slice(12, 16)
_LIP = 0.012  # metres that a hem goes down towards the skin
_SHARE, _AZIMUTH, _WAY, _SLEEVE, _FRONT = range(16, 21)


@dataclass(frozen=True, eq=False)
class Cloth:
    """A piece of cloth; everything about its vertices is one table, so that a cut mixes all of it at once.

    Args:
        table: [V, 21] and more, columns named by the properties below.
        faces: [F, 3].
    """

    table: Array
    faces: NDArray[np.int32]

    @property
    def points(self) -> Array:
        """[V, 3] metres, on this body."""
        return self.table[:, _POINT]

    @property
    def skin(self) -> Array:
        """[V, 3] the skin under each vertex."""
        return self.table[:, _SKIN]

    @property
    def normals(self) -> Array:
        """[V, 3] away from the skin."""
        return self.table[:, _NORMAL]

    @property
    def mean(self) -> Array:
        """[V, 3] the same place on the mean body, where curves are drawn."""
        return self.table[:, _MEAN]

    @property
    def panels(self) -> Array:
        """[V, 4] flat places in metres on the front and the back panel, across and up."""
        return self.table[:, _PANELS]

    @property
    def share(self) -> Array:
        """[V] of the head's turn."""
        return self.table[:, _SHARE]

    @property
    def azimuth(self) -> Array:
        """[V] about the neck, without sign: 0 at the throat, pi at the nape."""
        return self.table[:, _AZIMUTH]

    @property
    def way(self) -> Array:
        """[V] metres down from the neck's base."""
        return self.table[:, _WAY]

    @property
    def sleeve(self) -> Array:
        """[V] metres down the arm, below 0 on the torso."""
        return self.table[:, _SLEEVE]

    @property
    def front(self) -> Array:
        """[V] above 0 on the front panel."""
        return self.table[:, _FRONT]

    def where(self, inside: Array) -> Cloth:
        """Cut along the curve where a function [V] of the vertices is 0; what is above 0 stays."""
        return _cut(self, np.asarray(inside, np.float32))

    def raised(self, height: float | Array) -> Cloth:
        """Lifted along the normals by metres, one height or [V]."""
        table = self.table.copy()
        table[:, _POINT] += self.normals * np.broadcast_to(height, len(table))[:, None]
        return Cloth(table, self.faces)


def draped(neutral: NDArray[np.floating], ease: float, stiffness: int) -> Cloth:
    """The whole sheet on somebody's body, uncut.

    Args:
        neutral: [6931, 3] metres.
        ease: metres between skin and cloth.
        stiffness: rounds of smoothing; stiff cloth bridges hollows.
    """
    base = cloth_base()
    skin = base.points(neutral)
    normal = base.normals(skin)
    away = base.smoothed(normal, 3 + stiffness)
    away /= np.linalg.norm(away, axis=1, keepdims=True) + 1e-12
    bridge = ((base.smoothed(skin, stiffness) - skin) * away).sum(axis=1)
    lift = base.smoothed(np.maximum(bridge, 0)[:, None], 2) + ease
    table = np.concatenate(
        [
            skin + away * lift,
            skin,
            away,
            base.mean,
            base.panels,
            np.stack([base.share, np.abs(base.azimuth), base.way, base.sleeve, base.front], axis=1),
        ],
        axis=1,
    )
    return Cloth(table.astype(np.float32), base.faces)


def _cut(cloth: Cloth, inside: Array) -> Cloth:
    keep = inside > 0
    corners = keep[cloth.faces]
    count = corners.sum(axis=1)
    if count.min() == 3:
        return cloth
    crossing = (count == 1) | (count == 2)
    faces, corners, lone = cloth.faces[crossing], corners[crossing], count[crossing] == 1
    # turn every crossed triangle so that the corner which is alone on its side comes first
    first = np.where(lone, corners.argmax(axis=1), (~corners).argmax(axis=1))
    a, b, c = (faces[np.arange(len(faces)), (first + k) % 3].astype(np.int64) for k in range(3))
    edges = np.stack([np.concatenate([a, a]), np.concatenate([b, c])], axis=1)
    ordered = np.sort(edges, axis=1)
    size = len(inside)
    key, place = np.unique(ordered[:, 0] * size + ordered[:, 1], return_inverse=True)
    low, high = key // size, key % size
    share = (inside[low] / (inside[low] - inside[high]))[:, None]
    added = cloth.table[low] * (1 - share) + cloth.table[high] * share
    ab, ac = np.split(place + size, 2)
    pair = ~lone
    faces = np.concatenate(
        [
            cloth.faces[count == 3],
            np.stack([a, ab, ac], axis=1)[lone],
            np.stack([ab, b, c], axis=1)[pair],
            np.stack([ab, c, ac], axis=1)[pair],
        ]
    )
    table = np.concatenate([cloth.table, added])
    used, faces = np.unique(faces, return_inverse=True)
    return Cloth(table[used], faces.reshape(-1, 3).astype(np.int32))


def _hem(cloth: Cloth) -> Cloth:
    """The cut edge of a piece: a lip from the cloth down to the skin."""
    edges = open_edges(cloth.faces)
    rim, place = np.unique(edges, return_inverse=True)
    place = place.reshape(-1, 2)
    outer, inner = cloth.table[rim], cloth.table[rim].copy()
    depth = outer[:, _POINT] - outer[:, _SKIN]
    length = np.linalg.norm(depth, axis=1, keepdims=True)
    inner[:, _POINT] -= depth * np.minimum(0.9, _LIP / np.maximum(length, 1e-6))
    a, b = place.T
    c, d = a + len(rim), b + len(rim)
    faces = np.concatenate([np.stack([b, a, c], axis=1), np.stack([b, c, d], axis=1)])
    return Cloth(np.concatenate([outer, inner]), faces.astype(np.int32))


def sewn(cloth: Cloth, fabric: Fabric) -> tuple[Surface, ...]:
    """The surfaces of a piece, front and back panel in one, hems in another."""
    panels, points, shares, faces = [], [], [], []
    offset = 0
    for side, columns in ((1, slice(12, 14)), (-1, slice(14, 16))):
        part = cloth.where(side * cloth.front + 1e-6)
        if len(part.faces) == 0:
            continue
        points.append(part.points)
        panels.append(part.table[:, columns] * [side, 1])
        shares.append(part.share)
        faces.append(part.faces + offset)
        offset += len(part.points)
    hem = _hem(cloth)
    lip_colour = np.tile(ground(fabric) * 0.9, (len(hem.points), 1))
    return (
        fabric.surface(np.concatenate(points), np.concatenate(faces), np.concatenate(shares), np.concatenate(panels)),
        Surface(hem.points, hem.faces, lip_colour, Layer.CLOTHES, hem.share, fabric.material, two_sided=True),
    )


def folds(cloth: Cloth, random: np.random.Generator, height: float) -> Array:
    """[V] metres of folds, 0 to about ``height``: mostly upright, warped, none at the neck."""
    points = cloth.mean
    total = np.zeros(len(points), np.float32)
    for wave in (26, 45, 70):
        direction = random.normal(size=3) * [1, 0.8, 0.35]
        warp = np.sin(points @ random.normal(size=3) * 14 + random.uniform(0, 6))
        ridge = 0.5 + 0.5 * np.sin(points @ direction * (1.6 * wave) + 1.3 * warp + random.uniform(0, 6))
        total += ridge**1.5 * (26 / wave)
    fade = np.clip((cloth.way - 0.02) / 0.08, 0, 1)
    return np.asarray(total * fade * height, np.float32)
