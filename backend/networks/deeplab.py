"""DeepLabV3: a dilated residual network and a pyramid of dilations on top (Chen and others 2017).

As Real3D-Portrait has it: no normalisation in the pyramid or after it. Attribute names follow its state dict.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from backend.networks.resnet import ResNet, ResNetConfig


@dataclass(frozen=True)
class DeepLabConfig:
    """Sizes.

    Args:
        encoder: the residual network.
        width: channels of every branch of the pyramid and of what comes out.
        rates: dilations of the pyramid's 3x3 branches.
        dropout: share of the pyramid's output that training drops.
    """

    encoder: ResNetConfig = field(default_factory=ResNetConfig)
    width: int = 256
    rates: tuple[int, ...] = (12, 24, 36)
    dropout: float = 0.5


class DilationPyramid(nn.Module):
    """A 1x1 convolution, dilated 3x3 ones and the picture's mean beside one another, projected to one width."""

    def __init__(self, inputs: int, config: DeepLabConfig) -> None:
        super().__init__()
        width = config.width
        branches = [_rectified(nn.Conv2d(inputs, width, 1, bias=False))]
        for rate in config.rates:
            branches.append(_rectified(nn.Conv2d(inputs, width, 3, padding=rate, dilation=rate, bias=False)))
        mean = _rectified(nn.Conv2d(inputs, width, 1, bias=False))
        self.convs = nn.ModuleList([*branches, nn.Sequential(nn.AdaptiveAvgPool2d(1), *mean)])
        joined = nn.Conv2d(len(self.convs) * width, width, 1, bias=False)
        self.project = nn.Sequential(joined, nn.ReLU(), nn.Dropout(config.dropout))

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, width, H, W], none negative."""
        *maps, mean = (branch(image) for branch in self.convs)
        return self.project(torch.cat([*maps, mean.expand_as(maps[0])], dim=1))


class DeepLab(nn.Module):
    """Encoder and decoder."""

    def __init__(self, config: DeepLabConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ResNet(config.encoder)
        pyramid = DilationPyramid(config.encoder.widths[-1], config)
        self.decoder = nn.Sequential(pyramid, nn.Conv2d(config.width, config.width, 3, padding=1, bias=False))

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, width, H / s, W / s] with the encoder's stride s."""
        return self.decoder(self.encoder(image))


def _rectified(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.ReLU())
