"""The blocks as they run against the blocks as they load."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from backend.networks.prepared_blocks import FEWEST_INPUTS, prepared
from backend.networks.volumetric_blocks import ConvolutionNorm, Down, Residual, SpectralNormConv2d, Up

WIDE = FEWEST_INPUTS  # wide enough to be filtered


def settled(module: nn.Module) -> nn.Module:
    """A module with drawn statistics and vectors, as after training."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, buffer in module.named_buffers():
            if buffer.is_floating_point():
                drawn = torch.randn(buffer.shape, generator=generator)
                buffer.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn / buffer.numel() ** 0.5)
        for layer in module.modules():
            if isinstance(layer, SpectralNormConv2d):
                layer.weight_v.copy_(F.normalize(layer.weight_orig.flatten(1).T @ layer.weight_u, dim=0))
    return module.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("block", "channels", "axes"),
    [
        (ConvolutionNorm(2, 5, 8, 7), 5, 2),
        (ConvolutionNorm(2, WIDE, WIDE, 3, slope=0.2, spectral=True), WIDE, 2),
        (Residual(2, WIDE, spectral=True), WIDE, 2),
        (Residual(3, 8), 8, 3),
        (Residual(3, WIDE), WIDE, 3),
        (Down(2, 5, 16), 5, 2),
        (Down(3, WIDE, WIDE), WIDE, 3),
        (Up(2, 8, 16, spectral=True), 8, 2),
        (Up(3, 8, 16), 8, 3),
        (Up(3, 512, 513), 512, 3),  # too many weights for a transposed convolution
        (nn.Sequential(Down(3, 8, 16), Up(3, 16, 8)), 8, 3),
    ],
)
def test_prepared_is_plain(block: nn.Module, channels: int, axes: int) -> None:
    settled(block)
    size = [5, 6, 8] if channels < 512 else [3, 2, 2]
    input = torch.randn(2, channels, *size[-axes:], generator=torch.Generator().manual_seed(0))
    expected = block(input)
    with torch.inference_mode():
        made = prepared(block, torch.float32)(input)
        half = prepared(block, torch.bfloat16)(input.bfloat16())
    torch.testing.assert_close(made, expected, atol=2e-5 * max(1.0, float(expected.std())), rtol=0)
    assert float((half - expected).square().mean().sqrt() / expected.square().mean().sqrt()) < 0.03


def test_sizes() -> None:
    volume = torch.zeros(1, 4, 3, 8, 6)
    assert Down(3, 4, 5)(volume).shape == (1, 5, 3, 4, 3)
    assert Up(3, 4, 5)(volume).shape == (1, 5, 3, 16, 12)


def test_spectral_norm_divides_by_what_u_and_v_say() -> None:
    layer = SpectralNormConv2d(3, 4, 3)
    with torch.no_grad():
        left, values, right = torch.linalg.svd(layer.weight_orig.flatten(1), full_matrices=False)
        layer.weight_u.copy_(left[:, 0])
        layer.weight_v.copy_(right[0])
        torch.testing.assert_close(layer.weight, layer.weight_orig / values[0])
    assert set(layer.state_dict()) == {"bias", "weight_orig", "weight_u", "weight_v"}
