"""Synthesis blocks at one style that never changes, for inference: modulated once, they are plain convolutions.

Features may run in any type and are channels last; the picture stays float32. The plain twin is
:class:`backend.networks.synthesis.SynthesisBlock`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.prepared_blocks import prepared_convolution
from backend.networks.synthesis import SLOPE, SynthesisBlock, enlarged


class EnlargingConvolution(nn.Module):
    """A 3x3 convolution at twice the size: transposed with stride 2, low-pass filter, bias, leaky ReLU.

    The filter stays a pass of its own: folded into the convolution it would cost four times the multiplications.

    Args:
        weight: [out, in, 3, 3].
        bias: [out].
        kernel: [4, 4] the low-pass filter, sum 1.
        dtype: that it runs in.
    """

    weight: Tensor
    bias: Tensor
    kernels: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, kernel: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        weight = weight.detach().transpose(0, 1).to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias.detach().to(dtype), persistent=False)
        kernels = (kernel * 4).to(dtype).expand(len(bias), 1, 4, 4).contiguous()
        self.register_buffer("kernels", kernels, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, 2 H, 2 W]."""
        made = F.conv_transpose2d(input, self.weight, stride=2)
        return F.leaky_relu_(F.conv2d(made, self.kernels, self.bias, padding=1, groups=len(self.bias)), SLOPE)


class FixedStyleBlock(nn.Module):
    """A synthesis block at one style.

    Args:
        block: whose weights are taken, as they are now.
        style: [style].
        dtype: of the features.
    """

    resample_filter: Tensor

    def __init__(self, block: SynthesisBlock, style: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.enlarge = block.enlarge
        self.register_buffer("resample_filter", block.resample_filter.float(), persistent=False)
        weight, bias = block.conv0.folded(style)
        self.conv0: nn.Module
        if block.enlarge:
            self.conv0 = EnlargingConvolution(weight, bias, block.conv0.resample_filter, dtype)
        else:
            self.conv0 = prepared_convolution(weight, bias, SLOPE, dtype)
        self.conv1 = prepared_convolution(*block.conv1.folded(style), SLOPE, dtype)
        self.torgb = pointwise(*block.torgb.folded(style), dtype)

    def forward(self, input: Tensor, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """[B, in, H, W], picture [B, 3, H, W] float32 -> features and picture as :class:`SynthesisBlock` gives them."""
        made = self.conv1(self.conv0(input))
        if self.enlarge:
            rgb = enlarged(rgb, self.resample_filter)
        return made, rgb + self.torgb(made)


def pointwise(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> nn.Conv2d:
    """A 1x1 convolution [out, in, 1, 1] with a bias [out], for inference."""
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], 1, dtype=dtype, device=weight.device)
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer.requires_grad_(False)
