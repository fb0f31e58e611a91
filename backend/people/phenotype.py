"""Who a person is: age, sex, build, ancestry and colours, and the head that goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.capture.correspondence import correspondence
from backend.head.model import head_model
from backend.people.randomness import stream
from backend.people.scene import Array, Traits

# Anny's morphological scale of age runs from newborn (-1/3) over baby (0), child (1/3) and young (2/3) to old (1)
_YEARS = (1.0, 4.0, 11.0, 16.0, 25.0, 60.0, 92.0)
_ANNY_AGE = (0.05, 0.215, 0.415, 0.6, 0.67, 0.85, 1.0)
ARBITRARY_SHARE = 0.15
LOCAL_SPREAD = 0.72  # of the local shapes that Anny's whole range allows: faces at its ends look like caricatures
# Landmarks that face each other across the lips (seven pairs) and the lids, and how far from the mean head's distance
# they may be, metres: landmarks lie a little outside the line where lips meet
_ABOVE = [13, 82, 312, 81, 311, 80, 310, 159, 386, 158, 385, 160, 387]
_BELOW = [14, 87, 317, 178, 402, 88, 318, 145, 374, 153, 380, 144, 373]
_LEAST = np.repeat(np.array([-0.0007, -0.0025], np.float32), (7, 6))
_MOST = np.repeat(np.array([-0.0002, 0.0010], np.float32), (7, 6))
FILE = Path(__file__).with_name("phenotype.npz")


@dataclass(frozen=True)
class Phenotype:
    """Values of Anny's phenotypes, each [N].

    Args:
        age: on Anny's scale, 0 (baby) to 1 (old). female, muscle, weight, height, proportions: 0 to 1.
        ancestry: [N, 3] shares of African, Asian and Caucasian, summing to 1.
    """

    age: NDArray[np.floating]
    female: NDArray[np.floating]
    muscle: NDArray[np.floating]
    weight: NDArray[np.floating]
    height: NDArray[np.floating]
    proportions: NDArray[np.floating]
    ancestry: NDArray[np.floating]

    def features(self) -> NDArray[np.floating]:
        """[N, 112] products of piecewise linear weights, in which Anny's bodies are linear but for heights' details."""
        ages = _hats(self.age, (0, 1 / 3, 2 / 3, 1))
        sexes = np.stack([1 - self.female, self.female], axis=1)
        ages_and_sexes = _products(ages, sexes)
        builds = _products(_hats(self.muscle, (0, 0.5, 1)), _hats(self.weight, (0, 0.5, 1)))
        stature = np.stack([self.height - 0.5, self.proportions - 0.5], axis=1)
        return np.concatenate([_products(ages_and_sexes, part) for part in (builds, self.ancestry, stature)], axis=1)


def _hats(values: NDArray[np.floating], anchors: tuple[float, ...]) -> NDArray[np.floating]:
    """[N] -> [N, A] weights of linear interpolation between the anchors."""
    return np.stack([np.interp(values, anchors, row) for row in np.eye(len(anchors))], axis=1)


def _products(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray((first[:, :, None] * second[:, None]).reshape(len(first), -1))


@lru_cache(maxsize=1)
def _regression() -> tuple[Array, Array]:
    """[112, 80] from features to identity, and [80, 80] the square root of local shapes' covariance."""
    with np.load(FILE) as data:
        return data["regression"].astype(np.float32), data["local"].astype(np.float32)


def anny_age(years: float) -> float:
    """Years on Anny's scale of age."""
    return float(np.interp(years, _YEARS, _ANNY_AGE))


def _ancestry(seed: int) -> NDArray[np.float64]:
    """[3] shares of African, Asian and Caucasian: mostly of one, often mixed."""
    return stream(seed, "ancestry").dirichlet([0.35, 0.35, 0.35])


def draw_traits(seed: int) -> Traits:
    """Age, sex, build and colours of the person of that seed."""
    random = stream(seed, "traits")
    span = random.choice(4, p=[0.11, 0.09, 0.58, 0.22])
    age = random.uniform(*((4, 12), (12, 19), (19, 60), (60, 92))[span])
    side = random.normal(0.1, 0.12)  # how much of the other sex's build
    female = float(np.clip(side if random.random() < 0.5 else 1 - side, 0, 1))
    african, asian, caucasian = _ancestry(seed)
    pigment = np.clip(0.82 * african + 0.36 * asian + 0.2 * caucasian + random.normal(0, 0.12), 0, 1)
    # blond and brown hair come with light skin; children are fairer than they will be
    fairness = caucasian * np.clip(1.3 - 2 * pigment, 0, 1) * random.beta(1.3, 1.0)
    hair_pigment = np.clip(0.95 - 0.9 * fairness - (0.1 if age < 12 else 0) + random.normal(0, 0.05), 0.1, 1)
    redness = np.clip(random.beta(1.2, 6) + (0.6 if random.random() < 0.12 * caucasian else 0), 0, 1)
    grey = 1 / (1 + np.exp(-(age - random.normal(56, 9)) / 5)) if age > 25 else 0.0
    return Traits(
        age=float(age),
        female=female,
        weight=float(random.beta(2.2, 2.8)),
        pigment=float(pigment),
        hair_pigment=float(hair_pigment),
        redness=float(redness),
        grey=float(grey),
        arbitrary=bool(random.random() < ARBITRARY_SHARE),
    )


def draw_identity(seed: int, traits: Traits) -> Array:
    """[80] the head model's coordinates of a head of that age, sex and build, with a face of its own."""
    random = stream(seed, "identity")
    phenotype = Phenotype(
        age=np.array([anny_age(traits.age)]),
        female=np.array([traits.female]),
        muscle=np.clip(random.normal(0.5, 0.2, 1) - 0.1 * traits.female, 0, 1),
        weight=np.array([traits.weight]),
        height=np.clip(random.normal(0.5, 0.2, 1), 0, 1),
        proportions=np.clip(random.normal(0.5, 0.25, 1), 0, 1),
        ancestry=_ancestry(seed)[None],
    )
    regression, local = _regression()
    # children's faces differ less than adults'
    spread = LOCAL_SPREAD * float(np.interp(traits.age, (4, 18), (0.6, 1)))
    own = local @ random.normal(0, spread, len(local)).astype(np.float32)
    return _at_rest(np.asarray((phenotype.features() @ regression)[0] + own, np.float32))


@lru_cache(maxsize=1)
def _openings() -> tuple[Array, Array]:
    """[O] metres that the mean head's lips and lids are apart, and [80, O] how they change with identity."""
    found, model = correspondence(), head_model()
    above, below = found.on(model.mean)[_ABOVE, 2], found.on(model.mean)[_BELOW, 2]
    change = found.on(model.identity)[:, :, 2]
    return (above - below).astype(np.float32), (change[:, _ABOVE] - change[:, _BELOW]).astype(np.float32)


def _at_rest(identity: Array) -> Array:
    """An identity nearby whose lips meet, neither parted nor sunk into each other, and whose eyes do not stare."""
    mean, change = _openings()
    opening = mean + identity @ change
    wrong = opening - np.clip(opening, mean + _LEAST, mean + _MOST)
    return np.asarray(identity - wrong @ np.linalg.pinv(change, rcond=0.05), np.float32)
