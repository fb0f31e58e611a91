"""Super-resolution of a rendered head, alone or over its torso and background.

The networks of Real3D-Portrait after its state dict and the fixtures' facts: two StyleGAN2 blocks, each of which
doubles the size, and between them, where torso and background come in, convolutions that fuse features weighted by
opacity (head over torso, then person over background: version 2 there, with its threshold). The style is all ones.

Here they are as published, to load and to train; :mod:`backend.compositing.prepared_super_resolution` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.compositing.torso import TorsoAppearance, TorsoLayer, TorsoModel
from backend.networks.synthesis import SynthesisBlock


@dataclass(frozen=True)
class SuperResolutionConfig:
    """Sizes of a super-resolution network.

    Args:
        features: channels that come in; the first three are the raw picture.
        size: height and width at which they come in.
        factor: of the size, 4 or 2; the layers are fused at twice the size that comes in.
        widths: channels of the first and of the second block.
        narrow: channels of the torso's features and of the bottlenecks.
        style: length of the style vector.
        threshold: opacity of the head above which nothing of the background shows through.
    """

    features: int = 32
    size: int = 128
    factor: int = 4
    widths: tuple[int, int] = (256, 128)
    narrow: int = 64
    style: int = 512
    threshold: float = 0.9

    def __post_init__(self) -> None:
        if self.factor not in (2, 4):
            raise ValueError(f"the factor is 2 or 4, not {self.factor}")

    @property
    def fused_size(self) -> int:
        """Height and width at which head, torso and background are fused."""
        return 2 * self.size

    def blocks(self) -> tuple[SynthesisBlock, SynthesisBlock]:
        """The block before the fusion and the block after it."""
        wide, last = self.widths
        return (
            SynthesisBlock(self.features, wide, self.style, self.fused_size),
            SynthesisBlock(wide, last, self.style, self.factor * self.size, enlarge=self.factor == 4),
        )


@dataclass(frozen=True)
class Background:
    """What super-resolution keeps of a background.

    Args:
        rgb: [B, 3, S, S] at the size of the fusion, -1..1.
        features: [B, C, S, S] as the network that made them takes them.
    """

    rgb: Tensor
    features: Tensor


@dataclass(frozen=True)
class Composed:
    """A frame.

    Args:
        picture: [B, 3, factor * size, factor * size] about -1..1, unclamped.
        person: [B, 1, S, S] opacity of head and torso at the size of the fusion, 0..1.
        head: [B, 1, S, S] opacity of the head, 0..1.
    """

    picture: Tensor
    person: Tensor
    head: Tensor


def resized(picture: Tensor, size: int) -> Tensor:
    """[B, C, H, W] -> [B, C, size, size], as the published network resizes pictures."""
    return F.interpolate(picture, (size, size), mode="bilinear", antialias=True)


def person_opacity(head: Tensor, torso: Tensor, threshold: float) -> Tensor:
    """Opacity of head and torso together.

    Args:
        head: [B, 1, S, S] 0..1.
        torso: [B, 1, S, S] 0..1.
        threshold: a head more opaque than this is opaque.
    """
    return (torch.where(head > threshold, 1.0, head) + torso).clamp(0, 1)


def _convolutions(*channels: int, first: int = 3, last: nn.Module | None = None) -> nn.Sequential:
    """3x3 convolutions (the first with another kernel if asked), a leaky ReLU between each two."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        kernel = 3 if layers else first
        layers += [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers[:-1], *([last] if last else []))


class HeadSuperResolution(nn.Module):
    """A head alone: attribute names of the published head-only model, under ``superresolution``."""

    def __init__(self, config: SuperResolutionConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SuperResolutionConfig()
        self.block0, self.block1 = config.blocks()

    def forward(self, features: Tensor) -> Tensor:
        """[B, features, size, size], the first three channels -1..1 -> [B, 3, factor * size, ...], unclamped."""
        style = features.new_ones(len(features), self.config.style)
        return self.block1(*self.block0(features, features[:, :3], style), style)[1]


class SuperResolution(nn.Module):
    """Head over torso over background: attribute names of the published model, under ``superresolution``.

    Args:
        config: sizes.
        torso: paints the torso at the size of the fusion, with ``narrow`` hidden channels.
    """

    def __init__(self, config: SuperResolutionConfig | None = None, torso: TorsoModel | None = None) -> None:
        super().__init__()
        self.config = config = config or SuperResolutionConfig()
        wide, narrow = config.widths[0], config.narrow
        self.block0, self.block1 = config.blocks()
        self.torso_model = torso or TorsoModel()
        self.torso_encoder = _convolutions(narrow, wide, first=1)
        self.bg_encoder = _convolutions(3, narrow, wide, wide)
        # of another version of the fusion: in the state dict, in no computation
        self.head_torso_alpha_predictor = _convolutions(7, 32, 32, 1, last=nn.Sigmoid())
        self.fuse_head_torso_convs = _convolutions(2 * wide, wide, wide)
        self.head_torso_block = SynthesisBlock(wide, wide, config.style, config.fused_size, enlarge=False)
        self.fuse_fg_bg_convs = _convolutions(2 * wide, narrow, wide, wide, first=1)

    def background(self, picture: Tensor) -> Background:
        """[B, 3, H, W] -1..1 -> what is kept of it."""
        rgb = resized(picture, self.config.fused_size)
        return Background(rgb, self.bg_encoder(rgb))

    def forward(
        self,
        features: Tensor,
        weights: Tensor,
        torso: TorsoAppearance,
        background: Background,
        kp_source: Tensor,
        kp_driving: Tensor,
    ) -> Composed:
        """One frame.

        Args:
            features: [B, features, size, size] of the rendered head, the first three channels its picture, -1..1.
            weights: [B, 1, size, size] its opacity, 0..1.
            torso: from ``torso_model.appearance``.
            background: from :meth:`background`.
            kp_source: [B, 68, 2 or more] landmarks in the photograph, -1..1.
            kp_driving: [B, 68, 2 or more] landmarks in the frame.
        """
        raw, alpha = (resized(picture, self.config.fused_size) for picture in (features[:, :3], weights))
        layer = self.torso_model(torso, kp_source, kp_driving, raw, alpha)
        return self.composed(features, weights, layer, background)

    def composed(self, features: Tensor, weights: Tensor, torso: TorsoLayer, background: Background) -> Composed:
        """The frame from a painted torso; arguments and result as :meth:`forward` has them."""
        style = features.new_ones(len(features), self.config.style)
        head = resized(weights, self.config.fused_size)
        person = person_opacity(head, torso.alpha, self.config.threshold)
        made, rgb = self.block0(features, features[:, :3], style)
        rgb = head * rgb + (1 - head) * torso.rgb
        made = torch.cat([head * made, (1 - head) * self.torso_encoder(torso.hidden)], dim=1)
        made, rgb = self.head_torso_block(self.fuse_head_torso_convs(made), rgb, style)
        rgb = person * rgb + (1 - person) * background.rgb
        made = torch.cat([person * made, (1 - person) * background.features], dim=1)
        return Composed(self.block1(self.fuse_fg_bg_convs(made), rgb, style)[1], person, head)
