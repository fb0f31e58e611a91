"""The convolution with fewer multiplications is the convolution, at every edge and from strip to strip."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.networks import winograd
from backend.networks.winograd import DirectConvolution, WinogradConvolution, convolution3x3


def _layer(inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
    return torch.randn(outputs, inputs, 3, 3) / (9 * inputs) ** 0.5, torch.randn(outputs)


def _expected(input: Tensor, weight: Tensor, bias: Tensor, slope: float | None) -> Tensor:
    made = F.conv2d(input.double(), weight.double(), bias.double(), padding=1)
    return made if slope is None else F.leaky_relu(made, slope)


@pytest.mark.parametrize("made", [WinogradConvolution, DirectConvolution])
@pytest.mark.parametrize("slope", [None, 0.2])
@pytest.mark.parametrize("height", [4, 7, 20])
def test_it_is_the_convolution(made: type, slope: float | None, height: int) -> None:
    torch.manual_seed(0)
    weight, bias = _layer(6, 5)
    input = torch.randn(2, 6, height, 9).contiguous(memory_format=torch.channels_last)
    output = made(weight, bias, slope, torch.float32)(input)
    assert (output.double() - _expected(input, weight, bias, slope)).abs().max() < 4e-6


def test_strips_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    weight, bias = _layer(3, 8)
    input = torch.randn(1, 3, 28, 16)
    layer = WinogradConvolution(weight, bias, None, torch.float32)
    at_once = layer(input)
    monkeypatch.setattr(winograd, "STRIP", 2 * 16 * 8)
    torch.testing.assert_close(layer(input), at_once)


def test_no_worse_than_the_direct_sum() -> None:
    torch.manual_seed(0)
    weight, bias = _layer(256, 64)
    input = torch.randn(1, 256, 16, 16).contiguous(memory_format=torch.channels_last)
    expected = _expected(input, weight, bias, None)
    errors = [
        float((layer(weight, bias, None, torch.float32)(input).double() - expected).std())
        for layer in (WinogradConvolution, DirectConvolution)
    ]
    assert errors[0] < 2 * errors[1]


def test_half_precision_keeps_forty_decibels() -> None:
    torch.manual_seed(0)
    weight, bias = _layer(128, 64)
    input = torch.randn(1, 128, 32, 32)
    output = WinogradConvolution(weight, bias, 0.2, torch.bfloat16)(input.bfloat16())
    expected = _expected(input, weight, bias, 0.2)
    assert 20 * torch.log10(expected.std() / (output.double() - expected).std()) > 40


def test_few_channels_are_summed_directly() -> None:
    assert isinstance(convolution3x3(*_layer(3, 8), None, torch.float32), DirectConvolution)
    assert isinstance(convolution3x3(*_layer(64, 8), None, torch.float32), WinogradConvolution)
