"""Who people are: the same for the same seed, of all kinds, and with heads that show it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backend.capture.correspondence import correspondence
from backend.head.model import head_model
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Traits

CHIN, FOREHEAD, CHEEKS = 152, 10, [214, 434]


def head(seed: int, **changes: float) -> NDArray[np.floating]:
    traits = replace(draw_traits(seed), **changes)
    return head_model().neutral(draw_identity(seed, traits))


def test_same_seed_same_person_and_other_seeds_others() -> None:
    first, again, other = draw_traits(7), draw_traits(7), draw_traits(8)
    assert first == again != other
    assert np.array_equal(draw_identity(7, first), draw_identity(7, again))
    assert np.abs(draw_identity(7, first) - draw_identity(8, other)).max() > 0.5


def test_people_are_of_all_kinds() -> None:
    people: list[Traits] = [draw_traits(seed) for seed in range(600)]
    age, pigment, female, hair = (
        np.array([getattr(person, name) for person in people]) for name in ("age", "pigment", "female", "hair_pigment")
    )
    assert age.min() < 6 and age.max() > 85 and 0.5 < np.mean((age > 18) & (age < 60)) < 0.75
    for low in np.linspace(0, 0.9, 10):
        assert np.mean((pigment >= low) & (pigment <= low + 0.1)) > 0.02, low
    assert 0.4 < np.mean(female > 0.5) < 0.6
    assert np.mean(hair < 0.5) > 0.05 and np.mean(hair > 0.85) > 0.3
    assert 0.1 < np.mean([person.arbitrary for person in people]) < 0.2
    assert np.corrcoef(pigment, hair)[0, 1] > 0.3  # dark skin comes with dark hair
    grey = np.array([person.grey for person in people])
    assert grey[age < 30].max() < 0.2 and grey[age > 75].mean() > 0.7


def test_age_and_weight_shape_the_face() -> None:
    for seed in range(4):
        child, adult = head(seed, age=5), head(seed, age=30)
        marks = correspondence().on(np.stack([child, adult]))
        height = marks[:, FOREHEAD, 2] - marks[:, CHIN, 2]
        assert height[0] < 0.88 * height[1]  # children's faces are smaller
        eyes = marks[:, 263, 0] - marks[:, 33, 0]
        assert eyes[0] / height[0] > 1.02 * eyes[1] / height[1]  # with larger eyes
    thin, heavy = (
        np.mean([np.ptp(correspondence().on(head(seed, age=30, weight=weight))[CHEEKS, 0]) for seed in range(12)])
        for weight in (0.1, 0.9)
    )
    assert heavy > 1.02 * thin


def test_lips_meet_at_rest() -> None:
    found = correspondence()
    mean = found.on(head_model().mean)
    apart = mean[13, 2] - mean[14, 2]
    for seed in range(30):
        marks = found.on(head(seed))
        assert -0.0015 < marks[13, 2] - marks[14, 2] - apart < 0.0006
