"""Convolutions of volumes with fewer multiplications along their depth.

Winograd's minimal filtering in its general form: m outputs of an r-tap filter are ``inverse @ ((taps @ w) * (forward @
x))`` with n products, fewer than m * r. Here w and x are not numbers but kernels and maps over height and width, and
each product is a convolution of maps, so that the three small matrices cost little beside what they save. All else
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
    """A convolution of volumes that keeps their size, filtered along the depth; and where wanted a leaky ReLU.

    Args:
        weight: [out, in, kernel, kernel, kernel], the kernel odd.
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
        weight, bias = weight.detach(), bias.detach()
        # the products whose combination is one everywhere, so that the bias needs no pass of its own
        ones = np.linalg.lstsq(algorithm.inverse, np.ones(len(algorithm.inverse)), rcond=None)[0]
        self.products = nn.ModuleList(
            PackedConvolution(torch.einsum("k,oik...->oi...", taps, weight.double()).float(), bias * share, None, dtype)
            for taps, share in zip(_tensor(algorithm.taps, weight), ones.tolist())
        )
        self._matrices: dict[int, tuple[Tensor, Tensor]] = {}

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, D, H, W] -> [B, out, D, H, W] in channels-last memory."""
        made = torch.stack([self._filtered(volume) for volume in input.permute(0, 2, 3, 4, 1).contiguous()])
        made = made.permute(0, 4, 1, 2, 3)
        return made if self.slope is None else F.leaky_relu_(made, self.slope)

    def _filtered(self, volume: Tensor) -> Tensor:
        """[D, H, W, in] -> [D, H, W, out]."""
        depth, height, width, channels = volume.shape
        if depth not in self._matrices:
            self._matrices[depth] = self._placed(volume)
        forward, inverse = self._matrices[depth]
        # [n, tiles, H, W, ...]: each tile of a product is a map
        taken = product(forward, volume.flatten(1)).view(len(self.products), -1, height, width, channels)
        given = taken.new_empty(*taken.shape[:-1], self.outputs)
        for maps, made, convolution in zip(taken, given, self.products):
            made.copy_(convolution(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return product(inverse, given.flatten(0, 1).flatten(1)).view(depth, height, width, -1)

    def _placed(self, volume: Tensor) -> tuple[Tensor, Tensor]:
        """Matrices [n * tiles, D] and [D, n * tiles] for all tiles of a volume [D, ...]; beyond it are zeros."""
        depth, (step, count) = len(volume), self.algorithm.inverse.shape
        tiles = -(-depth // step)
        forward, inverse = np.zeros((count, tiles, depth)), np.zeros((depth, count, tiles))
        for tile in range(tiles):
            first = tile * step - self.padding
            inside = range(max(first, 0), min(first + self.algorithm.forward.shape[1], depth))
            forward[:, tile, inside] = self.algorithm.forward[:, [place - first for place in inside]]
            rows = min(step, depth - tile * step)
            inverse[tile * step : tile * step + rows, :, tile] = self.algorithm.inverse[:rows]
        placed = _tensor(forward.reshape(-1, depth), volume), _tensor(inverse.reshape(depth, -1), volume)
        return placed[0].to(volume.dtype), placed[1].to(volume.dtype)


def _tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """Float64 on a tensor's device."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(like.device)
