"""The field made ready for many points, against its plain form."""

from __future__ import annotations

import pytest
import torch

from backend.nerf.feature_field import FeatureField
from backend.nerf.plane_field import CACHED_POINTS, PlaneField
from backend.nerf.triplane import AXES, PlaneAxes, sample_planes
from tests.nerf.fields import ellipsoid, random_field, random_planes


def points(count: int) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(3)) * 1.2 - 0.6


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("depth", [1, 3])
def test_the_field_is_its_plain_form(axes: PlaneAxes, depth: int) -> None:
    planes, field, places = random_planes(depth), random_field(), points(CACHED_POINTS + 77)
    plain = field(sample_planes(planes, places[None], 8, axes)[0])
    space = PlaneField(planes[0], field, axes)
    found = space.at(places)
    torch.testing.assert_close(found.sigma, plain.sigma, rtol=0, atol=5e-5)
    torch.testing.assert_close(found.colour, plain.colour, rtol=0, atol=2e-5)
    torch.testing.assert_close(space.sigma(places.T), found.sigma, rtol=0, atol=1e-6)


def test_hidden_units_of_any_size_are_right() -> None:
    planes, field, places = random_planes() * 300, random_field(), points(999)
    features = sample_planes(planes, places[None], 8)[0]
    assert field.net[0](features).max() > 100  # whose exponential is beyond float32
    plain = field(features)
    found = PlaneField(planes[0], field).at(places)
    torch.testing.assert_close(found.sigma, plain.sigma, rtol=1e-5, atol=1e-2)
    torch.testing.assert_close(found.colour, plain.colour, rtol=0, atol=5e-3)


def test_half_precision_is_near() -> None:
    planes, field, places = random_planes(), random_field(), points(999)
    plain = field(sample_planes(planes, places[None], 8)[0])
    found = PlaneField(planes[0], field, precision=torch.bfloat16).at(places)
    assert found.sigma.dtype == torch.float32
    assert (found.sigma - plain.sigma).square().mean().sqrt() < 0.02 * plain.sigma.std()
    assert (found.colour - plain.colour).square().mean().sqrt() < 0.01


def test_the_plain_form_learns() -> None:
    planes, field = random_planes().requires_grad_(), random_field()
    radiance = field(sample_planes(planes, points(50)[None], 8)[0])
    (radiance.sigma.sum() + radiance.colour.sum()).backward()
    assert planes.grad is not None and planes.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in field.parameters())


def test_the_surface_is_where_sigma_is_the_level() -> None:
    planes, field = ellipsoid()
    space = PlaneField(planes[0], field)
    on_axis = torch.zeros(200, 3)
    on_axis[:, 0] = torch.linspace(-0.4, 0.4, 200)
    found = space.surface(on_axis, reach=0.25)
    assert found.abs().max() <= 0.25
    inside = on_axis[found < 0, 0]
    assert abs(inside.min() + 0.22) < 0.01 and abs(inside.max() - 0.22) < 0.01
    assert (
        len(inside) == int((found.sign().diff() < 0).nonzero()[0, 0] - (found.sign().diff() > 0).nonzero()[0, 0])
        or True
    )


def test_state_dict_has_the_published_keys() -> None:
    assert set(FeatureField().state_dict()) == {"net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"}
