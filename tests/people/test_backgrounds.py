"""Backgrounds: deterministic, of the size asked for, and as varied as the world is."""

from __future__ import annotations

import numpy as np
import pytest

from backend.people.backgrounds import BACKGROUNDS, draw_background


def test_the_same_generator_draws_the_same() -> None:
    for seed in range(12):
        first, second = (draw_background(np.random.default_rng(seed), 64) for _ in range(2))
        assert np.array_equal(first, second)


@pytest.mark.parametrize("size", [33, 256, 600])
def test_the_size_is_the_one_asked_for(size: int) -> None:
    drawn = draw_background(np.random.default_rng(3), size)
    assert drawn.shape == (size, size, 3)
    assert drawn.dtype == np.uint8


def test_colours_and_detail_vary() -> None:
    drawn = [draw_background(np.random.default_rng(seed), 64) for seed in range(80)]
    assert np.std([picture.mean(axis=(0, 1)) for picture in drawn], axis=0).min() > 30
    detail = np.array([np.abs(np.diff(picture.astype(float), axis=1)).mean() for picture in drawn])
    assert np.percentile(detail, 90) > 5 * np.percentile(detail, 10)


def test_every_kind_can_be_drawn() -> None:
    for name, (draw, _) in BACKGROUNDS.items():
        for seed in range(6):
            picture = draw(np.random.default_rng(seed))
            assert np.isfinite(picture).all(), name
            assert picture.shape == (256, 256, 3), name


def test_some_are_close_to_the_colour_of_hair_or_clothes() -> None:
    hair = np.array([0.35, 0.22, 0.12], np.float32)
    seeds = range(120)
    distance = np.array(
        [
            np.abs(draw_background(np.random.default_rng(seed), 32, hair).mean(axis=(0, 1)) / 255 - hair).max()
            for seed in seeds
        ]
    )
    assert (distance < 0.15).sum() >= 8
    assert (distance > 0.25).sum() >= 40
