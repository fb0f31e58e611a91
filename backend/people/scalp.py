"""Where hair grows: a person's hairline, the roots inside it, and the shaded coat under the hair.

Everything is measured on the mean head: the azimuth about a vertical axis through the skull (0 in front, pi behind) and
the height of the hairline at that azimuth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.people.anchors import Anchors
from backend.people.roots import Ground, ground, scattered
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
        # near the axis, on top of the head, an azimuth is no distance
        slope = (self._height(degrees + 1) - self._height(degrees - 1)) / (np.radians(2) * np.maximum(radius, 0.06))
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
def scalp() -> Ground:
    """The head model's triangles on which somebody's hair may grow."""
    widest = Hairline(forehead=-0.02, sideburns=0.03, nape=0.02)

    def bears(corners: Array) -> NDArray[np.bool_]:
        return (widest.inside(corners) > -0.004).any(axis=1) & (corners[..., 2].mean(axis=1) > -0.11)

    return ground(bears)


def scalp_roots(hairline: Hairline, places: int, random: np.random.Generator) -> Anchors:
    """Roots inside a hairline, softly thinned at its edge, of ``places`` evenly over the whole scalp."""

    def grows(points: Array) -> NDArray[np.bool_]:
        return np.asarray(hairline.inside(points) > random.exponential(0.0015, len(points)) - 0.0005)

    return scattered(scalp(), grows, places, random)
