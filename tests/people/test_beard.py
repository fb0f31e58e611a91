"""Beards grow on the lower face and go along with the jaw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.head.model import head_model
from backend.people.beard import SHAVES, beard, grown_beard
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Layer
from shared.arkit import ARKIT_INDEX

MAN = replace(draw_traits(3), age=40.0, female=0.05, arbitrary=False)
NEUTRAL = head_model().neutral(draw_identity(3, MAN)).astype(np.float32)


def test_women_and_children_have_none_and_many_men_have_one() -> None:
    assert not beard(1, replace(MAN, female=0.9), NEUTRAL).strands
    assert not beard(1, replace(MAN, age=9.0), NEUTRAL).strands
    styles = {beard(seed, MAN, NEUTRAL).style for seed in range(24)}
    assert "none" in styles and len(styles) > 4


def test_a_seed_always_gives_the_same_beard() -> None:
    seed = next(seed for seed in range(40) if beard(seed, MAN, NEUTRAL).strands)
    first, second = (beard(seed, MAN, NEUTRAL).strands[0] for _ in range(2))
    assert np.array_equal(first.points, second.points) and np.array_equal(first.colour, second.colour)


@pytest.mark.parametrize("name", ["moustache", "goatee", "short beard", "long beard"])
def test_a_beard_opens_with_the_jaw(name: str) -> None:
    (strands,) = grown_beard(SHAVES[name], MAN, NEUTRAL, np.random.default_rng(0))
    assert strands.layer == Layer.BEARD
    assert strands.carriers is not None and strands.carrier_weights is not None
    movement = head_model().actions[ARKIT_INDEX["jawOpen"], :, 2]
    drop = -np.einsum("sk,sk->s", strands.carrier_weights, movement[strands.carriers])
    on_chin = (strands.points[:, 0, 2] < -0.085) & (np.abs(strands.points[:, 0, 0]) < 0.02)
    if name == "moustache":  # its ends reach the corners of the mouth
        assert len(drop) > 60 and drop.mean() < 0.009
    else:
        assert on_chin.sum() > 50 and drop[on_chin].mean() > 0.012


def test_a_full_beard_leaves_lips_nose_and_cheekbones_bare() -> None:
    (strands,) = grown_beard(SHAVES["full beard"], MAN, NEUTRAL, np.random.default_rng(0))
    assert strands.carriers is not None and strands.carrier_weights is not None
    roots = np.einsum("sk,skc->sc", strands.carrier_weights, head_model().mean[strands.carriers])
    lips = (np.abs(roots[:, 0]) < 0.015) & (np.abs(roots[:, 2] + 0.072) < 0.005)
    assert not lips.any() and roots[:, 2].max() < 0.0
    assert (roots[np.abs(roots[:, 0]) < 0.02, 2] < -0.05).all()
