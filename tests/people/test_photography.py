from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.people.photography import developed, draw_photography, photograph
from backend.people.scene import Photography

BACKGROUND = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)


def taken(photography: Photography, light: float = 0.3) -> NDArray[np.uint8]:
    """A grey person over the left half of the background."""
    cover = np.zeros((40, 48), np.float32)
    cover[:, :24] = 1
    return photograph(cover[..., None] * np.full(3, light, np.float32), cover, BACKGROUND, photography)


def test_the_background_comes_through_as_it_was() -> None:
    difference = np.abs(taken(Photography())[:, 24:].astype(int) - BACKGROUND[:, 24:])
    assert difference[BACKGROUND[:, 24:] < 250].max() <= 1
    assert difference.max() <= 4  # the brightest lie on the shoulder


def test_tones_rise_and_highlights_do_not_clip_at_once() -> None:
    shown = developed(np.array([0, 0.05, 0.18, 0.5, 1, 2, 8], np.float32))
    assert (np.diff(shown) > 0).all() and shown[0] == 0 and shown[-1] <= 1
    assert shown[2] == pytest.approx(0.46, abs=0.01)  # sRGB's middle grey is untouched


def test_noise_is_of_light_and_of_the_seed() -> None:
    noisy = Photography(noise=0.05, seed=4)
    assert np.array_equal(taken(noisy), taken(noisy))
    assert not np.array_equal(taken(noisy), taken(replace(noisy, seed=5)))
    linear = [((taken(noisy, light)[:, :24] / 255.0) ** 2.2).std() for light in (0.04, 0.16)]
    assert linear[1] == pytest.approx(2 * linear[0], rel=0.3)  # shot noise: the root of the light


def test_each_setting_does_what_it_says() -> None:
    plain = taken(Photography()).astype(float)
    assert taken(Photography(exposure=2)).mean() > plain.mean() + 20
    assert np.ptp(taken(Photography(saturation=0)).astype(int), axis=-1).max() <= 1
    warm = taken(Photography(tint=(1.3, 1, 0.7)))[:, :20].astype(float)
    assert warm[..., 0].mean() > warm[..., 1].mean() > warm[..., 2].mean()
    assert taken(Photography(contrast=1.3)).std() > plain.std()
    assert taken(Photography(blur=20)).std() < 0.8 * plain.std()
    squeezed = taken(Photography(jpeg=20)).astype(float)
    assert 1 < np.abs(squeezed - plain).mean() < 60


def test_drawn_cameras_differ_and_repeat() -> None:
    drawn = [draw_photography(np.random.default_rng(seed)) for seed in range(60)]
    assert drawn[7] == draw_photography(np.random.default_rng(7))
    assert len({photography.jpeg for photography in drawn}) > 10
    assert 0 < sum(photography.saturation == 0 for photography in drawn) < 12
