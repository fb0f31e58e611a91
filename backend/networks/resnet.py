"""Residual networks of basic blocks, with dilation instead of stride in the later stages (He and others 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ResNetConfig:
    """Sizes; the defaults are ResNet-34 at an output stride of 8.

    Args:
        inputs: channels of the picture.
        widths: channels of every stage; the first one's are the stem's too.
        depths: blocks of every stage.
        strides: of every stage's first block; the stem's is 4.
        dilations: of every 3x3 convolution of a stage.
    """

    inputs: int = 3
    widths: tuple[int, ...] = (64, 128, 256, 512)
    depths: tuple[int, ...] = (3, 4, 6, 3)
    strides: tuple[int, ...] = (1, 2, 1, 1)
    dilations: tuple[int, ...] = (1, 1, 2, 4)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride], none negative."""
        shortcut = image if self.downsample is None else self.downsample(image)
        hidden = F.relu(self.bn1(self.conv1(image)))
        return F.relu(self.bn2(self.conv2(hidden)) + shortcut)


class ResNet(nn.Module):
    """The stem and the stages, without a classifier."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        inputs = config.widths[0]
        self.conv1 = nn.Conv2d(config.inputs, inputs, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        for stage, width in enumerate(config.widths):
            blocks = []
            for index in range(config.depths[stage]):
                stride = config.strides[stage] if index == 0 else 1
                blocks.append(BasicBlock(inputs, width, stride, config.dilations[stage]))
                inputs = width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, widths[-1], H / s, W / s], none negative; s is 4 times the strides."""
        image = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, stride=2, padding=1)
        for stage in range(len(self.config.widths)):
            image = getattr(self, f"layer{stage + 1}")(image)
        return image
