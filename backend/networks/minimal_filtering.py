"""Convolutions with fewer multiplications along the first of their axes: depth of a volume, height of a map.

Winograd's minimal filtering in its general form: m outputs of an r-tap filter are ``inverse @ ((taps @ w) * (forward @
x))`` with n products, fewer than m * r. Here w and x are not numbers but kernels and maps over the other axes, and each
product is a convolution over these, so that the three small matrices cost little beside what they save. Everything else
about such an algorithm is in its matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.networks.packed_convolution import PackedConvolution, product

# the points of the least rounding among those tried: twice that of the direct sum
POINTS = (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))
# bytes of transformed maps at a time: they stay in cache between the transformation and the products
STRIP = 3 << 19


@dataclass(frozen=True)
class FilteringAlgorithm:
    """Matrices of a minimal filtering algorithm.

    Args:
        forward: [n, m + r - 1].
        taps: [n, r].
        inverse: [m, n].
    """

    forward: NDArray[np.float64]
    taps: NDArray[np.float64]
    inverse: NDArray[np.float64]


def toom_cook(taps: int, points: Sequence[float] = POINTS) -> FilteringAlgorithm:
    """Polynomials multiplied by their values at points, and at infinity: n products for n + 1 - taps outputs.

    Args:
        taps: of the filter.
        points: n - 1 of them, each different.
    """
    count = len(points) + 1
    outputs = count + 1 - taps

    def values(degrees: int) -> NDArray[np.float64]:
        powers = np.power.outer(np.asarray(points), np.arange(degrees))
        return np.vstack([powers, np.eye(degrees)[-1]])

    # filtering is the transpose of the product of polynomials
    forward = np.linalg.inv(values(count)).T
    scale = np.abs(forward).max(axis=1, keepdims=True)
    return FilteringAlgorithm(forward / scale, values(taps) * scale, values(outputs).T)


def skew_cyclic(length: int, taps: int) -> FilteringAlgorithm:
    """A whole axis at once in the frequencies where it continues with its sign changed: none of them is real.

    Each of the N / 2 frequencies is a complex product, which Gauss makes of three real ones. N only has to keep what
    continues away from the outputs, since the filter meets zeros beyond the ends of the axis.

    Args:
        length: of the axis.
        taps: of the filter, an odd number.
    """
    period = length + taps // 2
    period += period % 2
    frequency = (np.arange(period // 2)[:, None] + 0.5) * (2 * np.pi / period)
    window, tap, output = (frequency * np.arange(count) for count in (length + taps - 1, taps, length))
    forward = np.concatenate([np.cos(window) - np.sin(window), np.cos(window), -np.sin(window)])
    kernel = np.concatenate([np.cos(tap), np.sin(tap) - np.cos(tap), np.cos(tap) + np.sin(tap)])
    inverse = np.concatenate([np.cos(output) - np.sin(output), -np.sin(output), -np.cos(output)])
    return FilteringAlgorithm(forward, kernel, inverse.T * (2 / period))


class FilteredConvolution(nn.Module):
    """A convolution that keeps the size, by a minimal filtering algorithm along its first axis; and a leaky ReLU.

    Args:
        weight: [out, in, kernel, kernel] or [out, in, kernel, kernel, kernel], the kernel odd.
        bias: [out].
        slope: of the leaky ReLU below zero, ``None`` for no activation.
        dtype: that it runs in.
        algorithm: with as many taps as the kernel.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        slope: float | None,
        dtype: torch.dtype,
        algorithm: FilteringAlgorithm,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.algorithm = algorithm
        self.outputs = len(bias)
        self.padding = weight.shape[2] // 2
        kernels = torch.einsum("nk,oik...->noi...", _tensor(algorithm.taps, weight), weight.detach().double())
        if weight.dim() == 4:
            kernels = kernels[:, :, :, None]
        # the products whose combination is one everywhere, so that the bias needs no pass of its own
        ones = np.linalg.lstsq(algorithm.inverse, np.ones(len(algorithm.inverse)), rcond=None)[0]
        biases = _tensor(ones, weight)[:, None] * bias.detach().double()
        self.products = nn.ModuleList(PackedConvolution(*pair, None, dtype) for pair in zip(kernels, biases))
        self._matrices: dict[tuple[int, int, int], tuple[Tensor, Tensor]] = {}

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, L, ...] -> [B, out, L, ...] in channels-last memory."""
        source = input.movedim(1, -1).contiguous()
        made = source.new_empty(*source.shape[:-1], self.outputs)
        for volume, result in zip(source, made):
            self._filter(volume, result)
        made = made.movedim(-1, 1)
        return made if self.slope is None else F.leaky_relu_(made, self.slope)

    def _filter(self, volume: Tensor, result: Tensor) -> None:
        """[L, ..., in] -> [L, ..., out]."""
        length, step = len(volume), len(self.algorithm.inverse)
        count = -(-length // step)
        size = volume[0].numel() * volume.element_size() * len(self.products)
        strip = min(count, max(1, STRIP // size))
        for first in range(0, count, strip):
            tiles = min(strip, count - first)
            start, stop = first * step, min((first + tiles) * step, length)
            begin, end = max(start - self.padding, 0), min(stop + self.padding, length)
            forward, inverse = self._placed(start - begin, end - begin, stop - start, tiles, volume)
            taken = product(forward, volume[begin:end].flatten(1)).view(-1, tiles, *volume.shape[1:])
            given = result.new_empty(len(taken), tiles, *result.shape[1:])
            for maps, made, convolution in zip(taken, given, self.products):
                # the rows of a map are one map, the slices of a volume are one each
                batch = maps[None] if maps.dim() == 3 else maps
                made.copy_(convolution(batch.movedim(-1, 1)).movedim(1, -1).view_as(made))
            result[start:stop] = product(inverse, given.flatten(0, 1).flatten(1)).view_as(result[start:stop])

    def _placed(self, offset: int, taken: int, given: int, tiles: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Matrices for some tiles at once.

        Args:
            offset: of the first output in what is taken in.
            taken: places that are taken in; beyond them are zeros.
            given: places that are given out.
            tiles: number.
            like: of the type and on the device wanted.

        Returns:
            [n * tiles, taken] and [given, n * tiles].
        """
        key = (offset, taken, given)
        if key not in self._matrices:
            step, count = self.algorithm.inverse.shape
            window = self.algorithm.forward.shape[1]
            forward = np.zeros((count, tiles, taken))
            inverse = np.zeros((given, count, tiles))
            for tile in range(tiles):
                first = tile * step + offset - self.padding
                inside = range(max(first, 0), min(first + window, taken))
                forward[:, tile, inside] = self.algorithm.forward[:, [place - first for place in inside]]
                rows = min(step, given - tile * step)
                inverse[tile * step : tile * step + rows, :, tile] = self.algorithm.inverse[:rows]
            matrices = (forward.reshape(-1, taken), inverse.reshape(given, -1))
            self._matrices[key] = tuple(_tensor(matrix, like).to(like.dtype) for matrix in matrices)
        return self._matrices[key]


def _tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """Float64 on a tensor's device."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(like.device)
