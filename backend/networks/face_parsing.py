"""Face parsing by a small encoder and decoder.

An aligned head goes in, every pixel's logits of being background, hair, face, neck or clothes come out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backend.networks.encoder_decoder import EncoderDecoder, resized


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


class FaceParsing(EncoderDecoder):
    """Encoder, context and decoder."""

    def __init__(self, config: FaceParsingConfig) -> None:
        super().__init__(config.inputs, 2, config.widths, config.depths, config.context, config.classes)
        self.config = config

    def forward(self, picture: Tensor) -> Tensor:
        """[B, inputs, H, W] of any size, colours and hints in [-1, 1] -> logits [B, classes, H, W]."""
        return resized(self.mapped(picture), picture)


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
