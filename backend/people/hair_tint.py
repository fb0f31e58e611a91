"""The colours of hair: pigment, grey, dye, bleached tips, and shade between the strands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backend.people.hair_colours import hair_colour
from backend.people.scene import Array, Traits

_GREY = np.array([0.74, 0.73, 0.71])


@dataclass(frozen=True, eq=False)
class Tint:
    """The colours of one head of hair.

    Args:
        root: [3] sRGB near the skin.
        tip: [3] at the tips.
        second: [3] of the locks that differ (streaks, grey hairs).
        share: 0 to 1, how many differ.
        dyed_from: fraction of the length at which the tip's colour has taken over.
    """

    root: Array
    tip: Array
    second: Array
    share: float
    dyed_from: float


def _pigmented(traits: Traits, pigment: float, redness: float, random: np.random.Generator) -> Array:
    """[3] sRGB of hair without grey, of that much pigment."""
    return hair_colour(random, replace(traits, hair_pigment=float(pigment), redness=float(redness), grey=0.0))


def drawn_tint(traits: Traits, random: np.random.Generator) -> Tint:
    """The tint of somebody with these traits."""
    if traits.arbitrary:
        root, tip, second = random.uniform(0.03, 0.97, (3, 3)).astype(np.float32)
        if random.random() < 0.5:
            tip = root
        return Tint(root, tip, second, float(random.uniform(0, 0.5)), float(random.uniform(0.2, 0.9)))
    root = _pigmented(traits, traits.hair_pigment, traits.redness, random)
    grey = _GREY + random.uniform(-0.05, 0.1)
    dyed = traits.age > 14 and random.random() < 0.06 + 0.2 * traits.female
    if dyed:
        if random.random() < 0.15:
            hue = random.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
            dye = np.clip(0.45 + 0.35 * np.sin(hue), 0.05, 0.9)
        else:
            dye = _pigmented(traits, random.uniform(0.05, 0.95), random.beta(1, 2), random)
        manner = random.integers(3)
        if manner == 0:
            return Tint(dye.astype(np.float32), dye.astype(np.float32), root, 0.05, 0.5)
        if manner == 1:  # grown out: the roots show
            return Tint(root, dye.astype(np.float32), dye.astype(np.float32), 0.1, float(random.uniform(0.12, 0.7)))
        return Tint(root, root, dye.astype(np.float32), float(random.uniform(0.1, 0.45)), 0.5)
    bleached = root + (
        _pigmented(traits, max(0.0, traits.hair_pigment - 0.2), traits.redness, random) - root
    ) * random.uniform(0, 0.9)
    return Tint(root, bleached.astype(np.float32), grey.astype(np.float32), traits.grey, 0.9)


def strand_colours(
    tint: Tint, lock: np.ndarray, shade: Array, random: np.random.Generator, spread: float = 0.11
) -> Array:
    """[S, P, 3] sRGB.

    Args:
        tint: of the hair.
        lock: [S] the lock each strand belongs to; locks differ more than the strands in them.
        shade: [S, P] 0 (deep in the hair, dark) to 1 (outside).
        random: numbers.
        spread: standard deviation of brightness between locks.
    """
    count, points = shade.shape
    by_lock = random.normal(0, spread, lock.max() + 1)[lock] + random.normal(0, 0.6 * spread, count)
    differs = (
        np.where(random.random(count) < 0.5, random.random(lock.max() + 1)[lock], random.random(count)) < tint.share
    )
    rise = np.clip(np.linspace(0, 1, points) / max(tint.dyed_from, 0.05), 0, 1)[None, :, None] ** 1.5
    colour = np.where(differs[:, None, None], tint.second, tint.root + (tint.tip - tint.root) * rise)
    warmth = random.normal(0, 0.02, (count, 1, 1)) * np.array([1, 0, -1])
    bright = (np.exp(by_lock)[:, None] * (0.65 + 0.35 * shade))[..., None]
    return np.clip(colour * bright * (1 + warmth), 0, 1).astype(np.float32)
