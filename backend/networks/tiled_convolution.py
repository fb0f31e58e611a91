"""3x3 convolutions with a quarter of the multiplications, for inference on a CPU.

Winograd's minimal filtering along both axes: 4x4 pixels of the result come from 6x6 of the input, combined into 36 rows
of channels, each multiplied by a matrix of its own, and the 36 results combined into the 16 pixels (Lavin and Gray
2016). The combinations are sparse sums of pixels and the products one grouped 1x1 convolution, a few rows of tiles at a
time so that they stay in cache. A dilated convolution is an ordinary one for every residue of the places.

With the points 0, +-1/sqrt 2, +-sqrt 2 and infinity the error in float32 is that of oneDNN's direct sum, in bfloat16
three to five times that.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .minimal_filtering import toom_cook
from .packed_convolution import onednn_computes, product
from .pixel_sums import PixelSums

ALGORITHM = toom_cook(3)
TILE, PRODUCTS = ALGORITHM.inverse.shape  # along an axis
TILES = 256  # at a time: they stay in the last cache, and their products are large enough to be fast


class TiledConvolution(nn.Module):
    """A 3x3 convolution that keeps the size, where wanted a sum with another map, and a leaky ReLU.

    Args:
        weight: [out, in, 3, 3].
        bias: [out].
        slope: of the leaky ReLU below zero, ``None`` for no activation.
        dtype: that it runs in, float32 or bfloat16.
        dilation: of both axes.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor, slope: float | None, dtype: torch.dtype, dilation: int = 1
    ) -> None:
        super().__init__()
        self.slope = slope
        self.dilation = dilation
        self.outputs = len(bias)
        # [products across * products down, 9], in float32: networks are prepared at every start, and wide in places
        taps = torch.from_numpy(np.einsum("ka,lb->lkab", ALGORITHM.taps, ALGORITHM.taps).reshape(PRODUCTS**2, 9))
        kernels = product(taps.float(), weight.detach().float().flatten(2).flatten(0, 1).T)
        # the products whose combination is one everywhere, so that the bias needs no pass of its own
        ones = torch.from_numpy(np.linalg.lstsq(ALGORITHM.inverse, np.ones(TILE), rcond=None)[0])
        biases = torch.einsum("l,k,o->lko", ones, ones, bias.detach().double())
        self.register_buffer("bias", biases.flatten().to(dtype), persistent=False)
        grouped = kernels.reshape(-1, weight.shape[1], 1, 1).to(dtype)
        self._packed = onednn_computes(grouped, dtype)
        if self._packed:  # laid out once for oneDNN, which else does it at every call
            grouped = torch.ops.mkldnn._reorder_convolution_weight(
                grouped, [0, 0], [1, 1], [1, 1], PRODUCTS**2, [1, PRODUCTS**2 * weight.shape[1], 4, 32]
            )
        self.register_buffer("weight", grouped, persistent=False)

    def forward(self, input: Tensor, added: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            input: [B, in, H, W].
            added: like the result, goes in before the activation.

        Returns:
            [B, out, H, W] in channels-last memory.
        """
        batch, channels, height, width = input.shape
        source = input.permute(0, 2, 3, 1).contiguous()
        out = source.new_empty(batch, height, width, self.outputs)
        side = TILE * self.dilation
        across = -(-width // side) * self.dilation
        step = max(1, TILES // (self.dilation * across)) * side
        for index, (picture, made) in enumerate(zip(source, out, strict=True)):
            for top in range(0, height, step):
                end = min(top + step, height)
                begin, stop = max(top - self.dilation, 0), min(end + self.dilation, height)
                sums = _sums(width, self.dilation, top - begin, stop - begin, end - top, input.dtype)
                taken = sums.across(sums.down(picture[begin:stop].flatten(0, 1)))
                products = self._multiplied(taken.view(1, -1, across, PRODUCTS**2 * channels).permute(0, 3, 1, 2))
                given = products.permute(0, 2, 3, 1).reshape(-1, self.outputs)
                result = sums.out_across(sums.out_down(given)).view(end - top, width, -1)
                if added is not None:
                    result += added[index, :, top:end].permute(1, 2, 0)
                if self.slope is None:
                    made[top:end] = result
                else:
                    torch.ops.aten.leaky_relu.out(result, self.slope, out=made[top:end])
        return out.permute(0, 3, 1, 2)

    def _multiplied(self, taken: Tensor) -> Tensor:
        groups = PRODUCTS**2
        if not self._packed:
            return F.conv2d(taken, self.weight, self.bias, groups=groups)
        return torch.ops.mkldnn._convolution_pointwise(
            taken, self.weight, self.bias, [0, 0], [1, 1], [1, 1], groups, "none", [], ""
        )


class _Sums(NamedTuple):
    """The combinations of a strip of tiles; n are the products along an axis, m the pixels given.

    Args:
        down: pixels (y, x) to (tile down, x, n).
        across: these to (tile down, tile across, n, n), those across first.
        out_down: products like these to (y, tile across, n).
        out_across: these to (y, x).
    """

    down: PixelSums
    across: PixelSums
    out_down: PixelSums
    out_across: PixelSums


@lru_cache(maxsize=64)
def _sums(width: int, dilation: int, above: int, taken: int, given: int, dtype: torch.dtype) -> _Sums:
    """Combinations of a strip.

    Args:
        width: of the map.
        dilation: of the convolution.
        above: rows taken above the first given.
        taken: rows of the input.
        given: rows of the result, from a tile's first on.
        dtype: of the maps.
    """
    side, n = TILE * dilation, PRODUCTS
    window = np.arange(n)  # a tile takes in as many pixels as there are products

    def tiles(size: int) -> np.ndarray:
        """[tiles, n] the places taken in; those of neighbouring residues follow one another."""
        index = np.arange(-(-size // side) * dilation)
        return (index // dilation * side + index % dilation)[:, None] + (window - 1) * dilation

    def owners(size: int) -> tuple[np.ndarray, np.ndarray]:
        """[size] the tile of every place, and [size, n] what its products count there."""
        place = np.arange(size)
        return place // side * dilation + place % dilation, ALGORITHM.inverse[place % side // dilation]

    def sums(sources: np.ndarray, weights: np.ndarray) -> PixelSums:
        return PixelSums(sources, weights, dtype, torch.device("cpu"))

    # [tile, x, n, taken]
    y = tiles(given)[:, None, None] + above
    x = np.arange(width)[:, None, None]
    down = sums(y * width + x, ALGORITHM.forward * ((y >= 0) & (y < taken)))
    # [tile, tile across, n across, n, taken]
    x = tiles(width)[:, None, None]
    rows = np.arange(len(tiles(given)))[:, None, None, None, None] * width + x
    across = sums(rows * n + window[:, None], ALGORITHM.forward[:, None] * ((x >= 0) & (x < width)))
    # [y, tile across, n across, n]
    tile, weights = owners(given)
    beside = np.arange(len(tiles(width)))[:, None, None]
    rows = (tile[:, None, None, None] * len(beside) + beside) * n + window[:, None]
    out_down = sums(rows * n + window, weights[:, None, None])
    # [y, x, n across]
    tile, weights = owners(width)
    rows = np.arange(given)[:, None, None] * len(beside) + tile[:, None]
    out_across = sums(rows * n + window, weights)
    return _Sums(down, across, out_down, out_across)
