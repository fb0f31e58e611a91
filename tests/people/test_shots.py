from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.head.model import head_model
from backend.people.expressions import draw_expression
from backend.people.lighting import draw_lighting
from backend.people.scene import Person, Shot, Traits
from backend.people.shots import draw_shots
from shared.arkit import ARKIT_INDEX

TRAITS = Traits(30, 0.5, 0.5, 0.4, 0.7, 0.2, 0.0, False)
PERSON = Person(0, TRAITS, np.zeros(80, np.float32), head_model().mean.astype(np.float32), (), ())


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    return [shot for seed in range(40) for shot in draw_shots(PERSON, seed, 4, 64)]


def view(shot: Shot) -> np.ndarray:
    """[2] yaw and pitch, in degrees, of the camera as the turned head sees it."""
    towards = Rotation.from_euler("xyz", shot.rotation).inv().apply(shot.camera.position)
    x, y, z = towards / np.linalg.norm(towards)
    return np.degrees([np.arctan2(x, -y), np.arcsin(z)])


def test_a_seed_draws_the_same_shots() -> None:
    for one, other in zip(draw_shots(PERSON, 5, 3, 64), draw_shots(PERSON, 5, 3, 64)):
        assert np.array_equal(one.camera.world_to_camera, other.camera.world_to_camera)
        assert np.array_equal(one.coefficients, other.coefficients)
        assert np.array_equal(one.background, other.background)
        assert one.photography == other.photography


def test_one_scene_has_one_light_unless_asked_otherwise() -> None:
    same = draw_shots(PERSON, 1, 3, 64)
    assert all(shot.lighting is same[0].lighting and shot.background is same[0].background for shot in same)
    other = draw_shots(PERSON, 1, 3, 64, same_light=False)
    assert other[0].lighting is not other[1].lighting
    assert not np.array_equal(other[0].background, other[1].background)


def test_heads_are_seen_as_portraits_show_them(shots: list[Shot]) -> None:
    angles = np.abs([view(shot) for shot in shots])
    assert angles[:, 0].max() < 80 and (angles[:, 0] < 40).mean() > 0.8 and (angles[:, 0] > 25).mean() > 0.1
    assert angles[:, 1].max() < 36 and (angles[:, 1] > 8).mean() > 0.2
    turns = [np.degrees(np.linalg.norm(Rotation.from_euler("xyz", shot.rotation).as_rotvec())) for shot in shots]
    assert np.mean(turns) > 10 and max(turns) <= 35.5


def test_the_face_is_in_the_picture_at_many_sizes(shots: list[Shot]) -> None:
    heights = []
    for shot in shots:
        eyes, chin = shot.camera.project(np.array([[0.0, -0.1, 0.0], [0.0, -0.09, -0.11]]))[:, :2]
        assert (eyes > 0).all() and (eyes < 64).all()
        heights.append(np.linalg.norm(chin - eyes) / 64)
    assert np.quantile(heights, 0.9) > 1.6 * np.quantile(heights, 0.1)
    distances = [np.linalg.norm(shot.camera.position) for shot in shots]
    assert min(distances) > 0.35 and max(distances) > 1.5  # strong and weak perspective


def test_a_child_is_photographed_from_nearer() -> None:
    small = replace(PERSON, neutral=PERSON.neutral * 0.7)
    for grown, child in zip(draw_shots(PERSON, 2, 4, 64), draw_shots(small, 2, 4, 64)):
        assert np.linalg.norm(child.camera.position) < np.linalg.norm(grown.camera.position)


def test_expressions_are_possible_and_various() -> None:
    random = np.random.default_rng(0)
    drawn = np.stack([draw_expression(random) for _ in range(500)])
    assert drawn.shape == (500, 52) and drawn.min() >= 0 and drawn.max() <= 1
    column = {name: drawn[:, index] for name, index in ARKIT_INDEX.items()}
    for side in ("Left", "Right"):
        assert (np.minimum(column[f"eyeLookIn{side}"], column[f"eyeLookOut{side}"]) < 0.1).all()
        assert (np.minimum(column[f"eyeBlink{side}"], column[f"eyeWide{side}"]) < 0.3).all()
    assert (column["mouthClose"] <= column["jawOpen"] + 1e-6).all()
    mouth = drawn[:, [index for name, index in ARKIT_INDEX.items() if name.startswith(("mouth", "jaw"))]]
    assert 0.1 < (mouth.max(axis=1) < 0.1).mean() < 0.35  # neutral
    assert (column["jawOpen"] > 0.3).mean() > 0.1 and (column["mouthSmileLeft"] > 0.3).mean() > 0.15
    assert 0.05 < (column["eyeBlinkLeft"] > 0.8).mean() < 0.25


def test_light_falls_on_faces() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        lighting = draw_lighting(random)
        assert 1 <= len(lighting.lights) <= 3
        for light in lighting.lights:
            assert np.linalg.norm(light.direction) == pytest.approx(1, abs=1e-5) and (light.colour >= 0).all()
        front = sum(light.colour.mean() * max(0.0, -float(light.direction[1])) for light in lighting.lights)
        assert 0.1 < front + (lighting.above.mean() + lighting.below.mean()) / 2 < 2.5


def test_a_bright_background_means_more_light() -> None:
    received = []
    for value in (20, 230):
        behind = np.full((4, 4, 3), value, np.uint8)
        drawn = [draw_lighting(np.random.default_rng(seed), behind) for seed in range(20)]
        received.append(np.mean([lighting.above.mean() for lighting in drawn]))
    assert received[1] > 1.1 * received[0]
