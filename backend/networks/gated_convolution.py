"""Gated convolutions over time that are told a condition: WaveNet (van den Oord 2016) and WaveGlow (Prenger 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class WeightNormConv1d(nn.Module):
    """Convolution whose filters are ``g * v / |v|`` (Salimans and Kingma 2016), padded to keep an odd kernel's length.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: width in frames, odd.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 1) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weight_v = nn.Parameter(torch.empty(outputs, inputs, kernel))
        nn.init.kaiming_uniform_(self.weight_v, 5**0.5)
        self.weight_g = nn.Parameter(torch.full((outputs, 1, 1), 3**-0.5))  # about the norm of what was drawn
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, T] -> [B, outputs, T]."""
        weight = self.weight_v * (self.weight_g / self.weight_v.norm(dim=(1, 2), keepdim=True))
        return functional.conv1d(x, weight, self.bias, padding=self.padding)


class GatedStack(nn.Module):
    """Residual layers ``tanh(a) * sigmoid(b)``, each told the condition; the sum of what they skip ahead.

    One frame of the output depends on ``layers * (kernel // 2)`` frames of the input to either side.

    Args:
        width: channels in and out.
        condition: channels of the condition.
        kernel: width in frames, odd.
        layers: how many.
    """

    def __init__(self, width: int, condition: int, kernel: int, layers: int) -> None:
        super().__init__()
        self.width = width
        self.cond_layer = WeightNormConv1d(condition, 2 * width * layers)
        self.in_layers = nn.ModuleList(WeightNormConv1d(width, 2 * width, kernel) for _ in range(layers))
        # the last layer has no successor to hand a residual to
        self.res_skip_layers = nn.ModuleList(
            WeightNormConv1d(width, width if layer == layers - 1 else 2 * width) for layer in range(layers)
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[B, width, T], [B, condition, T] -> [B, width, T]."""
        told = self.cond_layer(condition).chunk(len(self.in_layers), 1)
        skipped = torch.zeros_like(x)
        for layer, enter, leave in zip(told, self.in_layers, self.res_skip_layers, strict=True):
            value, gate = (enter(x) + layer).chunk(2, 1)
            out = leave(torch.tanh(value) * torch.sigmoid(gate))
            if out.shape[1] > self.width:
                x = x + out[:, : self.width]
            skipped = skipped + out[:, -self.width :]
        return skipped
