"""PNCC pictures: the same place on any head has the same colour, wherever and however it is shown."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.capture.correspondence import correspondence
from backend.capture.pncc import NECK_HEIGHT, pncc
from backend.head.model import bend, head_model
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.camera import Camera

NOSE_TIP, RIGHT_EYE, LEFT_EYE, FOREHEAD, CHIN = 1, 33, 263, 10, 152


def front(width: int = 200, height: int = 240) -> Camera:
    look = np.array([[1.0, 0, 0, 0], [0, 0, -1, -0.03], [0, 1, 0, 1.1], [0, 0, 0, 1]])
    focal = 3.3 * min(width, height)
    return Camera(np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]), look, width, height)


def expected_colours(landmarks: list[int]) -> NDArray[np.float64]:
    """The places of landmarks on the mean head in the box of its head, 0..1: the definition, by hand."""
    mean = head_model().mean
    head = mean[mean[:, 2] > NECK_HEIGHT]
    places = correspondence().on(mean)[landmarks]
    return (places - head.min(axis=0)) / (head.max(axis=0) - head.min(axis=0))


def colours_at(picture: NDArray[np.float32], vertices: NDArray[np.float64], landmarks: list[int]) -> NDArray:
    column, row, _ = front().project(correspondence().on(vertices)[landmarks]).astype(int).T
    return picture[row, column]


@pytest.mark.parametrize("yaw", [-30, 0, 30])
def test_a_landmark_has_the_colour_of_its_place_on_the_mean_head(yaw: float) -> None:
    model = head_model()
    random = np.random.default_rng(1)
    coefficients = np.zeros(len(ARKIT_NAMES))
    coefficients[[ARKIT_INDEX[name] for name in ("jawOpen", "mouthSmileLeft", "browInnerUp")]] = 0.5
    head = model.expressed(model.neutral(random.normal(0, 0.7, 80)), coefficients)
    turned = bend(head, model.head_share, np.radians([0, 0, yaw]), np.array([0.01, 0, 0.005]))
    marks = [NOSE_TIP, FOREHEAD, 199, 50, 280]  # and the front of the chin, and both cheeks
    found = colours_at(pncc(turned, front()), turned, marks)
    np.testing.assert_allclose(found, expected_colours(marks), atol=0.03)


def test_red_runs_to_the_persons_left_green_backwards_blue_upwards() -> None:
    picture = pncc(head_model().mean, front())
    right, left, nose, forehead, chin = colours_at(
        picture, head_model().mean, [RIGHT_EYE, LEFT_EYE, NOSE_TIP, FOREHEAD, CHIN]
    )
    assert left[0] > right[0] + 0.3 and left[0] + right[0] == pytest.approx(1, abs=0.02)
    assert nose[1] < 0.05 < left[1] and chin[2] < nose[2] < forehead[2]


def test_values_stay_in_range_and_the_background_is_zero() -> None:
    picture = pncc(head_model().mean, front())
    assert picture.shape == (240, 200, 3) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1
    assert (picture[:5] == 0).all() and (picture[:, :5] == 0).all()
    assert 0.2 < (picture.max(axis=2) > 0).mean() < 0.9


def test_only_the_head_is_shown() -> None:
    """From the shoulders down there is nothing: the lowest colours belong to the neck."""
    below = head_model().mean[head_model().mean[:, 2] <= NECK_HEIGHT]
    far = front()
    picture = pncc(head_model().mean, far)
    lowest = np.nonzero(picture.max(axis=2) > 0)[0].max()
    neck = far.project(np.array([[0.0, -0.03, NECK_HEIGHT]]))[0, 1]
    assert len(below) and lowest < neck + 15


def test_the_mean_head_gives_a_symmetric_picture() -> None:
    picture = pncc(head_model().mean, front())
    mirrored = picture[:, ::-1] * (-1, 1, 1) + (1, 0, 0)
    both = (picture.max(axis=2) > 0) & (picture[:, ::-1].max(axis=2) > 0)
    assert both.sum() > 0.98 * (picture.max(axis=2) > 0).sum()
    assert np.abs(picture - mirrored)[both].mean() < 0.01


def test_turning_the_camera_is_turning_the_head() -> None:
    turn = Rotation.from_euler("xyz", (0.1, -0.05, 0.3)).as_matrix()
    mean = head_model().mean.astype(float)
    view = front()
    pose = view.world_to_camera.copy()
    pose[:3, :3] = pose[:3, :3] @ turn
    by_camera = pncc(mean, Camera(view.intrinsics, pose, view.width, view.height))
    assert np.abs(by_camera - pncc(mean @ turn.T, view)).mean() < 1e-3
