"""A photograph of a head to tri-planes or tri-grids of a canonical head: the network of Real3D-Portrait.

DeepLabV3 and a transformer see the whole at a low resolution, convolutions without normalisation keep the details,
and a transformer over both makes the planes. Facts: ``shared/reference/seed_systems.md`` section 1.1; attribute names
follow the published state dict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.deeplab import DeepLab, DeepLabConfig
from backend.networks.mix_transformer import BlockConfig, MixTransformerBlock, PatchConfig, PatchEmbedding

SLOPE = 0.01  # of the leaky rectifiers below zero
CHANNELS = {"rgb": 3, "rgb_alpha": 4}
LOW_BLOCK = BlockConfig(dim=1024, heads=4, expansion=2)
PREDICTOR_BLOCK = BlockConfig(dim=1024, heads=4, expansion=2, reduction=2)
# transformer blocks at the low resolution and in the predictor
SCALES = {"small": (2, 1), "standard": (5, 1), "large": (10, 3)}


@dataclass(frozen=True)
class ImageToPlaneConfig:
    """Sizes; the defaults are the published checkpoint's.

    Args:
        mode: what the picture holds: colour, or colour and opacity.
        deeplab: of the low resolution; its inputs follow from the mode.
        low_block: of the transformer over its output; ``dim`` a multiple of 4.
        low_blocks: number.
        low_width: channels of the convolutions behind that transformer.
        high_width: channels of the detail branch's first convolution.
        high_layers: 3x3 convolutions of the detail branch before its last.
        width: channels of what either branch gives.
        predictor_widths: channels of the predictor's two convolutions in front of its transformer.
        predictor_block: of its transformer; ``dim`` a multiple of 4.
        predictor_blocks: number.
        plane_widths: channels of the three convolutions behind it.
        plane_channels: of one plane, or of one layer of a grid.
        depth: layers of a grid; 1 for planes.
    """

    mode: Literal["rgb", "rgb_alpha"] = "rgb"
    deeplab: DeepLabConfig = field(default_factory=DeepLabConfig)
    low_block: BlockConfig = LOW_BLOCK
    low_blocks: int = SCALES["standard"][0]
    low_width: int = 128
    high_width: int = 64
    high_layers: int = 4
    width: int = 96
    predictor_widths: tuple[int, int] = (256, 128)
    predictor_block: BlockConfig = PREDICTOR_BLOCK
    predictor_blocks: int = SCALES["standard"][1]
    plane_widths: tuple[int, int, int] = (256, 128, 128)
    plane_channels: int = 32
    depth: int = 1

    @property
    def inputs(self) -> int:
        """Channels of the picture and its coordinates."""
        return CHANNELS[self.mode] + 2

    @property
    def outputs(self) -> int:
        """Channels of three planes."""
        return 3 * self.plane_channels * self.depth


def with_coordinates(image: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, C + 2, H, W]: with every pixel's row and column, from 0 to less than 1."""
    height, width = image.shape[2:]
    row, column = (torch.arange(count, dtype=image.dtype, device=image.device) / count for count in (height, width))
    row, column = row[:, None].expand(height, width), column.expand(height, width)
    return torch.cat([image, torch.stack([row, column]).expand(len(image), 2, height, width)], dim=1)


def enlarged(image: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, C, 2 H, 2 W], bilinear between the centres of the corner pixels."""
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=True)


class _Transformer(nn.Module):
    """A patch embedding and blocks; the published names count blocks from 1."""

    def __init__(self, inputs: int, block: BlockConfig, count: int) -> None:
        super().__init__()
        self.count = count
        self.patch_embed = PatchEmbedding(PatchConfig(inputs, block.dim))
        for index in range(count):
            setattr(self, f"block{index + 1}", MixTransformerBlock(block))

    @property
    def blocks(self) -> Iterator[MixTransformerBlock]:
        """In the order that they are passed."""
        return (getattr(self, f"block{index + 1}") for index in range(self.count))

    def transformed(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, dim / 4, H, W]."""
        image = self.patch_embed(image)
        for block in self.blocks:
            image = block(image)
        return F.pixel_shuffle(image, 2)


