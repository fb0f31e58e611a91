"""Brows and lashes grow where they should and move with the face."""

from __future__ import annotations

import numpy as np

from backend.capture.correspondence import correspondence
from backend.head.model import head_model
from backend.people.brows import brows_and_lashes
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Array, Strands
from shared.arkit import ARKIT_INDEX


def grown(seed: int) -> tuple[Array, tuple[Strands, ...]]:
    traits = draw_traits(seed)
    neutral = head_model().neutral(draw_identity(seed, traits)).astype(np.float32)
    return neutral, brows_and_lashes(seed, traits, neutral)


def carried(strands: Strands, action: str) -> Array:
    """[S, 3] metres that an action moves each strand's root."""
    assert strands.carriers is not None and strands.carrier_weights is not None
    movement = head_model().actions[ARKIT_INDEX[action]]
    return np.einsum("sk,skc->sc", strands.carrier_weights, movement[strands.carriers])


def test_brows_stand_above_the_eyes_and_lashes_at_the_lids() -> None:
    for seed in range(6):
        neutral, (brows, lashes) = grown(seed)
        marks = correspondence().on(neutral)
        assert brows.points[..., 2].min() > marks[[159, 386], 2].max()
        assert brows.points[..., 2].max() < marks[10, 2] + 0.01
        root = lashes.points[:, 0]
        rim = marks[[*range(33, 34), 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]]
        right = root[root[:, 0] < 0]
        nearest = np.linalg.norm(right[:, None] - rim[None], axis=2).min(axis=1)
        assert nearest.max() < 0.006
        # they grow forwards, off the eye
        assert np.all(lashes.points[:, -1, 1] < lashes.points[:, 0, 1] + 0.003)


def test_inner_brows_rise_with_brow_inner_up() -> None:
    _, (brows, _) = grown(1)
    rise = carried(brows, "browInnerUp")[:, 2]
    across = np.abs(brows.points[:, 0, 0])
    inner, outer = across < np.quantile(across, 0.25), across > np.quantile(across, 0.75)
    assert rise[inner].mean() > 0.002
    assert rise[inner].mean() > 2 * rise[outer].mean()


def test_upper_lashes_follow_a_blink_to_the_lower_ones() -> None:
    _, (_, lashes) = grown(3)
    shut = carried(lashes, "eyeBlinkLeft") + carried(lashes, "eyeBlinkRight")
    upper = lashes.points[:, -1, 2] > lashes.points[:, 0, 2]
    gap_open = lashes.points[upper, 0, 2].mean() - lashes.points[~upper, 0, 2].mean()
    closed = lashes.points[:, 0] + shut
    gap_shut = closed[upper, 2].mean() - closed[~upper, 2].mean()
    assert gap_shut < 0.4 * gap_open
