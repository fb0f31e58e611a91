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
        streaked: 0 to 1, whether whole locks differ rather than single hairs.
        blended: 0 to 1, how softly: a strand stands for many hairs, some of which differ.
        dyed_from: fraction of the length at which the tip's colour has taken over.
    """

    root: Array
    tip: Array
    second: Array
    share: float
    streaked: float
    blended: float
    dyed_from: float

    @property
    def within(self) -> Array:
        """[3] the mean colour of the hair's inside."""
        return (self.root * (1 - self.share) + self.second * self.share).astype(np.float32)


def _pigmented(traits: Traits, pigment: float, redness: float, random: np.random.Generator) -> Array:
    """[3] sRGB of hair without grey, of that much pigment."""
    return hair_colour(random, replace(traits, hair_pigment=float(pigment), redness=float(redness), grey=0.0))


def natural_tint(traits: Traits, random: np.random.Generator) -> Tint:
    """The tint of undyed hair, tips bleached by the sun, grey hair by hair."""
    if traits.arbitrary:
        root, tip, second = random.uniform(0.03, 0.97, (3, 3)).astype(np.float32)
        tip = root if random.random() < 0.5 else tip
        return Tint(root, tip, second, float(random.uniform(0, 0.5)), 0.8, 0.2, float(random.uniform(0.2, 0.9)))
    root = _pigmented(traits, traits.hair_pigment, traits.redness, random)
    pale = _pigmented(traits, max(0.0, traits.hair_pigment - 0.2), traits.redness, random)
    tip = root + (pale - root) * np.float32(random.uniform(0, 0.9))
    grey = (_GREY + random.uniform(-0.05, 0.1)).astype(np.float32)
    return Tint(root, tip, grey, traits.grey, 0.1, 0.6, 0.9)


def drawn_tint(traits: Traits, random: np.random.Generator) -> Tint:
    """The tint of somebody's hair with these traits, dyed or not."""
    tint = natural_tint(traits, random)
    if traits.arbitrary or traits.age < 14 or random.random() > 0.06 + 0.2 * traits.female:
        return tint
    if random.random() < 0.15:
        hue = random.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
        dye = (0.45 + 0.35 * np.sin(hue)).astype(np.float32)
    else:
        dye = _pigmented(traits, random.uniform(0.05, 0.95), random.beta(1, 2), random)
    manner = random.integers(3)
    if manner == 0:  # all of it
        return Tint(dye, dye, dye, 0.0, 0.0, 1.0, 0.5)
    if manner == 1:  # grown out: the roots show
        return replace(tint, tip=dye, dyed_from=float(random.uniform(0.12, 0.7)))
    return replace(tint, second=dye, share=float(random.uniform(0.1, 0.45)), streaked=0.8, blended=0.3)


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
    chance = np.where(random.random(count) < tint.streaked, random.random(lock.max() + 1)[lock], random.random(count))
    differs = np.clip((tint.share * (1 + tint.blended) - chance) / tint.blended, 0, 1)[:, None, None]
    rise = np.clip(np.linspace(0, 1, points) / max(tint.dyed_from, 0.05), 0, 1)[None, :, None] ** 1.5
    own = tint.root + (tint.tip - tint.root) * rise
    colour = own + (tint.second - own) * differs
    warmth = random.normal(0, 0.02, (count, 1, 1)) * np.array([1, 0, -1])
    bright = (np.exp(by_lock)[:, None] * (0.65 + 0.35 * shade))[..., None]
    return np.clip(colour * bright * (1 + warmth), 0, 1).astype(np.float32)
