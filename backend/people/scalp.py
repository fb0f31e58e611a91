"""Where hair grows: a person's hairline, the roots inside it, and the shaded coat under the hair.

Everything is measured on the mean head: the azimuth about a vertical axis through the skull (0 in front, pi behind) and
the height of the hairline at that azimuth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.head.model import head_model
from backend.people.anchors import Anchors
from backend.people.body_field import skin_faces, vertex_normals
from backend.people.scene import Array

AXIS_Y = -0.01  # metres, where the vertical axis stands
CROWN = np.array([0.0, 0.055, 0.103], np.float32)  # the whorl of the mean head
# Azimuth in degrees and height in metres of the usual hairline: forehead, temple, sideburn, ear, nape
_AZIMUTH = np.array([0, 20, 36, 46, 54, 61, 66, 70, 76, 80, 86, 95, 104, 112, 122, 140, 160, 180], np.float32)
_HEIGHT = np.array(
    [72, 74, 70, 57, 38, 18, 2, -18, -20, 0, 11, 13, 7, -22, -48, -66, -74, -76], np.float32
) * np.float32(0.001)


@dataclass(frozen=True)
class Hairline:
    """How a person's hairline departs from the usual one; metres.

    Args:
        forehead: how much higher it lies in front.
        peak: depth of the widow's peak.
        temples: how far the corners of the forehead recede.
        sideburns: how much longer they are.
        nape: how much lower it lies behind.
        crown: radius of a bald crown.
        wobble: amplitude of its irregularity.
        phase: of the irregularity.
    """

    forehead: float = 0.0
    peak: float = 0.0
    temples: float = 0.0
    sideburns: float = 0.0
    nape: float = 0.0
    crown: float = 0.0
    wobble: float = 0.002
    phase: float = 0.0

    def inside(self, points: Array) -> Array:
        """[..., 3] on the mean head -> [...] metres to the hairline, above 0 where hair grows."""
        azimuth, radius = azimuths(points)
        degrees: Array = np.degrees(azimuth)
        height = self._height(degrees)
        slope = (self._height(degrees + 1) - self._height(degrees - 1)) / (np.radians(2) * radius)
        margin = (points[..., 2] - height) / np.sqrt(1 + slope**2)
        if self.crown > 0:
            away = (points - CROWN - np.array([0, -0.012, 0], np.float32)) / np.array([1, 1.25, 1], np.float32)
            margin = np.minimum(margin, np.sqrt((away**2).sum(axis=-1)) - self.crown)
        margin = margin + self.wobble * np.sin(9 * azimuth + self.phase) * np.sin(5.3 * azimuth - 2 * self.phase)
        return np.where(_on_ear(points), -0.01, margin).astype(np.float32)

    def _height(self, degrees: Array) -> Array:
        def bump(middle: float, width: float) -> Array:
            return np.exp(-(((np.abs(degrees) - middle) / width) ** 2))

        change = (
            self.forehead * bump(0, 42)
            - self.peak * bump(0, 13)
            + self.temples * bump(36, 16)
            - self.sideburns * bump(73, 5)
            - self.nape * bump(180, 55)
        )
        return np.interp(degrees, _AZIMUTH, _HEIGHT) + change


def azimuths(points: Array) -> tuple[Array, Array]:
    """[..., 3] -> [...] radians about the head's vertical axis, 0 in front, pi behind, and metres from it."""
    aside, ahead = np.abs(points[..., 0]), AXIS_Y - points[..., 1]
    return np.arctan2(aside, ahead), np.maximum(np.hypot(aside, ahead), 0.01)


def _on_ear(points: Array) -> NDArray[np.bool_]:
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    return (z < 0.012) & (z > -0.06) & (y > -0.032) & (y < 0.022) & (x > 0.0745 - 0.10 * np.maximum(y, 0))


@lru_cache(maxsize=1)
def _ordered_scalp() -> tuple[NDArray[np.int32], Array]:
    """Triangles that may bear hair, neighbours after one another, and their cumulative area in [0, 1]."""
    mean, faces = head_model().mean, skin_faces()
    margin = Hairline(forehead=-0.02, sideburns=0.03, nape=0.02).inside(mean[faces])
    faces = faces[(margin > -0.004).any(axis=1) & (mean[faces][..., 2].mean(axis=1) > -0.11)]
    corners = mean[faces]
    centre = np.floor((corners.mean(axis=1) + 0.2) / 0.006).astype(np.int64)
    # Morton's order: the bits of the three coordinates interleaved
    code = np.zeros(len(faces), np.int64)
    for bit in range(7):
        for axis in range(3):
            code |= ((centre[:, axis] >> bit) & 1) << (3 * bit + axis)
    order = code.argsort(kind="stable")
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)[order]
    return faces[order], (np.cumsum(area) / area.sum()).astype(np.float32)


def scattered_roots(hairline: Hairline, count: int, random: np.random.Generator) -> Anchors:
    """``count`` roots or a few less, evenly over the scalp inside a hairline and softly thinned at its edge."""
    faces, area = _ordered_scalp()
    golden = (np.sqrt(5) - 1) / 2
    kept_faces, kept_weights, kept = [], [], 0
    begin = random.uniform()
    drawn = int(count * 1.2)
    for attempt in range(4):
        place = (begin + golden * np.arange(attempt * drawn, (attempt + 1) * drawn)) % 1.0
        face = faces[np.minimum(np.searchsorted(area, place), len(faces) - 1)]
        # uniform over a triangle: Osada et al., Shape distributions, 2002
        first, second = np.sqrt(random.uniform(size=drawn)), random.uniform(size=drawn)
        weights = np.stack([1 - first, first * (1 - second), first * second], axis=1).astype(np.float32)
        points = (head_model().mean[face] * weights[..., None]).sum(axis=1).astype(np.float32)
        grows = hairline.inside(points) > random.exponential(0.0015, drawn) - 0.0005
        kept_faces.append(face[grows])
        kept_weights.append(weights[grows])
        kept += int(grows.sum())
        if kept >= count or kept < 0.1 * drawn:
            break
    return Anchors(np.concatenate(kept_faces)[:count].astype(np.int64), np.concatenate(kept_weights)[:count])


@lru_cache(maxsize=1)
def scalp_faces() -> NDArray[np.int32]:
    """[F, 3] triangles of the head model that may bear hair."""
    return _ordered_scalp()[0]


@lru_cache(maxsize=1)
def mean_normals() -> Array:
    """[V, 3] of the mean skin."""
    return vertex_normals(head_model().mean, skin_faces())
