"""Tileable noise on the skin, made once a process; a person takes it from random places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from backend.people.scene import Array
from backend.people.skin_atlas import skin_atlas

TILE = 256  # texels of a tile
FINE, COARSE = 0.0004, 0.0016  # metres a texel of the two kinds of tile


def band(random: np.random.Generator, shortest: float, longest: float) -> Array:
    """[TILE, TILE] zero mean, unit variance: waves of ``shortest`` to ``longest`` texels, all directions alike."""
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None])
    kept = (frequency > 1 / longest) & (frequency < 1 / shortest)
    weight = np.where(kept, 1 / frequency.clip(1e-6), 0)  # each octave as strong
    waves = np.fft.irfft2(np.fft.rfft2(random.normal(size=(TILE, TILE))) * weight, (TILE, TILE))
    return np.asarray((waves - waves.mean()) / waves.std(), np.float32)


def dots(random: np.random.Generator, spacing: float, radius: tuple[float, float]) -> Array:
    """[TILE, TILE] in [0, 1]: round dots about ``spacing`` texels apart, radii between the two, of random strength."""
    tile = np.zeros((TILE, TILE), np.float32)
    reach = int(np.ceil(radius[1] * 2.5))
    step = np.arange(-reach, reach + 1)
    for row, column in random.uniform(0, TILE, (round((TILE / spacing) ** 2), 2)):
        size, strength = random.uniform(*radius), random.uniform(0.3, 1)
        rows, columns = int(row) + step, int(column) + step
        square = (rows - row)[:, None] ** 2 + (columns - column)[None] ** 2
        place = np.ix_(rows % TILE, columns % TILE)
        tile[place] = np.maximum(tile[place], strength * np.exp(-0.5 * (square / size**2) ** 1.5))
    return tile


@dataclass(frozen=True, eq=False)
class SkinNoise:
    """Tiles, and where on them each texel of the skin's atlas lies.

    Args:
        fine_places, coarse_places: OpenCV's fixed-point maps [SIZE, SIZE] of columns and rows on the two kinds of tile.
        pores, follicles, freckles, grain: [TILE, TILE] for ``FINE``; in [0, 1], but grain of unit variance.
        mottle, patches, blotches: [TILE, TILE] unit variance or in [0, 1], for ``COARSE``.
    """

    fine_places: tuple[np.ndarray, np.ndarray]
    coarse_places: tuple[np.ndarray, np.ndarray]
    pores: Array
    follicles: Array
    freckles: Array
    grain: Array
    mottle: Array
    patches: Array
    blotches: Array

    def fine(self, tile: Array, random: np.random.Generator) -> Array:
        """[SIZE, SIZE] one of the fine tiles from a random place."""
        return _taken(tile, self.fine_places, random)

    def coarse(self, tile: Array, random: np.random.Generator) -> Array:
        """[SIZE, SIZE] one of the coarse tiles from a random place."""
        return _taken(tile, self.coarse_places, random)


def _taken(tile: Array, places: tuple[np.ndarray, np.ndarray], random: np.random.Generator) -> Array:
    rolled = np.roll(tile, random.integers(0, TILE, 2), (0, 1))
    return np.asarray(cv2.remap(rolled, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def _fixed_point(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    columns, rows = (places % TILE).astype(np.float32)
    return cv2.convertMaps(columns, rows, cv2.CV_16SC2)


@lru_cache(maxsize=1)
def skin_noise() -> SkinNoise:
    """The noise of every person's skin."""
    random = np.random.default_rng(0)
    x, y, z = skin_atlas().position.transpose(2, 0, 1)
    around = np.hypot(x, y)
    # unrolled about the vertical axis; heights go on where the surface lies flat: crown, shoulders and under the chin
    outward = np.interp(z, [-0.21, -0.15, -0.105, -0.08, 0.05, 0.09], [0.8, 0, -0.7, 0, 0, 0.8])
    metres = np.stack([0.085 * np.arctan2(x, -y), z - outward * around])
    return SkinNoise(
        _fixed_point(metres / FINE),
        _fixed_point(metres / COARSE),
        pores=dots(random, 3.2, (0.6, 1.1)),
        follicles=dots(random, 2.4, (0.4, 0.65)),
        freckles=dots(random, 9, (0.6, 1.7)),
        grain=band(random, 2, 7),
        mottle=band(random, 2, 9),
        patches=band(random, 8, 40),
        blotches=dots(random, 14, (0.8, 2.8)),
    )
