"""The torso model as it runs: the plain twin is :class:`backend.compositing.torso.TorsoModel`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backend.compositing.torso import (
    AppearanceExtractor,
    TorsoAppearance,
    TorsoLayer,
    TorsoModel,
    TorsoPasses,
    WarpedGenerator,
)
from backend.networks.packed_convolution import PackedConvolution, folded
from backend.networks.prepared_blocks import prepared, prepared_convolution
from backend.networks.prepared_motion import PreparedDenseMotion, gathered, neighbours


class PreparedAppearance(nn.Module):
    """An appearance extractor for inference, in float32: it runs once per photograph.

    Args:
        network: whose weights are taken.
    """

    def __init__(self, network: AppearanceExtractor) -> None:
        super().__init__()
        self.depth = network.depth
        self.in_conv = prepared(network.in_conv, torch.float32)
        self.down = prepared(network.down, torch.float32)
        self.mid_conv = prepared(network.mid_conv, torch.float32)
        self.res = prepared(network.res, torch.float32)

    def forward(self, picture: Tensor) -> Tensor:
        """[B, 3 + labels, size, size] -> [B, features, depth, h, h]."""
        flat = self.mid_conv(self.down(self.in_conv(picture)))
        return self.res(flat.unflatten(1, (-1, self.depth)))


class PreparedGenerator(nn.Module):
    """A generator for inference, for warps that keep every cell in its slice.

    Args:
        network: whose weights are taken.
        features: channels of the volume.
        dtype: of the hidden features; the volume, the warp and the picture are float32.
    """

    def __init__(self, network: WarpedGenerator, features: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        convolution, norm = network.in_conv.layers
        weight, bias = folded(convolution.weight, convolution.bias, norm)
        # the warp leaves the channels of a slice together, the published network the slices of a channel
        weight = weight.unflatten(1, (features, -1)).transpose(1, 2).flatten(1, 2)
        self.in_conv = prepared_convolution(weight, bias, network.in_conv.slope, dtype)
        self.mid_conv = prepared(network.mid_conv, dtype)
        self.res = prepared(network.res, dtype)
        self.up = prepared(network.up, dtype)
        self.out_conv = prepared(network.out_conv, dtype)

    def forward(self, features: Tensor, deformation: Tensor) -> tuple[Tensor, Tensor]:
        """Arguments and results as :meth:`WarpedGenerator.forward` has them."""
        warped = torch.stack([_warped(volume, places) for volume, places in zip(features, deformation)])
        hidden = self.up(self.res(self.mid_conv(self.in_conv(warped.to(self.dtype).movedim(-1, 1)))))
        return hidden, self.out_conv(hidden).float()


def _warped(volume: Tensor, places: Tensor) -> Tensor:
    """[C, D, h, h] sampled within its slices at places [D, h, h, 2 or more], edges carried on -> [h, h, D * C]."""
    channels, depth, height, width = volume.shape
    table = volume.movedim(0, -1).reshape(depth * height, width, channels)
    x, y = places[..., :2].movedim(0, 2).clamp(-1, 1).unbind(dim=-1)
    cell, weight = neighbours(y, height)
    cell = cell + torch.arange(0, depth * height, height, device=cell.device)[:, None]
    return gathered(table, (cell, weight), neighbours(x, width)).flatten(2)


class PreparedTorsoModel(TorsoPasses):
    """A torso model for inference.

    Args:
        network: whose weights are taken, as they are now and where they are.
        dtype: of what is computed per frame: float32, or bfloat16 for speed. What comes in is float32, what goes out
            too, but for the hidden features.
    """

    def __init__(self, network: TorsoModel, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = network.config
        self.dtype = dtype
        self.appearance_extractor = PreparedAppearance(network.appearance_extractor)
        self.motion_field_estimator = PreparedDenseMotion(network.motion_field_estimator, dtype)
        self.deform_based_generator = PreparedGenerator(
            network.deform_based_generator, network.config.motion.features, dtype
        )
        first, _, second, _, last, _ = network.occlusion_2_predictor
        hidden, seen = first.weight.split([network.config.width, 1], dim=1)
        self.alpha_hidden = PackedConvolution(hidden, first.bias, None, dtype)
        self.alpha_seen = PackedConvolution(seen, torch.zeros_like(first.bias), None, dtype)
        self.alpha_second = PackedConvolution(second.weight, second.bias, 0.0, dtype)
        self.alpha_last = PackedConvolution(last.weight, last.bias, None, dtype)

    @torch.no_grad()
    def appearance(self, torso_image: Tensor, segmap: Tensor) -> TorsoAppearance:
        """As :meth:`TorsoPasses.appearance`."""
        return super().appearance(torso_image, segmap)

    @torch.no_grad()
    def forward(
        self, cached: TorsoAppearance, kp_source: Tensor, kp_driving: Tensor, head_rgb: Tensor, head_weights: Tensor
    ) -> TorsoLayer:
        """As :meth:`TorsoPasses.forward`."""
        return super().forward(cached, kp_source, kp_driving, head_rgb, head_weights)

    def alpha(self, hidden: Tensor, seen: Tensor) -> Tensor:
        """As :meth:`TorsoPasses.alpha`."""
        made = self.alpha_hidden(hidden).add_(self.alpha_seen(seen.to(self.dtype))).relu_()
        return torch.sigmoid(self.alpha_last(self.alpha_second(made)).float())
