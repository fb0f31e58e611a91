"""An encoder and a decoder of residual blocks with skips between them (Ronneberger and others 2015)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.resnet import BasicBlock


class EncoderDecoder(nn.Module):
    """Maps of pictures of any size.

    Args:
        inputs: channels of the pictures.
        stride: of the stem: the highest resolution is as much lower than the pictures'.
        widths: channels at the highest resolution, half of it and so on.
        depths: blocks at each of them, on the way down; the way up has one.
        context: dilations of the blocks at the lowest resolution, which let each of its pixels see further.
        outputs: channels of the maps.
    """

    def __init__(
        self, inputs: int, stride: int, widths: tuple[int, ...], depths: tuple[int, ...], context: tuple[int, ...],
        outputs: int,
    ) -> None:  # fmt: skip
        super().__init__()
        width, *_ = widths
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.down, self.up, self.joins = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        before = width
        for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = [
                BasicBlock(before if block == 0 else width, width, 2 if block == 0 and level else 1, 1)
                for block in range(depth)
            ]
            self.down.append(nn.Sequential(*blocks))
            before = width
        self.context = nn.Sequential(*(BasicBlock(before, before, 1, dilation) for dilation in context))
        for width in reversed(widths[:-1]):
            self.joins.append(nn.Conv2d(before, width, 1))
            self.up.append(BasicBlock(width, width, 1, 1))
            before = width
        self.head = nn.Conv2d(before, outputs, 3, padding=1)

    def mapped(self, picture: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride]."""
        hidden, skips = self.stem(picture), []
        for stage in self.down:
            hidden = stage(hidden)
            skips.append(hidden)
        hidden = self.context(skips.pop())
        for join, block in zip(self.joins, self.up, strict=True):
            skip = skips.pop()
            hidden = block(skip + resized(join(hidden), skip))
        return self.head(hidden)


def resized(maps: Tensor, like: Tensor) -> Tensor:
    """[B, C, h, w] at the resolution of others [B, D, H, W], bilinear."""
    return F.interpolate(maps, like.shape[-2:], mode="bilinear", align_corners=False)
