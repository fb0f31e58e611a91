"""Headwear sits outside the skull, above the brows, and over the hair."""

from __future__ import annotations

import numpy as np
import pytest

from backend.head.model import EYE, head_model
from backend.people.hair import hair
from backend.people.hat_hair import covered, covered_surface
from backend.people.hats import HATS
from backend.people.headwear import headwear
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Traits


def body(seed: int) -> tuple[Traits, np.ndarray]:
    traits = draw_traits(seed)
    return traits, head_model().neutral(draw_identity(seed, traits)).astype(np.float32)


@pytest.mark.parametrize("style", HATS)
def test_hats_lie_outside_the_skin_and_above_the_eyes(style: str) -> None:
    for seed in (1, 2):
        traits, neutral = body(seed)
        worn = headwear(seed, traits, neutral, 0.01, style)
        assert worn is not None
        eyes = neutral[head_model().region == EYE][:, 2].max()
        for surface in worn.surfaces:
            away = np.linalg.norm(surface.vertices - worn.skull.centre, axis=1)
            skin = worn.skull.over(surface.vertices, worn.skull.radius)
            assert (away - skin).min() > -0.003
            on_face = (surface.vertices[:, 1] < -0.08) & (np.abs(surface.vertices[:, 0]) < 0.05)
            assert not on_face.any() or surface.vertices[on_face, 2].min() > eyes


@pytest.mark.parametrize("seed", [3, 9, 14])
def test_hats_cover_the_hair(seed: int) -> None:
    traits, neutral = body(seed)
    grown = hair(seed, traits, neutral)
    worn = headwear(seed, traits, neutral, 0.01, "beanie")
    assert worn is not None
    for strands in grown.strands:
        left = covered(strands, worn)
        if left is None:
            continue
        points = left.points.reshape(-1, 3)
        away = np.linalg.norm(points - worn.skull.centre, axis=1)
        inside = worn.skull.over(points, worn.cover) > 0.03
        room = away[inside] - worn.skull.over(points[inside], worn.skull.radius)
        assert not inside.any() or room.max() < worn.room + 0.002
    for surface in grown.surfaces:
        assert covered_surface(surface, worn) is not None


def test_headscarves_hide_all_hair() -> None:
    traits, neutral = body(3)
    worn = headwear(3, traits, neutral, 0.01, "headscarf")
    assert worn is not None
    assert all(covered(strands, worn) is None for strands in hair(3, traits, neutral).strands)


def test_as_many_wear_hats_as_the_table_says() -> None:
    bodies = [body(seed) for seed in range(300)]
    worn = [headwear(seed, *bodies[seed], 0.01) for seed in range(300)]
    assert 0.08 < np.mean([hat is not None for hat in worn]) < 0.26
    again = next(seed for seed, hat in enumerate(worn) if hat is not None)
    first, second = worn[again], headwear(again, *bodies[again], 0.01)
    assert first is not None and second is not None
    assert np.array_equal(first.surfaces[0].vertices, second.surfaces[0].vertices)
