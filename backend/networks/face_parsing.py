"""Face parsing: a small encoder and decoder of residual blocks with skips between them (Ronneberger and others 2015).

An aligned head goes in, every pixel's logits of being background, hair, face, neck or clothes come out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.resnet import BasicBlock
from backend.weights import Weights


@dataclass(frozen=True)
class FaceParsingConfig:
    """Sizes.

    Args:
        inputs: channels: the picture's three and those of its hints.
        classes: logits of every pixel.
        widths: channels at half of the picture's resolution, a quarter and so on.
        depths: blocks at each of them, on the way down; the way up has one.
        context: dilations of the blocks at the lowest resolution, which let each of its pixels see the whole head.
        size: side of the frames that it was trained on, pixels.
    """

    inputs: int = 6
    classes: int = 5
    widths: tuple[int, ...] = (16, 32, 64, 128)
    depths: tuple[int, ...] = (0, 2, 2, 2)
    context: tuple[int, ...] = (2, 4)
    size: int = 192


class FaceParsing(nn.Module):
    """Encoder, context and decoder."""

    def __init__(self, config: FaceParsingConfig) -> None:
        super().__init__()
        self.config = config
        first, *_ = config.widths
        self.stem = nn.Sequential(
            nn.Conv2d(config.inputs, first, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        self.down, self.up, self.joins = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        inputs = first
        for level, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
            blocks = [
                BasicBlock(inputs if block == 0 else width, width, 2 if block == 0 and level else 1, 1)
                for block in range(depth)
            ]
            self.down.append(nn.Sequential(*blocks))
            inputs = width
        self.context = nn.Sequential(*(BasicBlock(inputs, inputs, 1, dilation) for dilation in config.context))
        for width in reversed(config.widths[:-1]):
            self.joins.append(nn.Conv2d(inputs, width, 1))
            self.up.append(BasicBlock(width, width, 1, 1))
            inputs = width
        self.head = nn.Conv2d(inputs, config.classes, 3, padding=1)

    @classmethod
    def restored(cls, weights: Weights) -> FaceParsing:
        """The network of those weights, ready for use.

        Raises:
            LimnerError: ``WEIGHTS_UNREADABLE`` where they do not fit together.
        """
        try:
            network = cls(FaceParsingConfig(**weights.config))
            network.load_state_dict(dict(weights.tensors))
        except (TypeError, ValueError, RuntimeError) as error:
            raise weights.unfit(str(error)) from error
        return network.eval().requires_grad_(False)

    def forward(self, picture: Tensor) -> Tensor:
        """[B, inputs, H, W] of any size, colours and hints in [-1, 1] -> logits [B, classes, H, W]."""
        maps = [self.stem(picture)]
        maps[0] = self.down[0](maps[0])
        for stage in list(self.down)[1:]:
            maps.append(stage(maps[-1]))
        hidden = self.context(maps.pop())
        for join, block in zip(self.joins, self.up, strict=True):
            skip = maps.pop()
            hidden = block(skip + _resized(join(hidden), skip))
        return _resized(self.head(hidden), picture)


def _resized(maps: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(maps, like.shape[-2:], mode="bilinear", align_corners=False)


def parsing_input(rgb: Tensor, person: Tensor, face_map: Tensor, seen: Tensor) -> Tensor:
    """What the network with six inputs sees.

    Args:
        rgb: [B, 3, H, W] in [0, 1], zero beyond the picture.
        person: [B, 1, H, W] in [0, 1], how much each pixel is taken for the person; 0.5 everywhere for not knowing.
        face_map: [B, 1, H, W] in [-1, 1], depth inside the face's oval.
        seen: [B, 1, H, W] 1 where the picture is, 0 beyond it.

    Returns:
        [B, 6, H, W] in [-1, 1].
    """
    return torch.cat([rgb * 2 - 1, person * 2 - 1, face_map, seen * 2 - 1], dim=1)
