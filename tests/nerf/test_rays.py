"""Rays of camera labels and where they cross the cube."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.nerf.rays import Limits, Rays, camera_label, cube_limits, picture_rays, rendered_limits
from shared.camera import Camera


def test_rays_pass_through_their_pixels() -> None:
    generator = np.random.default_rng(0)
    pose = np.eye(4)
    pose[:3, :3] = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    pose[:3, 3] = generator.normal(size=3)
    intrinsics = np.array([[2.0, 0.1, 0.45], [0, 2.4, 0.6], [0, 0, 1]])
    label = camera_label(torch.from_numpy(pose)[None], torch.from_numpy(intrinsics)[None])
    rays = Rays(*(values[0] for values in picture_rays(label, 5)))
    points = rays.at(torch.linspace(0.5, 3, 25, dtype=torch.float64)[:, None])[:, :, 0].T
    camera = Camera(np.diag([5.0, 5, 1]) @ intrinsics, np.linalg.inv(pose), 5, 5)
    rows, columns = np.divmod(np.arange(25), 5)
    np.testing.assert_allclose(camera.project(points.numpy())[:, :2], np.stack([columns, rows], 1) + 0.5, atol=1e-9)
    torch.testing.assert_close(rays.directions.norm(dim=1), torch.ones(25, dtype=torch.float64))


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"25.*\[1, 16\]"):
        picture_rays(torch.zeros(1, 16), 4)


def test_limits_of_the_cube() -> None:
    origins = torch.tensor([[0.0, 0, 2], [0, 0, 2], [0, 0, 2], [0.2, 0, 0], [0, 0, 2]])
    directions = torch.tensor([[0.0, 0, -1], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0.6, -0.8]])
    limits = cube_limits(Rays(origins, directions), 1.0)
    # through it, away from it, beside it, from within, past its edge
    torch.testing.assert_close(limits.near[:, 0], torch.tensor([1.5, -1, -1, 0, -1]))
    torch.testing.assert_close(limits.far[:, 0], torch.tensor([2.5, -2, -2, 0.3, -2]))
    torch.testing.assert_close(cube_limits(Rays(origins, directions), 2.0).far[0, 0], torch.tensor(3.0))


def test_rays_that_miss_get_limits_of_the_others() -> None:
    limits = Limits(torch.tensor([[2.0], [-1], [2.3]]), torch.tensor([[3.0], [-2], [2.9]]))
    rendered = rendered_limits(limits)
    torch.testing.assert_close(rendered.near[:, 0], torch.tensor([2.0, 2.0, 2.3]))
    torch.testing.assert_close(rendered.far[:, 0], torch.tensor([3.0, 2.3, 2.9]))  # the published quirk: a near depth
    alone = rendered_limits(limits.some(slice(1, 2)))
    assert alone.near.item() == alone.far.item() == 0
