"""What goes over the slices of tri-grids before they are rendered, so that neighbours in depth know of each other.

Facts: ``shared/reference/seed_systems.md`` section 1.2; attribute names follow the published state dict.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class PlaneToGridConfig:
    """Sizes; the defaults are the published ones.

    Args:
        channels: of a plane, a multiple of ``groups``.
        depth: slices of a plane.
        groups: of the group norms.
    """

    channels: int = 32
    depth: int = 3
    groups: int = 4

    @property
    def blocks(self) -> int:
        """As many as it takes that every slice knows of all: one reaches two slices to either side."""
        return 1 if self.depth <= 3 else 2


class SliceNorm(nn.GroupNorm):
    """Group normalisation of volumes, given as maps in which the slices of every channel follow one another."""

    def forward(self, input: Tensor) -> Tensor:
        """[B, C * D, H, W] -> the same shape."""
        depth = input.shape[1] // self.num_channels
        weight, bias = (x.repeat_interleave(depth) for x in (self.weight, self.bias))
        return F.group_norm(input, self.num_groups, weight, bias, self.eps)


class SliceConvolution(nn.Conv3d):
    """A 3x3x3 convolution of volumes whose borders go on, given as maps as of :class:`SliceNorm`.

    So few slices are better channels than an axis: a convolution of maps takes a tenth of the time.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3)

    def forward(self, input: Tensor) -> Tensor:
        """[B, C * D, H, W] -> the same shape."""
        depth = input.shape[1] // self.in_channels
        # [tap, slice given, slice taken]
        index = torch.arange(depth, device=input.device)
        seen = (index + torch.arange(-1, 2, device=input.device)[:, None]).clamp(0, depth - 1)
        taken = (seen[..., None] == index).to(self.weight.dtype)
        kernels = torch.einsum("oityx,tde->odieyx", self.weight, taken).flatten(2, 3).flatten(0, 1)
        around = F.pad(input, (1, 1, 1, 1), mode="replicate").contiguous(memory_format=torch.channels_last)
        bias = None if self.bias is None else self.bias.repeat_interleave(depth)
        return F.conv2d(around, kernels.contiguous(memory_format=torch.channels_last), bias)


class GridBlock(nn.Module):
    """Two convolutions, a norm and a rectifier before each, whose small share is added."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = SliceNorm(groups, channels)
        self.conv1 = SliceConvolution(channels)
        self.norm2 = SliceNorm(groups, channels)
        self.conv2 = SliceConvolution(channels)
        self.alpha = nn.Parameter(torch.tensor([0.01]))

    def forward(self, maps: Tensor) -> Tensor:
        """[B, channels * D, H, W] -> the same shape."""
        inner = self.conv1(F.relu(self.norm1(maps)))
        return maps + self.alpha * self.conv2(F.relu(self.norm2(inner)))


class PlaneToGrid(nn.Module):
    """The same blocks over each of the three planes."""

    def __init__(self, config: PlaneToGridConfig) -> None:
        super().__init__()
        self.res_blocks_3d = nn.Sequential(*(GridBlock(config.channels, config.groups) for _ in range(config.blocks)))

    def forward(self, planes: Tensor) -> Tensor:
        """[B, 3, channels * depth, H, W], slice by slice of every channel -> the same shape."""
        return self.res_blocks_3d(planes.flatten(0, 1)).unflatten(0, planes.shape[:2])
