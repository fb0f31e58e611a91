"""The image-to-plane network as it runs on a CPU: the plain twin is :mod:`backend.networks.image_to_plane`.

Prepared from its weights as they are then: normalisation folded into the convolutions, 3x3 convolutions with a quarter
of the multiplications, transformer blocks as :mod:`backend.networks.prepared_mix_transformer` has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.deeplab import DeepLab, DilationPyramid
from backend.networks.image_to_plane import (
    SLOPE,
    HighResolutionEncoder,
    ImageToPlane,
    LowResolutionTransformer,
    PlanePredictor,
    enlarged,
    with_coordinates,
)
from backend.networks.mix_transformer import MixTransformerBlock, PatchEmbedding
from backend.networks.packed_convolution import folded
from backend.networks.prepared_mix_transformer import PreparedBlock
from backend.networks.resnet import BasicBlock, ResNet
from backend.networks.tiled_convolution import TiledConvolution

RELU = 0.0  # the slope below zero
# fewer channels than this, and the tiles' transforms cost more than the multiplications that they save
FEWEST_CHANNELS = 64


class DirectConvolution(nn.Module):
    """A convolution as the library computes it, where wanted a sum with another map, and a leaky ReLU.

    Args:
        layer: whose geometry is taken.
        weight: [out, in, kernel, kernel].
        bias: [out].
        slope: of the leaky ReLU below zero, ``None`` for no activation.
        dtype: that it runs in.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: nn.Conv2d, weight: Tensor, bias: Tensor, slope: float | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.slope = slope
        self.where = (layer.stride, layer.padding, layer.dilation)
        weight = weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias.detach().to(dtype), persistent=False)

    def forward(self, input: Tensor, added: Tensor | None = None) -> Tensor:
        """[B, in, H, W] -> [B, out, H / s, W / s]; ``added``, like it or one pixel, comes before the activation."""
        made = F.conv2d(input, self.weight, self.bias, *self.where)
        if added is not None:
            made.add_(added)
        return made if self.slope is None else F.leaky_relu_(made, self.slope)


def prepared(
    layer: nn.Conv2d, norm: nn.BatchNorm2d | None, slope: float | None, dtype: torch.dtype, tiled: bool = True
) -> nn.Module:
    """A convolution, the normalisation after it and a leaky ReLU, as the faster of two ways computes them.

    Args:
        layer: the convolution.
        norm: what it was trained with, ``None`` for nothing.
        slope: of the leaky ReLU below zero, ``None`` for no activation.
        dtype: that it runs in.
        tiled: whether its maps divide into tiles of 4 by 4 at its dilation.
    """
    weight = layer.weight.detach()
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach()
    if norm is not None:
        weight, bias = folded(weight, bias, norm)
    fits = tiled and layer.kernel_size == (3, 3) and layer.stride == (1, 1) and dtype == torch.float32
    if fits and min(weight.shape[:2]) >= FEWEST_CHANNELS <= max(weight.shape[:2]):
        return TiledConvolution(weight, bias, slope, dtype, layer.dilation[0])
    return DirectConvolution(layer, weight, bias, slope, dtype)


