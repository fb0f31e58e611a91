"""Glasses rest on the nose, stand clear of the eyes and reach the ears; jewellery hangs where it should."""

from __future__ import annotations

import numpy as np
import pytest

from backend.head.model import EYE, head_model
from backend.people.glasses import SHAPES, glasses
from backend.people.jewellery import jewellery
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Layer, Traits


def body(seed: int) -> tuple[Traits, np.ndarray]:
    traits = draw_traits(seed)
    return traits, head_model().neutral(draw_identity(seed, traits)).astype(np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_glasses_fit_the_face(seed: int) -> None:
    traits, neutral = body(seed)
    worn = glasses(seed, traits, neutral, list(SHAPES)[seed % len(SHAPES)])
    assert worn is not None
    frame, lenses = worn.surfaces
    eyes = neutral[head_model().region == EYE]
    # nothing of a lens may lie less than 6 mm before the cornea, nor float in front of the face
    gap = eyes[:, 1].min() - lenses.vertices[:, 1]
    beside = np.abs(np.abs(lenses.vertices[:, 0]) - np.abs(eyes[:, 0]).mean())
    over_eye = (beside < 0.015) & (np.abs(lenses.vertices[:, 2] - eyes[:, 2].mean()) < 0.015)
    assert 0.006 < gap[over_eye].min() < 0.03
    # the bridge sits on the ridge of the nose: close to it, but not in it
    bridge = frame.vertices[np.abs(frame.vertices[:, 0]) < 0.001]
    ridge = neutral[(np.abs(head_model().mean[:, 0]) < 0.002) & (head_model().mean[:, 1] < -0.1)]
    height = np.linalg.norm(bridge[:, None, 1:] - ridge[None, :, 1:], axis=-1).min(axis=1)
    assert 0.0005 < height.min() < 0.012
    inside = np.interp(bridge[:, 2], ridge[ridge[:, 2].argsort(), 2], ridge[ridge[:, 2].argsort(), 1])
    assert (bridge[:, 1] < inside + 0.0005).all()
    # temples end behind the ears' roots
    assert frame.vertices[:, 1].max() > 0.0
    assert (frame.head_share == 1).all()


def test_the_same_seed_wears_the_same_glasses() -> None:
    wearers = [seed for seed in range(30) if glasses(seed, *body(seed)) is not None]
    assert 3 <= len(wearers) <= 20
    one, other = (glasses(wearers[0], *body(wearers[0])) for _ in range(2))
    assert one is not None and other is not None
    assert one.style == other.style
    assert np.array_equal(one.surfaces[0].vertices, other.surfaces[0].vertices)


def test_jewellery_hangs_on_ears_and_neck() -> None:
    styles = set()
    for seed in range(40):
        traits, neutral = body(seed)
        worn = jewellery(seed, traits, neutral, 0.1)
        styles.add(worn.style)
        for surface in worn.surfaces:
            assert surface.layer == Layer.JEWELLERY
            assert np.isfinite(surface.vertices).all()
            low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
            assert high[2] < neutral[head_model().region == EYE][:, 2].mean()
            assert low[2] > neutral[:, 2].min()
    assert "none" in styles and len(styles) > 5


def test_clothes_hide_necklaces() -> None:
    for seed in range(40):
        traits, neutral = body(seed)
        covered = jewellery(seed, traits, neutral, -0.1).style
        assert not any(name in covered for name in ("chain", "pendant", "necklace"))
