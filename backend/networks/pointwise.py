"""Layers that act on every pixel by itself, over feature maps in channels-last memory.

A map [B, C, H, W] in channels-last memory is the same bytes as its tokens [B, H * W, C], so that a linear layer over
tokens is a 1x1 convolution, which runs through oneDNN: three times as fast as the matrix product of torch's MKL on AMD.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Pointwise(nn.Linear):
    """A linear layer over the channels of a map; parameters as ``nn.Linear`` has them."""

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, H, W], channels last."""
        return F.conv2d(input, self.weight[:, :, None, None], self.bias)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of a map; parameters as ``nn.LayerNorm`` has them."""

    def forward(self, input: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W], channels last."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
