"""The image-to-plane network in small sizes: modes, grids, and the same prepared."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from backend.networks.deeplab import DeepLabConfig
from backend.networks.image_to_plane import ImageToPlane, ImageToPlaneConfig, with_coordinates
from backend.networks.mix_transformer import BlockConfig
from backend.networks.packed_convolution import onednn_computes
from backend.networks.prepared_image_to_plane import PreparedImageToPlane
from backend.networks.resnet import ResNetConfig

SMALL = ImageToPlaneConfig(
    deeplab=DeepLabConfig(ResNetConfig(widths=(16, 16, 64, 64), depths=(1, 1, 2, 1)), width=16, rates=(2, 3)),
    low_block=BlockConfig(dim=32, heads=2, expansion=2),
    low_blocks=2,
    low_width=64,
    high_width=8,
    high_layers=2,
    width=16,
    predictor_widths=(64, 16),
    predictor_block=BlockConfig(dim=32, heads=2, expansion=2, reduction=2),
    plane_widths=(64, 64, 16),
    plane_channels=4,
)


def _drawn(config: ImageToPlaneConfig) -> ImageToPlane:
    torch.manual_seed(0)
    network = ImageToPlane(config).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return network


def _decibels(expected: Tensor, made: Tensor) -> float:
    return float(20 * torch.log10(expected.std() / (made - expected).std()))


@pytest.mark.parametrize(("mode", "channels", "depth"), [("rgb", 3, 1), ("rgb_alpha", 4, 3)])
def test_planes_of_the_size_asked_for(mode: str, channels: int, depth: int) -> None:
    config = ImageToPlaneConfig(**{**vars(SMALL), "mode": mode, "depth": depth})
    assert _drawn(config)(torch.randn(2, channels, 64, 96)).shape == (2, 3 * 4 * depth, 32, 48)


def test_coordinates_are_shares_of_the_sides() -> None:
    image = with_coordinates(torch.zeros(2, 3, 4, 8))
    torch.testing.assert_close(image[1, 3, :, 5], torch.tensor([0.0, 0.25, 0.5, 0.75]))
    torch.testing.assert_close(image[0, 4, 2], torch.arange(8) / 8)


def test_the_whole_picture_is_seen() -> None:
    network = _drawn(SMALL)
    image = torch.randn(1, 3, 64, 64)
    changed = image.clone()
    changed[..., 60:, 60:] += 1
    assert ((network(changed) - network(image))[..., :4, :4].abs() > 1e-7).any()


def test_prepared_is_the_network() -> None:
    network = _drawn(SMALL)
    image = torch.randn(2, 3, 64, 64)
    made = PreparedImageToPlane(network)(image)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, network(image), atol=1e-5, rtol=0)


@pytest.mark.skipif(not onednn_computes(torch.empty(0), torch.bfloat16), reason="no bfloat16 on this processor")
def test_prepared_in_half_precision_keeps_forty_decibels() -> None:
    network = _drawn(SMALL)
    image = torch.randn(1, 3, 64, 64)
    made, expected = PreparedImageToPlane(network, torch.bfloat16)(image), network(image)
    assert _decibels(expected, made) > 38
