"""Filtered convolutions against direct ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from backend.networks.minimal_filtering import (
    FilteredConvolution,
    FilteringAlgorithm,
    skew_cyclic,
    toom_cook,
)


def _drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(
    ("algorithm", "taps", "products"),
    [(toom_cook(3), 3, 6), (toom_cook(3, (0.0, 1.0, -1.0)), 3, 4), (toom_cook(5), 5, 6)],
)
def test_toom_cook_is_a_filter(algorithm: FilteringAlgorithm, taps: int, products: int) -> None:
    count = products + 1 - taps
    signal, kernel = np.random.default_rng(0).standard_normal((2, products))
    made = algorithm.inverse @ ((algorithm.taps @ kernel[:taps]) * (algorithm.forward @ signal))
    assert made.shape == (count,)
    np.testing.assert_allclose(made, np.correlate(signal, kernel[:taps]), atol=1e-12)


@pytest.mark.parametrize(("length", "taps", "products"), [(16, 7, 30), (16, 3, 27), (5, 7, 12), (1, 3, 3)])
def test_skew_cyclic_filters_a_whole_axis(length: int, taps: int, products: int) -> None:
    algorithm = skew_cyclic(length, taps)
    signal, kernel = np.random.default_rng(0).standard_normal((2, length + taps))
    beyond = np.pad(signal[:length], taps // 2)
    made = algorithm.inverse @ ((algorithm.taps @ kernel[:taps]) * (algorithm.forward @ beyond))
    assert len(algorithm.forward) == products
    np.testing.assert_allclose(made, np.correlate(beyond, kernel[:taps]), atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "outputs", "taps"),
    [((2, 5, 8, 6, 7), 20, 3), ((1, 3, 3, 5, 4), 2, 3), ((2, 5, 10, 6, 7), 20, 3), ((2, 5, 6, 9, 7), 3, 7)],
)
def test_filtered_is_direct(shape: tuple[int, ...], outputs: int, taps: int) -> None:
    input = _drawn(*shape)
    weight, bias = _drawn(outputs, shape[1], taps, taps, taps), _drawn(outputs)
    algorithm = toom_cook(3) if taps == 3 else skew_cyclic(shape[2], taps)
    direct = F.conv3d(input.double(), weight.double(), bias.double(), padding=taps // 2)
    with torch.inference_mode():
        plain = FilteredConvolution(weight, bias, None, torch.float32, algorithm)(input)
        whole = FilteredConvolution(weight, bias, 0.1, torch.float32, algorithm)(input)
    scale = float(direct.std())
    torch.testing.assert_close(plain.double(), direct, atol=1e-5 * scale, rtol=0)
    torch.testing.assert_close(whole.double(), F.leaky_relu(direct, 0.1), atol=1e-5 * scale, rtol=0)


def test_bfloat16_loses_little() -> None:
    input, weight, bias = _drawn(1, 32, 8, 16, 16), _drawn(32, 32, 3, 3, 3), _drawn(32)
    direct = F.conv3d(input, weight, bias, padding=1)
    with torch.inference_mode():
        made = FilteredConvolution(weight, bias, None, torch.bfloat16, toom_cook(3))(input.bfloat16())
    assert made.dtype == torch.bfloat16
    assert float((made - direct).std() / direct.std()) < 0.02
