"""Convolutions whose weights are laid out once for the library that computes them, for inference.

On a CPU that library is oneDNN: left to itself, torch lays the weights out again at every call, which for wide layers
over small maps takes longer than the convolution. Maps are channels last. Elsewhere these are torch's convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# oneDNN computes output channels in groups of this many
GROUP = 16
_CONVOLUTION = {2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {2: F.conv_transpose2d, 3: F.conv_transpose3d}


def channels_last(tensor: Tensor) -> Tensor:
    """A map [B, C, H, W] or volume [B, C, D, H, W] in channels-last memory."""
    layout = torch.channels_last_3d if tensor.dim() == 5 else torch.channels_last
    return tensor.contiguous(memory_format=layout)


def folded(weight: Tensor, bias: Tensor, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight [out, in, ...] and bias [out] of a convolution with the batch normalisation after it."""
    scale, shift = affine(norm)
    return weight * scale.reshape(-1, *[1] * (weight.dim() - 1)), bias * scale + shift


def affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """[C] scale and shift of a batch normalisation outside training."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def onednn_computes(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether oneDNN is there for tensors on a tensor's device, in a type."""
    if tensor.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def product(matrix: Tensor, values: Tensor) -> Tensor:
    """[m, k] times [k, n] -> [m, n], for m and k small and n large: there torch's own library is half as fast."""
    if onednn_computes(values, values.dtype):
        return torch.ops.mkldnn._linear_pointwise(matrix, values.T, None, "none", [], "")
    return matrix @ values


class PackedConvolution(nn.Module):
    """A convolution of maps or volumes, and where wanted a leaky ReLU.

    Few output channels are computed for several neighbouring columns at a time, so that they fill a group: p columns
    of o channels are p * o channels of a convolution with stride p, and in channels-last memory its output is theirs.

    Args:
        weight: [out, in, ...], or [in, out, ...] if transposed.
        bias: [out].
        slope: of the leaky ReLU below zero, ``None`` for no activation.
        dtype: that it runs in.
        stride: by axis, 1 unless given; of the output if transposed.
        padding: by axis, half the kernel unless given.
        transposed: whether the convolution spreads its input instead of gathering it.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        slope: float | None,
        dtype: torch.dtype,
        stride: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        axes = weight.dim() - 2
        weight, bias = weight.detach(), bias.detach()
        self.slope = slope
        self.stride = list(stride or [1] * axes)
        self.padding = list(padding if padding is not None else [side // 2 for side in weight.shape[2:]])
        self.transposed = transposed
        self.packed = onednn_computes(weight, dtype)
        self.columns = 1
        if self.packed and not transposed and self.stride[-1] == 1 and 2 * len(bias) <= GROUP:
            # a power of two, as widths mostly are multiples of one
            self.columns = 1 << (GROUP // len(bias)).bit_length() - 1
            shifts = [F.pad(weight, (column, self.columns - 1 - column)) for column in range(self.columns)]
            weight, bias = torch.cat(shifts), bias.repeat(self.columns)
            self.stride[-1] = self.columns
        self.register_buffer("weight", self._laid_out(weight.to(dtype)), persistent=False)
        self.register_buffer("bias", bias.to(dtype, copy=True), persistent=False)

    def _laid_out(self, weight: Tensor) -> Tensor:
        if not self.packed:
            return channels_last(weight)
        ones, zeros = [1] * len(self.stride), [0] * len(self.stride)
        if self.transposed:
            return torch.ops.mkldnn._reorder_convolution_transpose_weight(
                weight.contiguous(), self.padding, zeros, self.stride, ones
            )
        native = torch._C._nn
        reorder = {2: native.mkldnn_reorder_conv2d_weight, 3: native.mkldnn_reorder_conv3d_weight}[len(ones)]
        return reorder(weight.contiguous().to_mkldnn(), self.padding, self.stride, ones, 1)

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, ...] -> [B, out, ...] in channels-last memory."""
        width = input.shape[-1]
        if width % self.columns:
            input = F.pad(input, (0, -width % self.columns))
        made = self._convolved(channels_last(input))
        if self.columns == 1:
            return made
        made = made.movedim(1, -1)
        return made.reshape(*made.shape[:-2], -1, made.shape[-1] // self.columns)[..., :width, :].movedim(-1, 1)

    def _convolved(self, input: Tensor) -> Tensor:
        ones, zeros, slope = [1] * len(self.stride), [0] * len(self.stride), self.slope
        if not self.packed:
            convolution = (_TRANSPOSED if self.transposed else _CONVOLUTION)[len(ones)]
            made = convolution(input, self.weight, self.bias, self.stride, self.padding)
            return made if slope is None else F.leaky_relu_(made, slope)
        activation = ("none" if slope is None else "leaky_relu" if slope else "relu", [slope] if slope else [], "")
        if self.transposed:
            return torch.ops.mkldnn._convolution_transpose_pointwise(
                input, self.weight, self.bias, self.padding, zeros, self.stride, ones, 1, *activation
            )
        return torch.ops.mkldnn._convolution_pointwise(
            input, self.weight, self.bias, self.padding, self.stride, ones, 1, *activation
        )