class PreparedBasicBlock(nn.Module):
    """:class:`BasicBlock`."""

    def __init__(self, block: BasicBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv1 = prepared(block.conv1, block.bn1, RELU, dtype)
        self.conv2 = prepared(block.conv2, block.bn2, RELU, dtype)
        self.shortcut: nn.Module = nn.Identity()
        if block.downsample is not None:
            self.shortcut = prepared(block.downsample[0], block.downsample[1], None, dtype)

    def forward(self, image: Tensor) -> Tensor:
        """As :meth:`BasicBlock.forward`."""
        return self.conv2(self.conv1(image), self.shortcut(image))


class PreparedPyramid(nn.Module):
    """:class:`DilationPyramid`."""

    def __init__(self, pyramid: DilationPyramid, dtype: torch.dtype) -> None:
        super().__init__()
        # their dilations leave hardly a tile, and much of what they see is the frame of zeros, which is skipped
        branches = [prepared(branch[-2], None, RELU, dtype, tiled=False) for branch in pyramid.convs]
        self.branches = nn.ModuleList(branches[:-1])
        # the picture's mean is projected once, not at every pixel
        layer = pyramid.project[0]
        weight = layer.weight.detach()
        none = weight.new_zeros(len(weight))
        of_maps, of_mean = weight.tensor_split([-pyramid.convs[-1][-2].out_channels], dim=1)
        self.project = DirectConvolution(layer, of_maps, none, RELU, dtype)
        self.mean = nn.Sequential(branches[-1], DirectConvolution(layer, of_mean, none, None, dtype))

    def forward(self, image: Tensor) -> Tensor:
        """As :meth:`DilationPyramid.forward`."""
        mean = self.mean(image.mean(dim=(2, 3), keepdim=True))
        return self.project(torch.cat([branch(image) for branch in self.branches], dim=1), mean)


def _prepared_resnet(network: ResNet, dtype: torch.dtype) -> nn.Sequential:
    stem = nn.Sequential(prepared(network.conv1, network.bn1, RELU, dtype), nn.MaxPool2d(3, stride=2, padding=1))
    stages = [getattr(network, f"layer{stage + 1}") for stage in range(len(network.config.widths))]
    return nn.Sequential(stem, *(nn.Sequential(*(PreparedBasicBlock(block, dtype) for block in s)) for s in stages))


def _prepared_deeplab(network: DeepLab, dtype: torch.dtype) -> nn.Sequential:
    pyramid, last = network.decoder
    return nn.Sequential(
        _prepared_resnet(network.encoder, dtype), PreparedPyramid(pyramid, dtype), prepared(last, None, None, dtype)
    )


def _prepared_transformer(
    patches: PatchEmbedding, blocks: Iterable[MixTransformerBlock], dtype: torch.dtype
) -> nn.Sequential:
    embedding = nn.Sequential(prepared(patches.proj, None, None, dtype), patches.norm)
    return nn.Sequential(embedding, *(PreparedBlock(block, dtype) for block in blocks), nn.PixelShuffle(2))


def _prepared_convolutions(
    layers: Sequence[nn.Conv2d], slopes: Sequence[float | None], dtype: torch.dtype
) -> nn.Sequential:
    return nn.Sequential(*(prepared(layer, None, slope, dtype) for layer, slope in zip(layers, slopes)))


class PreparedLowResolution(nn.Module):
    """:class:`LowResolutionTransformer`."""

    def __init__(self, network: LowResolutionTransformer, dtype: torch.dtype) -> None:
        super().__init__()
        self.transformer = _prepared_transformer(network.patch_embed, network.blocks, dtype)
        self.conv_after_upsample1 = prepared(network.conv_after_upsample1, None, RELU, dtype)
        self.conv_after_upsample2 = prepared(network.conv_after_upsample2, None, RELU, dtype)
        self.final_conv = prepared(network.final_conv, None, None, dtype)

    def forward(self, image: Tensor) -> Tensor:
        """As :meth:`LowResolutionTransformer.forward`."""
        image = self.conv_after_upsample1(enlarged(self.transformer(image)))
        return self.final_conv(self.conv_after_upsample2(enlarged(image)))


def _prepared_high_resolution(network: HighResolutionEncoder, dtype: torch.dtype) -> nn.Sequential:
    layers = [layer for layer in network.conv_layers if isinstance(layer, nn.Conv2d)]
    slopes = [None, *[SLOPE] * len(layers), None]
    return _prepared_convolutions([network.first, *layers, network.final], slopes, dtype)


class PreparedPredictor(nn.Module):
    """:class:`PlanePredictor`."""

    def __init__(self, network: PlanePredictor, dtype: torch.dtype) -> None:
        super().__init__()
        before = (network.first_conv, network.second_conv)
        after = (
            network.first_conv_after_cat,
            network.second_conv_after_cat,
            network.third_conv_after_cat,
            network.final_conv,
        )
        self.before = _prepared_convolutions(before, [SLOPE, SLOPE], dtype)
        self.transformer = _prepared_transformer(network.patch_embed, network.blocks, dtype)
        self.after = _prepared_convolutions(after, [SLOPE, SLOPE, SLOPE, None], dtype)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """As :meth:`PlanePredictor.forward`."""
        image = self.transformer(self.before(torch.cat([low, high], dim=1)))
        return self.after(torch.cat([image, low], dim=1))


class PreparedImageToPlane(nn.Module):
    """:class:`ImageToPlane` for inference on a CPU.

    Args:
        network: whose weights are taken, as they are now.
        dtype: that it runs in; what comes in and what goes out is float32.
    """

    def __init__(self, network: ImageToPlane, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.dtype = dtype
        self.low_reso_encoder = _prepared_deeplab(network.low_reso_encoder, dtype)
        self.low_reso_vit = PreparedLowResolution(network.low_reso_vit, dtype)
        self.high_reso_encoder = _prepared_high_resolution(network.high_reso_encoder, dtype)
        self.triplane_predictor_vit = PreparedPredictor(network.triplane_predictor_vit, dtype)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """As :meth:`ImageToPlane.forward`; the result is channels last."""
        image = with_coordinates(image).to(self.dtype).contiguous(memory_format=torch.channels_last)
        low = self.low_reso_vit(self.low_reso_encoder(image))
        return self.triplane_predictor_vit(low, self.high_reso_encoder(image)).float()
