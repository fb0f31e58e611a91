"""Modulated convolutions after their formula, and the block at a fixed style against the block that is told one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from backend.networks.fixed_style import FixedStyleBlock
from backend.networks.synthesis import SynthesisBlock, SynthesisLayer, enlarged, resample_filter


@torch.no_grad()
def test_a_layer_modulates_and_demodulates_its_weight_per_sample() -> None:
    torch.manual_seed(0)
    layer = SynthesisLayer(5, 7, style=4, size=6, enlarge=False)
    layer.bias.normal_()
    input, style = torch.randn(2, 5, 6, 6), torch.randn(2, 4)
    made = layer(input, style)
    for sample in range(2):
        factors = style[sample] @ layer.affine.weight.T / 2 + layer.affine.bias
        weight = layer.weight * factors[None, :, None, None]
        weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected = F.leaky_relu(F.conv2d(input[sample : sample + 1], weight, layer.bias, padding=1), 0.2) * 2**0.5
        torch.testing.assert_close(made[sample : sample + 1], expected, rtol=1e-5, atol=1e-5)


def test_enlarging_keeps_what_is_even_inside() -> None:
    picture = enlarged(torch.full((1, 3, 5, 5), 0.7), resample_filter())
    assert picture.shape == (1, 3, 10, 10)
    torch.testing.assert_close(picture[:, :, 1:-1, 1:-1], torch.full((1, 3, 8, 8), 0.7))
    # zeros beyond the edge: a quarter of the weight is lost there
    torch.testing.assert_close(picture[0, 0, 0, 1:-1], torch.full((8,), 0.7 * 0.75))


@pytest.mark.parametrize("enlarge", [True, False])
def test_a_fixed_style_is_that_style(enlarge: bool) -> None:
    torch.manual_seed(0)
    block = SynthesisBlock(48, 64, style=8, size=16, enlarge=enlarge).requires_grad_(False)
    for parameter in block.parameters():
        parameter.normal_()
    size = 8 if enlarge else 16
    features, rgb, style = torch.randn(2, 48, size, size), torch.randn(2, 3, size, size), torch.randn(8)
    expected = block(features, rgb, style.expand(2, 8))
    made = FixedStyleBlock(block, style, torch.float32)(features, rgb)
    for part, wanted in zip(made, expected):
        assert part.shape[-1] == 16
        torch.testing.assert_close(part, wanted, rtol=1e-4, atol=1e-4)


def test_a_block_trains() -> None:
    torch.manual_seed(0)
    block = SynthesisBlock(4, 6, style=8, size=16)
    features, rgb = block(torch.randn(1, 4, 8, 8), torch.randn(1, 3, 8, 8), torch.ones(1, 8))
    (features.square().mean() + rgb.square().mean()).backward()
    idle = {name for name, parameter in block.named_parameters() if parameter.grad is None}
    assert idle == {"conv0.noise_strength", "conv1.noise_strength"}
