"""The motion adapter: PNCC pictures of a head at rest, in the photograph and in a frame, to what moves its planes.

A 1x1 convolution, the Mix Transformer and the head of SegFormer (Xie and others 2021), and convolutions up to the
planes' size. Facts: ``shared/reference/seed_systems.md`` section 1.3; attribute names follow the published state dict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .mix_transformer import EncoderConfig, MixTransformer
from .pointwise import Pointwise
from .synthesis import resample_filter

SLOPE = 0.01  # of the leaky rectifiers below zero


@dataclass(frozen=True)
class MotionAdapterConfig:
    """Sizes; the defaults are the published ones.

    Args:
        mode: which pictures are looked at: the canonical, the source's and the target's, or not the source's.
        channels: of one picture.
        encoder: of the joined pictures; its ``inputs`` are what the first convolution makes of them.
        width: channels of the fused maps.
        plane_channels: of one plane, or of one layer of a grid.
        depth: layers of a grid; 1 for planes.
    """

    mode: Literal["cano_src_tgt", "cano_tgt"] = "cano_src_tgt"
    channels: int = 3
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    width: int = 256
    plane_channels: int = 32
    depth: int = 1

    @property
    def pictures(self) -> int:
        """How many are looked at."""
        return len(self.mode.split("_"))

    @property
    def outputs(self) -> int:
        """Channels of three planes."""
        return 3 * self.plane_channels * self.depth


class EqualisedPointwise(nn.Module):
    """A 1x1 convolution with StyleGAN's equalised learning rate: its weights are of deviation 1 and scaled in use."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = inputs**-0.5
        # of no use in a 1x1 convolution, but in the published state dict
        self.register_buffer("resample_filter", resample_filter())

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]."""
        return F.conv2d(image, self.weight * self.gain, self.bias)


class Projection(nn.Module):
    """A linear layer over the channels of one of the encoder's maps."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = Pointwise(inputs, outputs)

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]."""
        return self.proj(image)


class Fusion(nn.Module):
    """A 1x1 convolution, a norm and a rectifier."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W], none negative."""
        return F.relu(self.bn(self.conv(image)))


class FuseHead(nn.Module):
    """The encoder's maps, each projected to one width and enlarged to the first one's size, fused."""

    def __init__(self, dims: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.stages = len(dims)
        for stage, dim in enumerate(dims, start=1):
            setattr(self, f"linear_c{stage}", Projection(dim, width))
        self.linear_fuse = Fusion(len(dims) * width, width)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """[B, dim, H / s, W / s] of every stage -> [B, width, H / 4, W / 4]."""
        size = maps[0].shape[2:]
        projected = [getattr(self, f"linear_c{stage}")(image) for stage, image in enumerate(maps, start=1)]
        enlarged = [
            image if image.shape[2:] == size else F.interpolate(image, size, mode="bilinear", align_corners=False)
            for image in projected
        ]
        return self.linear_fuse(torch.cat(enlarged[::-1], 1))


class MotionAdapter(nn.Module):
    """The network as published; :mod:`backend.networks.motion_adapter_folded` is the same in less time."""

    def __init__(self, config: MotionAdapterConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.prenet = EqualisedPointwise(config.pictures * config.channels, config.encoder.inputs)
        self.mix_vit = MixTransformer(config.encoder)
        self.fuse_head = FuseHead(config.encoder.dims, width)
        self.to_plane_cnn = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            nn.Conv2d(width, config.outputs, 3, padding=1),
        )

    def forward(self, canonical: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """What is added to the planes of the photograph.

        Args:
            canonical: [B, channels, H, W] PNCC of the person without expression, -1 to 1, -1 where nothing is.
            source: the same with the photograph's expression; not looked at in the mode ``cano_tgt``.
            target: the same with the frame's expression.

        Returns:
            [B, 3 * plane_channels * depth, H / 2, W / 2], before the published flips.
        """
        pictures = (canonical, source, target) if self.config.mode == "cano_src_tgt" else (canonical, target)
        return self.to_plane_cnn(self.fuse_head(self.mix_vit(self.prenet(torch.cat(pictures, 1)))))
