"""Volume rendering: known integrals, independence of how the work is cut, and the fast picture beside the exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from backend.nerf import ray_marching
from backend.nerf.plane_field import PlaneField
from backend.nerf.ray_marching import EXACT, FAST, render
from backend.nerf.ray_sampling import coarse_depths, importance_depths, interval_weights
from backend.nerf.rays import Limits
from tests.nerf.fields import ellipsoid, facing, random_field, random_planes

SMALL = replace(EXACT, resolution=24)


def test_weights_of_even_fog() -> None:
    depth = coarse_depths(Limits(torch.tensor([[1.0]]), torch.tensor([[3.0]])), 11)
    torch.testing.assert_close(depth[0, ::5], torch.tensor([1.0, 2.0, 3.0]))
    sigma = torch.full_like(depth, 1.0)  # a density of softplus(0) = ln 2
    seen = interval_weights(depth, sigma).cumsum(1)
    torch.testing.assert_close(seen, 1 - 2 ** -(depth[:, 1:] - 1))


def test_fine_samples_go_where_the_weight_is() -> None:
    depth = coarse_depths(Limits(torch.tensor([[0.0]]), torch.tensor([[47.0]])), 48)
    weights = torch.zeros(1, 47)
    weights[0, 20] = 1.0
    fine = importance_depths(depth, weights, 48)
    assert (fine.diff() > 0).all() and fine.min() > 0.49 and fine.max() < 46.51
    assert ((fine > 18) & (fine < 23)).float().mean() > 0.7
    even = importance_depths(depth, torch.zeros(1, 47), 46)
    torch.testing.assert_close(even, torch.linspace(0.5, 45.5, 46)[None], rtol=0, atol=1e-3)


def test_a_solid_hides_what_is_behind_it() -> None:
    planes, field = ellipsoid()
    picture = render(planes, field, facing(), replace(SMALL, resolution=25))
    assert picture.features.shape == (1, 8, 25, 25)
    assert picture.weights[0, 0, 12, 12] > 0.99 and picture.weights[0, 0, 0, 0] < 0.02
    assert abs(picture.depth[0, 0, 12, 12] - (2.7 - 0.26)) < 0.04
    torch.testing.assert_close(picture.features[0, :, 0, 0], torch.full((8,), -1.0), rtol=0, atol=0.04)
    front = PlaneField(planes[0], field).at(torch.tensor([[0.0, 0, 0.25]])).colour[0]
    torch.testing.assert_close(picture.features[0, :, 12, 12], front * 2 - 1, rtol=0, atol=0.1)


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, negligible=FAST.negligible)])
def test_how_the_work_is_cut_does_not_matter(config: ray_marching.RayMarching) -> None:
    planes = torch.cat([ellipsoid()[0], random_planes(side=64)])
    field, labels = ellipsoid()[1], torch.cat([facing(), facing(2.2)])
    together = render(planes, field, labels, config)
    alone = render(planes[1:], field, labels[1:], replace(config, rays_at_once=100))
    for whole, part in zip(together, alone):
        torch.testing.assert_close(whole[1:], part, rtol=0, atol=2e-5)


@pytest.mark.parametrize("axes", ["eg3d", "corrected"])
def test_grids_are_rendered(axes: ray_marching.PlaneAxes) -> None:
    flat, field = random_planes(), random_field()
    deep = flat.repeat_interleave(3, dim=2)  # the same in every slice, so that only the cube's faces differ
    config = replace(SMALL, axes=axes, box_size=0.5)
    label = facing(1.35)
    pictures = [render(planes, field, label, config) for planes in (flat, deep)]
    centre = (slice(None), slice(None), slice(8, 16), slice(8, 16))
    error = (pictures[0].features[centre] - pictures[1].features[centre]).abs().mean()
    assert error < 0.1 < pictures[0].features[centre].std()


def test_a_picture_of_nothing_is_empty() -> None:
    away = facing()
    away[0, 5], away[0, 10] = 1, 1  # the camera turned about its x axis
    for config in (SMALL, replace(SMALL, negligible=1e-3)):
        picture = render(random_planes(), random_field(), away, config)
        assert (picture.features == -1).all() and (picture.weights == 0).all() and picture.depth.isfinite().all()


def test_the_fast_picture_asks_less_and_looks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    planes, field = ellipsoid()
    asked: list[int] = []
    query = PlaneField.query

    def counted(self: PlaneField, points: torch.Tensor, squashed: torch.Tensor) -> torch.Tensor:
        asked.append(points[0].numel())
        return query(self, points, squashed)

    monkeypatch.setattr(PlaneField, "query", counted)
    pictures, counts = [], []
    for negligible in (0.0, FAST.negligible):
        asked.clear()
        pictures.append(render(planes, field, facing(), replace(EXACT, resolution=48, negligible=negligible)))
        counts.append(sum(asked))
    exact, fast = pictures
    assert counts[0] == 48 * 48 * 96 and counts[1] < 0.5 * counts[0]
    assert (fast.features - exact.features).square().mean() < 4e-5  # 50 dB of a range of 2
    assert (fast.depth - exact.depth)[exact.weights > 0.5].abs().max() < 0.02
