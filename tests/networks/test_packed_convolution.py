"""Packed convolutions against torch's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from backend.networks.packed_convolution import PackedConvolution, folded, product


def _drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("outputs", [1, 3, 5, 8, 9, 33])
@pytest.mark.parametrize("shape", [(2, 6, 7, 11), (2, 6, 4, 7, 16)])
@pytest.mark.parametrize("slope", [None, 0.0, 0.2])
def test_keeps_the_size(shape: tuple[int, ...], outputs: int, slope: float | None) -> None:
    axes = len(shape) - 2
    input, weight, bias = _drawn(*shape), _drawn(outputs, shape[1], *[3, 5, 3][:axes]), _drawn(outputs)
    convolution = F.conv2d if axes == 2 else F.conv3d
    expected = convolution(input, weight, bias, padding=[1, 2, 1][:axes])
    with torch.inference_mode():
        made = PackedConvolution(weight, bias, slope, torch.float32)(input)
    expected = expected if slope is None else F.leaky_relu(expected, slope)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


def test_given_padding() -> None:
    input, weight, bias = _drawn(1, 6, 4, 7, 9), _drawn(2, 6, 4, 3, 3), _drawn(2)
    with torch.inference_mode():
        made = PackedConvolution(weight, bias, None, torch.float32, padding=(0, 1, 1))(input)
    torch.testing.assert_close(made, F.conv3d(input, weight, bias, padding=(0, 1, 1)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("axes", [2, 3])
def test_transposed(axes: int) -> None:
    stride, padding = [1, 2, 2][-axes:], [1] * axes
    input, bias = _drawn(2, 6, *[4, 5, 7][-axes:]), _drawn(18)
    weight = _drawn(6, 18, *[3, 4, 4][-axes:])
    convolution = F.conv_transpose2d if axes == 2 else F.conv_transpose3d
    with torch.inference_mode():
        made = PackedConvolution(weight, bias, 0.0, torch.float32, stride, padding, transposed=True)(input)
    expected = convolution(input, weight, bias, stride, padding).relu()
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    input, weight, bias = _drawn(2, 6, 7, 9), _drawn(3, 6, 3, 3), _drawn(3)
    with torch.inference_mode():
        layer = PackedConvolution(weight, bias, 0.2, torch.float32)
        made = layer(input)
        assert not layer.weight.is_mkldnn
        torch.testing.assert_close(product(weight[0, 0], input[0, 0, :3]), weight[0, 0] @ input[0, 0, :3])
    expected = F.leaky_relu(F.conv2d(input, weight, bias, padding=1), 0.2)
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=0)


def test_folded_normalisation() -> None:
    convolution, norm = nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6)
    with torch.no_grad():
        norm.running_mean.copy_(_drawn(6))
        norm.running_var.copy_(_drawn(6).square() + 0.1)
        norm.weight.copy_(_drawn(6))
        norm.bias.copy_(_drawn(6))
    input = _drawn(2, 4, 5, 6)
    weight, bias = folded(convolution.weight, convolution.bias, norm)
    expected = norm.eval()(convolution(input))
    torch.testing.assert_close(F.conv2d(input, weight, bias, padding=1), expected, atol=1e-5, rtol=1e-5)


def test_products() -> None:
    matrix, values = _drawn(5, 7), _drawn(7, 1000)
    with torch.inference_mode():
        torch.testing.assert_close(product(matrix, values), matrix @ values, atol=1e-4, rtol=0)
