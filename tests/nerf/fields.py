"""Small fields to render: a random one, a body opaque inside and empty outside as training makes them, and a camera."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from backend.nerf.feature_field import FeatureField, FeatureFieldConfig
from backend.nerf.rays import camera_label

SMALL = FeatureFieldConfig(channels=8, hidden=16, features=8)


def random_field(config: FeatureFieldConfig = SMALL, seed: int = 0) -> FeatureField:
    generator = torch.Generator().manual_seed(seed)
    field = FeatureField(config)
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return field


def random_planes(depth: int = 1, side: int = 12, channels: int = SMALL.channels, seed: int = 1) -> Tensor:
    """[1, 3, C * D, side, side]"""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, channels * depth, side, side, generator=generator) * 3


def ellipsoid(radii: tuple[float, float, float] = (0.22, 0.3, 0.26), side: int = 64) -> tuple[Tensor, FeatureField]:
    """Planes and field of a solid: sigma is -8 outside and some hundreds within; colours are random and smooth."""
    field = random_field()
    with torch.no_grad():
        for layer in (field.net[0], field.net[2]):
            layer.weight[0], layer.bias[0] = 0, 0
        field.net[0].weight[1:, 0] = field.net[2].weight[1:, 0] = 0
        field.net[0].weight[0, 0] = 40 * math.sqrt(SMALL.channels)  # hidden unit 0: softplus(40 * shape)
        field.net[2].weight[0, 0] = 8 * math.sqrt(SMALL.hidden)
        field.net[2].bias[0] = -8
    places = (torch.arange(side) + 0.5) / side - 0.5
    row, column = torch.meshgrid(places, places, indexing="ij")
    planes = torch.nn.functional.interpolate(random_planes()[0] / 6, (side, side), mode="bilinear")[None]
    planes[0, :, 0] = 0
    planes[0, 0, 0] = 3 * (1 - (column / radii[0]) ** 2 - (row / radii[1]) ** 2)  # x across, y down
    planes[0, 1, 0] = -3 * (row / radii[2]) ** 2  # z down
    return planes, field


def facing(distance: float = 2.7, focal_length: float = 4.2647) -> Tensor:
    """[1, 25] A camera on the z axis that looks at the origin."""
    pose = torch.diag(torch.tensor([1.0, -1, -1, 1]))[None]
    pose[0, 2, 3] = distance
    return camera_label(pose, torch.tensor([[[focal_length, 0, 0.5], [0, focal_length, 0.5], [0, 0, 1]]]))
