"""Teeth stay behind lips and chin, whatever an expression does to them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.capture.correspondence import correspondence
from backend.capture.rasteriser import rasteriser
from backend.head.clearance import clear_of_lips
from backend.head.model import GUM, TEETH, TONGUE, HeadModel, head_model
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.camera import Camera

LOWER_LIP, UPPER_LIP = 14, 13  # mediapipe's landmarks on the middle of the inner lips
SMILE = {"mouthSmileLeft": 1, "mouthSmileRight": 1}
LOWERED = {"mouthLowerDownLeft": 1, "mouthLowerDownRight": 1}


def head(seed: int, **values: float) -> NDArray[np.float64]:
    """A person with an expression; seed 0 is the mean one."""
    model, coefficients = head_model(), np.zeros(len(ARKIT_NAMES))
    for name, value in values.items():
        coefficients[ARKIT_INDEX[name]] = value
    identity = np.random.default_rng(seed).normal(0, 0.8, 80) * (seed > 0)
    return clear_of_lips(model.expressed(model.neutral(identity), coefficients)).astype(np.float64)


def edges(model: HeadModel) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The front teeth of the upper, and of the lower row."""
    teeth = np.flatnonzero((model.region == TEETH) & (np.abs(model.mean[:, 0]) < 0.006))
    lower = np.linalg.norm(model.actions[ARKIT_INDEX["jawOpen"]][teeth], axis=1) > 0.001
    return teeth[~lower], teeth[lower]


def teeth_seen_off_the_lips(vertices: NDArray[np.float64]) -> int:
    """Pixels that show teeth or gums, seen from the front with the inside of the lips' outline left out."""
    model, places = head_model(), correspondence().on(vertices)
    middle = places[[LOWER_LIP, UPPER_LIP]].mean(axis=0)
    look = np.array([[1.0, 0, 0, -middle[0]], [0, 0, -1, middle[2]], [0, 1, 0, 2 - middle[1]], [0, 0, 0, 1]])
    camera = Camera(np.array([[4000.0, 0, 128], [0, 4000.0, 128], [0, 0, 1]]), look, 256, 256)
    triangle = rasteriser().draw(vertices, model.faces, camera).triangle
    shown = np.isin(model.region[model.faces[triangle]].max(axis=-1), (TEETH, GUM)) & (triangle >= 0)
    lip = camera.project(places[[LOWER_LIP]])[0, 1]
    return int(shown[round(lip) + 2 :].sum())  # below the lower lip's inner edge


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "expression", [{}, {"jawOpen": 1}, SMILE, {"jawOpen": 0.4, **SMILE}, {"jawOpen": 0.8, **SMILE}]
)
def test_no_teeth_come_through_lower_lip_and_chin(expression: dict[str, float], seed: int) -> None:
    assert teeth_seen_off_the_lips(head(seed, **expression)) < 15


@pytest.mark.parametrize("seed", range(4))
def test_the_lower_lip_hides_lower_teeth_until_it_is_pulled_down(seed: int) -> None:
    lower = edges(head_model())[1]

    def uncovered(**values: float) -> float:
        vertices = head(seed, **values)
        return float(vertices[lower, 2].max() - correspondence().on(vertices)[LOWER_LIP, 2])

    assert max(uncovered(jawOpen=value) for value in (0, 0.3, 0.6, 1)) < 0.001
    assert uncovered(jawOpen=0.3, **LOWERED) > uncovered(jawOpen=0.3) + 0.002


def test_the_upper_lip_shows_the_edges_of_upper_teeth_as_the_jaw_opens(seed: int = 0) -> None:
    upper = edges(head_model())[0]
    vertices = head(seed, jawOpen=0.4)
    shown = correspondence().on(vertices)[UPPER_LIP, 2] - vertices[upper, 2].min()
    assert 0.0005 < shown < 0.005


def test_the_tongue_rests_behind_the_lower_teeth() -> None:
    model = head_model()
    tongue, lower = model.region == TONGUE, edges(model)[1]
    for value in (0.2, 0.6, 1.0):
        vertices = head(0, jawOpen=value)
        assert 0.0005 < vertices[tongue, 1].min() - vertices[lower, 1].min() < 0.016


def test_nothing_moves_where_nothing_is_pressed() -> None:
    model = head_model()
    assert clear_of_lips(model.mean) is model.mean
