"""The published decoder: features of a tri-plane to density and colour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

# colours reach a little beyond 0 and 1 so that both can be reached at all (Mip-NeRF)
COLOUR_SCALE, COLOUR_OFFSET = 1.002, -0.001


@dataclass(frozen=True)
class FeatureFieldConfig:
    """Sizes of a decoder.

    Args:
        channels: of the planes.
        hidden: units of its one hidden layer.
        features: channels of what it calls colour; the first three are the picture's red, green and blue.
    """

    channels: int = 32
    hidden: int = 64
    features: int = 32


class Radiance(NamedTuple):
    """What a field holds: sigma [...], any real number, and colour [..., F], -0.001..1.001."""

    sigma: Tensor
    colour: Tensor


class EqualisedLinear(nn.Module):
    """A linear layer whose stored weights have variance one; they are divided by sqrt(inputs) when used (StyleGAN)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    @property
    def folded(self) -> Tensor:
        """[outputs, inputs] weights as they act."""
        return self.weight / math.sqrt(self.weight.shape[1])

    def forward(self, input: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]"""
        return nn.functional.linear(input, self.folded, self.bias)


class FeatureField(nn.Module):
    """Two layers with softplus between; keys as in the published checkpoints' ``decoder``."""

    def __init__(self, config: FeatureFieldConfig = FeatureFieldConfig()) -> None:
        super().__init__()
        self.config = config
        self.net = nn.Sequential(
            EqualisedLinear(config.channels, config.hidden),
            nn.Softplus(),
            EqualisedLinear(config.hidden, 1 + config.features),
        )

    def forward(self, features: Tensor) -> Radiance:
        """[..., C] mean of the planes at points -> what the field holds there."""
        raw = self.net(features)
        return Radiance(raw[..., 0], torch.sigmoid(raw[..., 1:]) * COLOUR_SCALE + COLOUR_OFFSET)