class LowResolutionTransformer(_Transformer):
    """A transformer over DeepLab's output, and convolutions up to the planes' size."""

    def __init__(self, config: ImageToPlaneConfig) -> None:
        block, width = config.low_block, config.low_width
        super().__init__(config.deeplab.width, block, config.low_blocks)
        self.conv_after_upsample1 = _convolution(block.dim // 4, width)
        self.conv_after_upsample2 = _convolution(width, width)
        self.final_conv = _convolution(width, config.width)

    def forward(self, image: Tensor) -> Tensor:
        """[B, deeplab.width, H, W] -> [B, width, 4 H, 4 W]."""
        image = F.relu(self.conv_after_upsample1(enlarged(self.transformed(image))))
        image = F.relu(self.conv_after_upsample2(enlarged(image)))
        return self.final_conv(image)


class HighResolutionEncoder(nn.Module):
    """Convolutions only, so that nothing of the person is normalised away; none follows the first with a rectifier."""

    def __init__(self, config: ImageToPlaneConfig) -> None:
        super().__init__()
        self.first = nn.Conv2d(config.inputs, config.high_width, 7, stride=2, padding=3)
        layers: list[nn.Module] = []
        for index in range(config.high_layers):
            layers += [_convolution(config.width if index else config.high_width, config.width), nn.LeakyReLU(SLOPE)]
        self.conv_layers = nn.Sequential(*layers)
        self.final = _convolution(config.width, config.width)

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, width, H / 2, W / 2]."""
        return self.final(self.conv_layers(self.first(image)))


class PlanePredictor(_Transformer):
    """Both branches to the planes."""

    def __init__(self, config: ImageToPlaneConfig) -> None:
        first, second = config.predictor_widths
        block = config.predictor_block
        super().__init__(second, block, config.predictor_blocks)
        self.first_conv = _convolution(2 * config.width, first)
        self.second_conv = _convolution(first, second)
        one, two, three = config.plane_widths
        self.first_conv_after_cat = _convolution(block.dim // 4 + config.width, one)
        self.second_conv_after_cat = _convolution(one, two)
        self.third_conv_after_cat = _convolution(two, three)
        self.final_conv = _convolution(three, config.outputs)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """Two maps [B, width, H, W] -> [B, outputs, H, W]."""
        image = torch.cat([low, high], dim=1)
        for layer in (self.first_conv, self.second_conv):
            image = F.leaky_relu(layer(image), SLOPE)
        image = torch.cat([self.transformed(image), low], dim=1)
        for layer in (self.first_conv_after_cat, self.second_conv_after_cat, self.third_conv_after_cat):
            image = F.leaky_relu(layer(image), SLOPE)
        return self.final_conv(image)


class ImageToPlane(nn.Module):
    """The network as published."""

    def __init__(self, config: ImageToPlaneConfig) -> None:
        super().__init__()
        self.config = config
        encoder = replace(config.deeplab.encoder, inputs=config.inputs)
        self.low_reso_encoder = DeepLab(replace(config.deeplab, encoder=encoder))
        self.high_reso_encoder = HighResolutionEncoder(config)
        self.low_reso_vit = LowResolutionTransformer(config)
        self.triplane_predictor_vit = PlanePredictor(config)

    def forward(self, image: Tensor) -> Tensor:
        """A head alone to its planes.

        Args:
            image: [B, C, H, W] -1..1, -1 where nothing is; C is 3, or 4 with opacity. H and W are multiples of 16.

        Returns:
            [B, 3 * plane_channels * depth, H / 2, W / 2], before the published flips.
        """
        image = with_coordinates(image)
        low = self.low_reso_vit(self.low_reso_encoder(image))
        return self.triplane_predictor_vit(low, self.high_reso_encoder(image))


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
