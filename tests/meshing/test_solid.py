"""The sides of surfaces with gaps."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from backend.avatars.zera.solid import Solid

BALL = trimesh.creation.icosphere(subdivisions=4, radius=0.1)
VERTICES, FACES = np.array(BALL.vertices), np.array(BALL.faces)
NOTHING = np.zeros((0, 3), int)
POINTS = np.random.default_rng(0).uniform(-0.14, 0.14, (50_000, 3))
TRUE = np.linalg.norm(POINTS, axis=1) - 0.1


def solid(faces: np.ndarray) -> Solid:
    return Solid(VERTICES, faces, (VERTICES + 0.1) / 0.2, NOTHING)


def test_a_closed_surface_is_exact_near_and_right_far() -> None:
    ball = solid(FACES)
    found = ball.signed_distance(POINTS)
    near = np.abs(TRUE) < 0.003
    assert np.abs(found - TRUE)[near].mean() < 2e-4
    assert np.abs(found - TRUE).max() < 0.003
    clear = np.abs(TRUE) > 0.0015
    assert ((found < 0) == (TRUE < 0))[clear].all()
    far = ball.signed_distance(np.array([[0.0, 0.0, 1.0], [3.0, 0.0, 0.0]]))
    assert far == pytest.approx([0.9, 2.9], abs=0.003)


def test_a_hole_is_bridged() -> None:
    middles = VERTICES[FACES].mean(axis=1)
    found = solid(FACES[middles[:, 0] < 0.09]).signed_distance(POINTS)  # the hole is 87 mm wide
    away = (POINTS[:, 0] < 0.08) & (np.abs(TRUE) > 0.002)
    assert ((found < 0) == (TRUE < 0))[away].mean() > 0.9995
    before = np.array([[x, 0.0, 0.0] for x in (0.06, 0.07, 0.11, 0.13)])
    assert (solid(FACES[middles[:, 0] < 0.09]).signed_distance(before) < 0).tolist() == [True, True, False, False]


def test_colours_are_the_nearest_ones() -> None:
    distance, colours = solid(FACES).colour(VERTICES[::50])
    assert distance.max() < 0.003
    assert colours == pytest.approx((VERTICES[::50] + 0.1) / 0.2, abs=0.01)
    cap = VERTICES[FACES].mean(axis=1)[:, 0] > 0.09
    lined = Solid(VERTICES, FACES[~cap], (VERTICES + 0.1) / 0.2, FACES[cap])
    assert lined.colour(np.array([[0.1, 0.0, 0.0]]))[1][0, 0] == pytest.approx(1, abs=0.02)
