"""Looking up pictures: pixel centres, borders, and the agreement with the camera."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.nerf.images import look_up, project, smoothstep
from shared.camera import Camera

HEIGHT, WIDTH = 5, 7
SHARES = torch.tensor([1 / WIDTH, 1 / HEIGHT])


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


def centres() -> torch.Tensor:
    """[35, 2] Pixel centres in pixels, row by row."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1)


def test_pixel_centres_give_the_pixels(picture: torch.Tensor) -> None:
    found = look_up(picture, centres() * SHARES)
    torch.testing.assert_close(found, picture.flatten(1).T, rtol=0, atol=2e-6)


def test_half_way_is_the_mean(picture: torch.Tensor) -> None:
    between = look_up(picture, torch.tensor([[3.0, 2.5], [1.5, 2.0], [3.0, 2.0]]) * SHARES)
    torch.testing.assert_close(between[0], picture[:, 2, 2:4].mean(1), rtol=0, atol=2e-6)
    torch.testing.assert_close(between[1], picture[:, 1:3, 1].mean(1), rtol=0, atol=2e-6)
    torch.testing.assert_close(between[2], picture[:, 1:3, 2:4].mean((1, 2)), rtol=0, atol=2e-6)


def test_beyond_the_border_is_the_border(picture: torch.Tensor) -> None:
    beyond = look_up(picture, torch.tensor([[-3.0, -9.0], [0.0, 0.0], [2.5, 99.0], [50.0, 2.5]]) * SHARES)
    expected = torch.stack([picture[:, 0, 0], picture[:, 0, 0], picture[:, -1, 2], picture[:, 2, -1]])
    torch.testing.assert_close(beyond, expected, rtol=0, atol=2e-6)


def test_no_places_give_no_colours(picture: torch.Tensor) -> None:
    assert look_up(picture, torch.zeros(0, 2)).shape == (0, 3)


def test_projection_is_the_cameras() -> None:
    pose = np.eye(4)
    pose[:3] = np.random.default_rng(0).normal(0, 0.3, (3, 4)) + np.eye(3, 4)
    pose[2, 3] = 3
    camera = Camera(np.array([[500.0, 3, 210], [0, 480, 140], [0, 0, 1]]), pose, 400, 300)
    points = np.random.default_rng(1).normal(0, 0.3, (40, 3))
    found = project(*(torch.tensor(values) for values in (points, camera.intrinsics, camera.world_to_camera)))
    np.testing.assert_allclose(found.numpy(), camera.project(points)[:, :2], rtol=1e-9)


def test_smoothstep_is_flat_at_both_ends() -> None:
    value = torch.linspace(-1, 2, 301, dtype=torch.float64, requires_grad=True)
    step = smoothstep(0.0, 1.0, value)
    assert (step[value <= 0] == 0).all() and (step[value >= 1] == 1).all()
    assert float(step[150].detach()) == pytest.approx(0.5)
    assert (step.diff() >= 0).all()
    (slope,) = torch.autograd.grad(step.sum(), value)
    assert slope[101] < 0.06 and slope[199] < 0.06 and float(slope[150]) == pytest.approx(1.5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_smoothstep_of_arrays_is_that_of_tensors(kind: type[np.floating]) -> None:
    values = np.linspace(-0.2, 0.3, 101).astype(kind)
    rising, falling = smoothstep(-0.1, 0.2, values), smoothstep(0.2, -0.1, values)
    assert rising.dtype == kind
    np.testing.assert_array_equal(rising, smoothstep(-0.1, 0.2, torch.from_numpy(values)).numpy())
    np.testing.assert_allclose(falling, 1 - rising, atol=1e-6)
    assert np.ptp(rising) == 1
