"""Volume rendering of tri-planes, stage by stage, against the published one."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from backend.nerf.feature_field import FeatureField
from backend.nerf.plane_field import PlaneField
from backend.nerf.ray_marching import EXACT, FAST, Rendered, render
from backend.nerf.ray_sampling import coarse_depths, importance_depths, interval_weights
from backend.nerf.rays import Rays, cube_limits, picture_rays, rendered_limits
from tests.parity.fixtures import Parity

GATE, SIGMA_GATE = 2e-4, 5e-3


class Stage(NamedTuple):
    """One of the two published pictures."""

    name: str
    label: Tensor
    planes: Tensor
    field: FeatureField
    rendered: Rendered


@pytest.fixture(scope="module", params=["s3_render_a", "s3_render_b"])
def stage(request: pytest.FixtureRequest, parity: Parity) -> Stage:
    field = FeatureField()
    field.load_state_dict(parity.parameters("secc2plane_torso", "decoder."))
    label = torch.from_numpy(parity.arrays(request.param)["camera"])
    planes = parity.planes()
    return Stage(request.param, label, planes, field, render(planes, field, label, EXACT))


def test_rays(parity: Parity, stage: Stage) -> None:
    rays = picture_rays(stage.label, 128)
    limits = cube_limits(rays, 1.0)
    parity.check(stage.name, "ray_origins", rays.origins, GATE)
    parity.check(stage.name, "ray_dirs", rays.directions, GATE)
    parity.check(stage.name, "ray_near_raw", limits.near, GATE)
    parity.check(stage.name, "ray_far_raw", limits.far, GATE)
    parity.check(stage.name, "ray_valid", (limits.near <= limits.far).byte(), 0)


@torch.no_grad()
def test_samples(parity: Parity, stage: Stage) -> None:
    rays = Rays(*(values[0] for values in picture_rays(stage.label, 128)))
    limits = rendered_limits(cube_limits(rays, 1.0))
    space = PlaneField(stage.planes[0], stage.field)

    def at(depth: Tensor) -> Tensor:
        return space.sigma(rays.at(depth)).view_as(depth)

    coarse = coarse_depths(limits, 48)
    sigma = at(coarse)
    weights = interval_weights(coarse, sigma)
    fine = importance_depths(coarse, weights, 48)
    merged, order = torch.cat([coarse, fine], 1).sort(1)
    final = interval_weights(merged, torch.cat([sigma, at(fine)], 1).gather(1, order))
    gates = {"coarse_sigma": SIGMA_GATE}
    for name, values in (
        ("depths_coarse", coarse),
        ("coarse_sigma", sigma),
        ("coarse_weights", weights),
        ("depths_fine", fine),
        ("final_weights_95", final),
    ):
        parity.check(stage.name, name, values[None, ..., None], gates.get(name, GATE))


@torch.no_grad()
def test_colours(parity: Parity, stage: Stage) -> None:
    rays = Rays(*(values[0] for values in picture_rays(stage.label, 128)))
    limits = rendered_limits(cube_limits(rays, 1.0))
    space = PlaneField(stage.planes[0], stage.field)
    parts = torch.arange(128 * 128).split(2048)
    points = [rays.some(part).at(coarse_depths(limits.some(part), 48)).flatten(1).T for part in parts]
    colours = [space.at(part).colour for part in points]
    parity.check(stage.name, "coarse_rgb", torch.cat(colours).view(1, 128 * 128, 48, 32), GATE)


def test_pictures(parity: Parity, stage: Stage) -> None:
    parity.check(stage.name, "feature_image", stage.rendered.features, GATE)
    parity.check(stage.name, "rgb_raw_first3", stage.rendered.features[:, :3], GATE)
    parity.check(stage.name, "depth_image", stage.rendered.depth, GATE)
    parity.check(stage.name, "weights_image", stage.rendered.weights, GATE)


def test_the_fast_picture_is_within_40_decibels(stage: Stage) -> None:
    fast = render(stage.planes, stage.field, stage.label, FAST)
    error = (fast.features - stage.rendered.features).square().mean()
    assert error <= 4 * 10 ** (-40 / 10)  # of a range of 2
    assert (fast.weights - stage.rendered.weights).abs().max() < 0.05
