"""The blocks of :mod:`backend.networks.volumetric_blocks` as they run: normalisation folded, fewer multiplications.

Prepared from a block's weights as they are then and where they are, for one type of number. What does not depend on
the library: repeating pixels and a 3x3 convolution together are one transposed 4x4 convolution with stride 2, four
ninths of the multiplications; and wide 3x3 convolutions take a quarter of them over maps, half of them over volumes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.minimal_filtering import FilteredConvolution, toom_cook
from backend.networks.packed_convolution import PackedConvolution, affine, channels_last, folded
from backend.networks.tiled_convolution import TiledConvolution
from backend.networks.volumetric_blocks import ConvolutionNorm, Down, Residual, Up

# fewer input channels than this, and filtering costs more than the multiplications that it saves
FEWEST_INPUTS = 48
# more weights per tap than this, and twice the weights are not worth the memory: such layers see few places
MOST_WEIGHTS = 1 << 18


def prepared_convolution(weight: Tensor, bias: Tensor, slope: float | None, dtype: torch.dtype) -> nn.Module:
    """The fastest convolution that keeps the size.

    Args:
        weight: [out, in, ...].
        bias: [out].
        slope: of the leaky ReLU below zero, ``None`` for no activation.
        dtype: that it runs in.

    Returns:
        A :class:`TiledConvolution`, a :class:`FilteredConvolution` or a :class:`PackedConvolution`.
    """
    outputs, inputs, kernel = weight.shape[:3]
    # GPU libraries bring algorithms of their own
    filtered = weight.device.type == "cpu" and kernel == 3 and outputs * inputs <= MOST_WEIGHTS
    if filtered and inputs >= FEWEST_INPUTS and outputs >= FEWEST_INPUTS:
        if weight.dim() == 4:
            return TiledConvolution(weight, bias, slope, dtype)
        return FilteredConvolution(weight, bias, slope, dtype, toom_cook(kernel))
    return PackedConvolution(weight, bias, slope, dtype)


def prepared_convolution_norm(block: ConvolutionNorm, dtype: torch.dtype) -> nn.Module:
    """Convolution, normalisation and activation: [B, in, ...] -> [B, out, ...]."""
    convolution, norm = block.layers
    return prepared_convolution(*folded(convolution.weight, convolution.bias, norm), block.slope, dtype)


class PreparedDown(nn.Module):
    """A :class:`Down` block: [B, in, (D,) H, W] -> [B, out, (D,) H / 2, W / 2]."""

    def __init__(self, block: Down, dtype: torch.dtype) -> None:
        super().__init__()
        self.convolution = prepared_convolution_norm(block.layers[0], dtype)

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, (D,) H, W] -> [B, out, (D,) H / 2, W / 2]."""
        made = self.convolution(input)
        if made.dim() == 4:
            return F.avg_pool2d(made, 2)
        # slices as maps: pooling of volumes is slow, and unknown in bfloat16
        slices = F.avg_pool2d(made.transpose(1, 2).flatten(0, 1), 2)
        return slices.unflatten(0, (len(made), -1)).transpose(1, 2)


class PreparedUp(nn.Module):
    """An :class:`Up` block: [B, in, (D,) H, W] -> [B, out, (D,) 2 H, 2 W]."""

    def __init__(self, block: Up, dtype: torch.dtype) -> None:
        super().__init__()
        convolution, norm = block.layers[1].layers
        slope = block.layers[1].slope
        weight, bias = folded(convolution.weight, convolution.bias, norm)
        self.factor = [1.0] * (weight.dim() - 4) + [2.0, 2.0]
        self.repeated = weight.shape[0] * weight.shape[1] > MOST_WEIGHTS
        self.convolution: nn.Module
        if self.repeated:
            self.convolution = prepared_convolution(weight, bias, slope, dtype)
        else:
            # a pixel reaches every place that its four copies reach; depth is gathered as before, so its taps turn
            spread = F.pad(weight.detach().flip(tuple(range(2, weight.dim()))), (1, 1, 1, 1))
            spread = sum(spread[..., row : row + 4, column : column + 4] for row in (0, 1) for column in (0, 1))
            stride = [int(factor) for factor in self.factor]
            padding = [1] * len(stride)
            self.convolution = PackedConvolution(
                spread.transpose(0, 1), bias, slope, dtype, stride, padding, transposed=True
            )

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, (D,) H, W] -> [B, out, (D,) 2 H, 2 W]."""
        return self.convolution(F.interpolate(input, scale_factor=self.factor) if self.repeated else input)


class PreparedResidual(nn.Module):
    """A :class:`Residual` block: [B, channels, ...] -> the same shape."""

    scale: Tensor
    shift: Tensor

    def __init__(self, block: Residual, dtype: torch.dtype) -> None:
        super().__init__()
        (first_norm, _, first), (second_norm, _, second) = (half.layers for half in block.layers)
        ones = [1] * (first.weight.dim() - 2)
        for name, value in zip(("scale", "shift"), affine(first_norm)):
            self.register_buffer(name, value.detach().to(dtype).reshape(-1, *ones), persistent=False)
        self.first = prepared_convolution(*folded(first.weight, first.bias, second_norm), 0.0, dtype)
        self.second = prepared_convolution(second.weight, second.bias, None, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """[B, channels, ...] -> [B, channels, ...]."""
        input = channels_last(input)
        return self.second(self.first(torch.addcmul(self.shift, input, self.scale).relu_())).add_(input)


def prepared(block: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Any of these blocks or convolutions, or a sequence of them, as it runs."""
    if isinstance(block, nn.Sequential):
        return nn.Sequential(*(prepared(part, dtype) for part in block))
    if isinstance(block, ConvolutionNorm):
        return prepared_convolution_norm(block, dtype)
    kinds = {Down: PreparedDown, Up: PreparedUp, Residual: PreparedResidual}
    if type(block) in kinds:
        return kinds[type(block)](block, dtype)
    return prepared_convolution(block.weight, block.bias, None, dtype)
