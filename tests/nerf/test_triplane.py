"""Tri-planes and tri-grids: what a plane's axes are, what is outside, and the table against the plain form."""

from __future__ import annotations

import pytest
import torch

from backend.nerf.triplane import AXES, PlaneAxes, PlaneTable, planes_from_channels, sample_planes
from tests.nerf.fields import random_planes


def texel_centre(side: int, *indices: int) -> torch.Tensor:
    return (torch.tensor(indices) + 0.5) / side - 0.5


@pytest.mark.parametrize("depth", [1, 3])
def test_channels_to_planes(depth: int) -> None:
    channels = torch.randn(2, 3 * 4 * depth, 5, 6)
    planes = planes_from_channels(channels, depth)
    assert planes.shape == (2, 3, 4 * depth, 5, 6)
    torch.testing.assert_close(planes[1, 0, 2, 1, 3], channels[1, 2, 3, 3])
    torch.testing.assert_close(planes[1, 1, 2, 1, 3], channels[1, 4 * depth + 2, 3, 3])
    torch.testing.assert_close(planes[1, 2, 2, 1, 3], channels[1, 8 * depth + 2, 3, 2])
    with pytest.raises(ValueError, match="three planes"):
        planes_from_channels(channels[:, :-1], depth)


def test_each_plane_has_its_coordinates() -> None:
    planes = random_planes(side=9)
    x, y, z = 2, 5, 7
    point = texel_centre(9, x, y, z)[None, None]
    first, second, third = planes[0]
    expected = first[:, y, x] + second[:, z, x] + third[:, x, z]
    torch.testing.assert_close(sample_planes(planes, point, 8)[0, 0], expected / 3)
    expected = first[:, y, x] + second[:, z, x] + third[:, y, z]
    torch.testing.assert_close(sample_planes(planes, point, 8, "corrected")[0, 0], expected / 3)
    torch.testing.assert_close(
        sample_planes(planes, point * 2, 8, box_size=2.0)[0, 0], sample_planes(planes, point, 8)[0, 0]
    )


def test_a_grid_is_deep_in_its_third_coordinate() -> None:
    planes = random_planes(depth=3, side=9)
    first, second, third = planes.unflatten(2, (8, 3))[0]
    x, y, z = 1, 4, 7  # of nine texels; the middles of the three slices
    point = texel_centre(9, x, y, z)[None, None]
    expected = first[:, 2, y, x] + second[:, 1, z, x] + third[:, 1, x, z]
    torch.testing.assert_close(sample_planes(planes, point, 8)[0, 0], expected / 3)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("depth", [1, 3])
def test_the_table_holds_what_the_planes_hold(axes: PlaneAxes, depth: int) -> None:
    planes = random_planes(depth)
    generator = torch.Generator().manual_seed(2)
    points = torch.rand(4000, 3, generator=generator) * 1.6 - 0.8  # a third of each coordinate outside
    corners = torch.cartesian_prod(*[torch.tensor([-9.0, -0.5, 0.5 - 1 / 24, 0.5, 0.5 + 1 / 24])] * 3)
    points = torch.cat([points, corners]) * 1.5
    table = PlaneTable(planes[0], 8, axes, box_size=1.5)
    found = table.read(*table.places(points.T))
    torch.testing.assert_close(found / 3, sample_planes(planes, points[None], 8, axes, 1.5)[0], rtol=0, atol=2e-5)


def test_planes_that_are_not_square_are_refused() -> None:
    with pytest.raises(ValueError, match="4x5"):
        PlaneTable(torch.zeros(3, 8, 4, 5), 8)
