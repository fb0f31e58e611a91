"""Layers and the scene go on where something hides them."""

from __future__ import annotations

import numpy as np

from backend.capture.masks_fill import background_plate, fill_layer

SIDE, RADIUS = 640, 150


def _away() -> np.ndarray:
    """[SIDE, SIDE] pixels from a disc in the middle, negative inside."""
    rows, columns = np.indices((SIDE, SIDE)) - SIDE / 2
    return np.hypot(rows, columns) - RADIUS


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(values, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_the_scene_goes_on_behind_a_person_without_a_seam() -> None:
    """A step along the old outline would stay behind as a ghost when the head moves."""
    away = _away()
    scene = np.clip(40 + 5 * away, 0, 255)
    person = (away < 0).astype(np.float32)
    plate = background_plate(_grey(np.where(away < 0, 30, scene)), person, reach=40).astype(float)[..., 0]
    steps = np.abs(np.diff(plate, axis=1))[np.abs(away[:, 1:]) < 25]
    assert np.percentile(steps, 99.9) < 2 * 5  # the scene's own steps are 5


def test_a_layer_goes_on_as_it_is_at_its_edge() -> None:
    """Dark hems of light clothes: what comes next under long hair is dark too."""
    away = _away()
    picture = _grey(np.where(away < -25, 220, np.where(away < 0, 40, 128)))
    filled = fill_layer(picture, (away < 0).astype(np.float32), reach=30)[..., 0]
    assert filled[(away > 4) & (away < 15)].max() < 100
    assert filled[away > 200].min() > 100  # further off, the layer's mean
