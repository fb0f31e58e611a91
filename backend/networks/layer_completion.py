"""Completion of lifted layers: from what the photograph showed of a person to what it did not show.

A renderer that lifts a photograph's pixels knows where they went, and has nothing where they left: behind hair, beside
a turned head. This network sees the frame's layers with the trust that each pixel deserves, and those of the photograph
itself; its residual is added to the person's colour and opacity where the frame shows nobody. What the photograph shows
stays as it is, for a mean over all that may be is not as sharp as what is. The last layer begins at zero, so that fresh
weights change nothing. An encoder and a decoder work at half of the frame's resolution, to which blocks of 2x2 pixels
are folded (Shi and others 2016, sub-pixel convolution).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.nerf.images import smoothstep
from backend.networks.encoder_decoder import EncoderDecoder

# channels of a view, 0 where there is nothing; those from SIGNED on of the head model's surface
HEAD, TORSO = slice(0, 4), slice(4, 8)  # premultiplied sRGB and alpha, each where the other does not hide it
TRUST, TRAVEL = 8, 9  # how far the photograph shows the place; how far expression moved it, 1 for MOST_TRAVEL
SIGNED = slice(10, 16)  # in [-1, 1], the others in [0, 1]
CANONICAL, NORMAL = slice(10, 13), slice(13, 16)  # place in the mean head's box; by the camera's axes
CHANNELS = 16
MOST_TRAVEL = 0.02  # metres
RGBA = 4
# how far around a place hair tells its colours, and the share of it there from which on it does
NEAR, ENOUGH_HAIR = 17, 0.04
SOFTNESS = 5  # pixels of a view over which completion begins
DIVISOR = 16  # of a view's sides
VEIL = (0.4, 0.7)  # cover below which there is nothing, and above which there is somebody


@dataclass(frozen=True)
class LayerCompletionConfig:
    """Sizes.

    Args:
        widths: channels at half of the view's resolution, a quarter and so on.
        depths: blocks at each of them, on the way down; the way up has one.
        side: longer side of the views that it was trained on, pixels.
    """

    widths: tuple[int, ...] = (32, 64, 96, 160)
    depths: tuple[int, ...] = (0, 2, 2, 3)
    side: int = 256


def padded(maps: Tensor, view: Tensor, scale: int = 1) -> Tensor:
    """[C, H / s, W / s] maps of a view [16, H, W] of any size -> [1, C, H' / s, W' / s], as large as networks need."""
    tall, wide = (-(-length // DIVISOR) * DIVISOR // scale for length in view.shape[1:])
    return F.pad(maps, (0, wide - maps.shape[2], 0, tall - maps.shape[1]))[None]


def room(person: Tensor) -> Tensor:
    """[B, 4, H, W] premultiplied -> [B, 1, H, W] how far nobody is there, softly, 0..1."""
    return 1 - _mean(person[:, 3:], SOFTNESS).clamp(0, 1)


def lifted_person(view: Tensor) -> Tensor:
    """[B, 16, H, W] views -> [B, 4, H, W] premultiplied colours and alpha without completion."""
    return view[:, HEAD] + view[:, TORSO]


@dataclass(frozen=True)
class Filling:
    """What goes on where a frame shows nobody.

    Args:
        cover: [B, 1, H, W] how much of what is empty is filled, 0..1.
        colour: [B, 3, H, W] by what, 0..1.
    """

    cover: Tensor
    colour: Tensor

    def resized(self, size: tuple[int, int]) -> Filling:
        """The same for pictures of another height and width."""
        maps = (self.cover, self.colour)
        return Filling(*(F.interpolate(each, size, mode="bilinear", align_corners=False) for each in maps))

    def behind(self, person: Tensor) -> Tensor:
        """[B, 4, H, W] premultiplied colours and alpha -> the same, completed.

        Where the network doubts whether somebody is, it covers thinly; but hair and shoulders have edges.
        """
        filled = (1 - person[:, 3:]) * smoothstep(*VEIL, self.cover)
        return person + torch.cat([filled * self.colour, filled], dim=1)


def filling(residual: Tensor, view: Tensor) -> Filling:
    """What the network's residual [B, 4, H, W] fills of a view [B, 16, H, W]."""
    alpha = lifted_person(view)[:, 3:]
    empty = (alpha < 0.5).float()
    more = residual[:, 3:].clamp(min=0) * empty
    cover = (more / (1 - alpha).clamp(min=0.5)).clamp(0, 1)
    # smooth, nothing is as small as a pixel; and under the soft outline of what was there it goes on as beside it, or a
    # line would stay open between them
    cover = _mean(cover * empty, SOFTNESS) / _mean(empty, SOFTNESS).clamp(min=0.1)
    colours = residual[:, :3] * empty * (more > 0)
    told, weight = (each + 0.02 * _mean(each, 2 * SOFTNESS + 1) for each in (colours, more))
    # the network knows that hair goes on here, the hair that is near knows its colours
    hair = _around(view[:, HEAD] * (view[:, SIGNED] == 0).all(dim=1, keepdim=True))
    near = smoothstep(0.0, ENOUGH_HAIR, hair[:, 3:])
    colour = (1 - near) * told / weight.clamp(min=1e-4) + near * hair[:, :3] / hair[:, 3:].clamp(min=1e-4)
    return Filling(cover, colour.clamp(0, 1))


def _mean(maps: Tensor, window: int) -> Tensor:
    # columns, then rows: as over squares, in less time
    means = F.avg_pool2d(maps, (window, 1), 1, (window // 2, 0), count_include_pad=False)
    return F.avg_pool2d(means, (1, window), 1, (0, window // 2), count_include_pad=False)


def _around(maps: Tensor) -> Tensor:
    """Means over squares of about 4 times ``NEAR`` pixels."""
    coarse = _mean(F.avg_pool2d(maps, 4, ceil_mode=True), NEAR)
    return F.interpolate(coarse, maps.shape[-2:], mode="bilinear", align_corners=False)


class LayerCompletion(EncoderDecoder):
    """Encoder and decoder."""

    def __init__(self, config: LayerCompletionConfig) -> None:
        super().__init__(5 * CHANNELS, 1, config.widths, config.depths, (), 4 * RGBA)
        self.config = config
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, view: Tensor, source: Tensor) -> Tensor:
        """What to add to the person's premultiplied colour and alpha.

        Args:
            view: [B, 16, H, W] of the frame, sides divisible by ``DIVISOR``.
            source: [B, 16, H/2, W/2] of the photograph's own pose and expression.

        Returns:
            [B, 4, H, W] in about [-1, 1].
        """
        return F.pixel_shuffle(self.mapped(torch.cat([F.pixel_unshuffle(view, 2), source], dim=1)), 2)
