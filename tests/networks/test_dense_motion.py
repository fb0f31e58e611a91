"""Dense motion in small: what it means, and the prepared network against the plain one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.networks.dense_motion import DenseMotion, DenseMotionConfig, heat_maps, identity_grid
from backend.networks.prepared_motion import PreparedDenseMotion, SliceConvolution, gathered, neighbours
from tests.networks.test_volumetric_blocks import settled

SMALL = DenseMotionConfig(
    features=6, compressed=3, depth=5, size=16, keypoints=2, channels=(8, 12), hint_features=4, hint_size=24, kernel=5
)


@pytest.fixture(scope="module")
def network() -> DenseMotion:
    torch.manual_seed(0)
    network = settled(DenseMotion(SMALL))
    assert isinstance(network, DenseMotion)
    return network


def _inputs(batch: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    compressed = torch.randn(batch, 3, 5, 16, 16, generator=generator)
    source, driving = torch.rand(2, batch, 2, 2, generator=generator) * 2 - 1
    return compressed, source, driving, torch.randn(batch, 4, 32, 32, generator=generator)


def test_grid_and_heat_maps() -> None:
    grid = identity_grid(3, 4, 5, torch.zeros(()))
    assert grid[2, 0, 4].tolist() == [1, -1, 1]
    point = torch.tensor([[[0.5, -1.0]]])
    heat = heat_maps(point, 3, 3, 5, variance=0.01)
    assert heat.shape == (1, 1, 3, 3, 5)
    assert heat[0, 0].argmax() == (1 * 3 + 0) * 5 + 3
    assert float(heat.max()) == 1


def test_points_that_stay_move_nothing(network: DenseMotion) -> None:
    compressed, source, _, picture = _inputs()
    deformation, seen = network(compressed, source, source, picture)
    expected = identity_grid(5, 16, 16, source).expand(2, -1, -1, -1, -1)
    torch.testing.assert_close(deformation, expected, atol=1e-6, rtol=0)
    assert seen.shape == (2, 1, 16, 16)
    assert bool(((seen > 0) & (seen < 1)).all())


def test_a_driven_point_fetches_its_source(network: DenseMotion) -> None:
    source, driving = torch.tensor([[[-0.5, 0.25]] * 2]), torch.tensor([[[0.1, 0.75]] * 2])
    proposals = network.proposals(source, driving)
    shift = proposals[0, 1] - proposals[0, 0]
    torch.testing.assert_close(shift, torch.tensor([-0.6, -0.5, 0.0]).expand_as(shift))


def test_prepared_is_plain(network: DenseMotion) -> None:
    inputs = _inputs()
    with torch.inference_mode():
        prepared = PreparedDenseMotion(network)
        expected, seen = network(*inputs)
        deformation, prepared_seen = prepared(*inputs)
        torch.testing.assert_close(prepared.evidence(*inputs[:3]), network.evidence(*inputs[:3]), atol=1e-5, rtol=0)
        torch.testing.assert_close(deformation, expected, atol=2e-6, rtol=0)
        torch.testing.assert_close(prepared_seen, seen, atol=1e-5, rtol=0)
        half, half_seen = PreparedDenseMotion(network, torch.bfloat16)(*inputs)
        assert half.dtype == half_seen.dtype == torch.float32
        torch.testing.assert_close(half, expected, atol=0.02, rtol=0)


def test_slices_of_one_map() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, picture = torch.randn(6, 3, 5, 5, 5, generator=generator), torch.randn(2, 3, 7, 9, generator=generator)
    for depth in (1, 3, 8):
        volume = picture[:, :, None].expand(-1, -1, depth, -1, -1)
        with torch.inference_mode():
            made = SliceConvolution(weight, depth, torch.float32)(picture)
        torch.testing.assert_close(made, F.conv3d(volume, weight, padding=2), atol=1e-4, rtol=0)


def test_gathering_is_sampling() -> None:
    generator = torch.Generator().manual_seed(0)
    table, places = torch.randn(6, 9, 4, generator=generator), torch.rand(50, 2, generator=generator) * 3 - 1.5
    made = gathered(table, neighbours(places[:, 1], 6), neighbours(places[:, 0], 9))
    expected = F.grid_sample(table.movedim(-1, 0)[None], places[None, None], align_corners=True)[0, :, 0].T
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=0)
