"""Convolutions by tiles, and of interpolated maps, against torch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from backend.networks import interpolated_convolution, tiled_convolution
from backend.networks.interpolated_convolution import InterpolatedConvolution
from backend.networks.tiled_convolution import TiledConvolution


def drawn(inputs: int, outputs: int, size: tuple[int, int], batch: int = 1) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    weight = torch.randn(outputs, inputs, 3, 3) / (9 * inputs) ** 0.5
    return torch.randn(batch, inputs, *size), weight, torch.randn(outputs)


@pytest.mark.parametrize(
    ("inputs", "outputs", "size", "batch", "dilation"),
    [
        (8, 16, (16, 16), 2, 1),
        (3, 5, (13, 11), 1, 1),
        (4, 4, (1, 2), 1, 1),
        (8, 8, (32, 48), 1, 2),
        (8, 4, (37, 21), 1, 4),
    ],
)
@torch.inference_mode()
def test_tiles_give_what_the_direct_sum_gives(
    inputs: int, outputs: int, size: tuple[int, int], batch: int, dilation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled_convolution, "TILES", 4)  # several strips even of small maps
    image, weight, bias = drawn(inputs, outputs, size, batch)
    added = torch.randn(batch, outputs, *size)
    plain = F.conv2d(image.double(), weight.double(), bias.double(), padding=dilation, dilation=dilation)
    tiled = TiledConvolution(weight, bias, None, torch.float32, dilation)
    torch.testing.assert_close(tiled(image).double(), plain, atol=5e-6, rtol=0)
    tiled = TiledConvolution(weight, bias, 0.2, torch.float32, dilation)
    made = tiled(image.contiguous(memory_format=torch.channels_last), added)
    torch.testing.assert_close(made.double(), F.leaky_relu(plain + added, 0.2), atol=5e-6, rtol=0)
    assert made.is_contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def test_tiles_round_no_more_than_said() -> None:
    image, weight, bias = drawn(256, 64, (32, 32))
    plain = F.conv2d(image.double(), weight.double(), bias.double(), padding=1)
    for dtype, most in ((torch.float32, 2e-6), (torch.bfloat16, 0.03)):
        made = TiledConvolution(weight, bias, None, dtype)(image.to(dtype))
        assert made.dtype == dtype
        assert (made - plain).square().mean().sqrt() < most


@pytest.mark.parametrize(("size", "scale"), [((9, 7), 2), ((16, 16), 2), ((5, 6), 3), ((2, 1), 2)])
@torch.inference_mode()
def test_a_convolution_of_an_interpolated_map(
    size: tuple[int, int], scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpolated_convolution, "STRIP", 1 << 13)
    image, weight, bias = drawn(8, 12, size, batch=2)
    enlarged = F.interpolate(image.double(), scale_factor=scale, mode="bilinear", align_corners=True)
    plain = F.conv2d(enlarged, weight.double(), bias.double(), padding=1)
    made = InterpolatedConvolution(weight, bias, scale, torch.float32)(image)
    torch.testing.assert_close(made.double(), plain, atol=5e-6, rtol=0)
