"""Super-resolution as it runs: what is fixed in :mod:`backend.compositing.super_resolution` is folded.

Beside the style's modulation: the torso's 1x1 encoder goes into the 3x3 convolution after it, so that this takes the
torso's few channels instead of many (the encoder's bias becomes one more channel, the torso's opacity). And the first
convolution of the last fusion being 1x1, background and person pass through it apart and are blended after it, in a
quarter of the channels; the background's half is done once per background.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.compositing.prepared_torso import PreparedTorsoModel
from backend.compositing.super_resolution import (
    Background,
    Composed,
    HeadSuperResolution,
    SuperResolution,
    person_opacity,
    resized,
)
from backend.compositing.torso import TorsoAppearance, TorsoLayer
from backend.networks.fixed_style import FixedStyleBlock, pointwise
from backend.networks.prepared_blocks import prepared_convolution

SLOPE = 0.01


def _laid(features: Tensor, dtype: torch.dtype) -> Tensor:
    """In a type and channels last."""
    return features.to(dtype).contiguous(memory_format=torch.channels_last)


def _parameters(layers: nn.Sequential) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of every convolution in turn."""
    return [
        (layer.weight.detach(), layer.bias.detach())
        for layer in layers
        if isinstance(layer, nn.Conv2d) and layer.bias is not None
    ]


def _convolutions(parameters: Sequence[tuple[Tensor, Tensor]], dtype: torch.dtype) -> nn.Sequential:
    """3x3 convolutions with a leaky ReLU between each two."""
    slopes = [SLOPE] * (len(parameters) - 1) + [None]
    return nn.Sequential(*(prepared_convolution(*layer, slope, dtype) for layer, slope in zip(parameters, slopes)))


class PreparedHeadSuperResolution(nn.Module):
    """A head alone, for inference.

    Args:
        network: whose weights are taken, as they are now and where they are.
        dtype: of the features.
    """

    def __init__(self, network: HeadSuperResolution, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = network.config
        style = network.block0.conv0.weight.new_ones(network.config.style)
        self.block0 = FixedStyleBlock(network.block0, style, dtype)
        self.block1 = FixedStyleBlock(network.block1, style, dtype)
        self.dtype = dtype

    @torch.no_grad()
    def forward(self, features: Tensor) -> Tensor:
        """As :meth:`HeadSuperResolution.forward`; float32."""
        return self.block1(*self.block0(_laid(features, self.dtype), features[:, :3]))[1]


class PreparedSuperResolution(nn.Module):
    """Head over torso over background, for inference.

    Args:
        network: whose weights are taken, as they are now and where they are.
        dtype: of the features; what comes in and what goes out is float32.
    """

    def __init__(self, network: SuperResolution, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = network.config
        self.dtype = dtype
        wide = network.config.widths[0]
        style = network.block0.conv0.weight.new_ones(network.config.style)
        self.torso_model = PreparedTorsoModel(network.torso_model, dtype)
        self.block0 = FixedStyleBlock(network.block0, style, dtype)
        self.head_torso_block = FixedStyleBlock(network.head_torso_block, style, dtype)
        self.block1 = FixedStyleBlock(network.block1, style, dtype)
        self.bg_encoder = _convolutions(_parameters(network.bg_encoder), dtype)
        ((encoder, offset),) = _parameters(network.torso_encoder)
        (first, bias), second = _parameters(network.fuse_head_torso_convs)
        head, torso = first.double().split(wide, dim=1)
        encoded = torch.einsum("omrs,mi->oirs", torso, encoder.double()[:, :, 0, 0])
        offset = torch.einsum("omrs,m->ors", torso, offset.double())[:, None]
        self.fuse_head_torso = _convolutions([(torch.cat([head, encoded, offset], dim=1), bias), second], dtype)
        (narrow, bias), *wider = _parameters(network.fuse_fg_bg_convs)
        person, background = narrow.split(wide, dim=1)
        self.narrow_person = pointwise(person, bias, dtype)
        self.narrow_background = pointwise(background, bias, dtype)
        self.fuse_fg_bg = _convolutions(wider, dtype)

    @torch.no_grad()
    def background(self, picture: Tensor) -> Background:
        """[B, 3, H, W] -1..1 -> what is kept of it: a quarter of what :meth:`SuperResolution.background` keeps."""
        rgb = resized(picture, self.config.fused_size)
        return Background(rgb, self.narrow_background(self.bg_encoder(_laid(rgb, self.dtype))))

    @torch.no_grad()
    def forward(
        self,
        features: Tensor,
        weights: Tensor,
        torso: TorsoAppearance,
        background: Background,
        kp_source: Tensor,
        kp_driving: Tensor,
    ) -> Composed:
        """One frame, as :meth:`SuperResolution.forward`, with a background of this object's."""
        raw, alpha = (resized(picture, self.config.fused_size) for picture in (features[:, :3], weights))
        layer = self.torso_model(torso, kp_source, kp_driving, raw, alpha)
        return self.composed(features, weights, layer, background)

    @torch.no_grad()
    def composed(self, features: Tensor, weights: Tensor, torso: TorsoLayer, background: Background) -> Composed:
        """The frame from a painted torso; arguments and result as :meth:`forward` has them."""
        head = resized(weights, self.config.fused_size)
        person = person_opacity(head, torso.alpha, self.config.threshold)
        made, rgb = self.block0(_laid(features, self.dtype), features[:, :3])
        made = self.fuse_head_torso(self._weighted(made, _laid(torso.hidden, self.dtype), head))
        made, rgb = self.head_torso_block(made, torch.lerp(torso.rgb, rgb, head))
        made = torch.lerp(background.features, self.narrow_person(made), person.to(self.dtype))
        made = self.fuse_fg_bg(F.leaky_relu_(made, SLOPE))
        return Composed(self.block1(made, torch.lerp(background.rgb, rgb, person))[1], person, head)

    def _weighted(self, head: Tensor, torso: Tensor, alpha: Tensor) -> Tensor:
        """[B, wide + narrow + 1, S, S] head times its opacity, torso times the rest, the rest."""
        batch, wide, height, width = head.shape
        opacity, rest = alpha.to(self.dtype), (1 - alpha).to(self.dtype)
        joined = head.new_empty(batch, height, width, wide + torso.shape[1] + 1).permute(0, 3, 1, 2)
        torch.mul(head, opacity, out=joined[:, :wide])
        torch.mul(torso, rest, out=joined[:, wide:-1])
        joined[:, -1:] = rest
        return joined
