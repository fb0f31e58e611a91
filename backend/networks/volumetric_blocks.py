"""Convolution blocks of first-order motion models, over maps [B, C, H, W] or volumes [B, C, D, H, W].

Volumes are as deep at the end of a block as at its start: only height and width are halved or doubled. Attribute names
are those of the published state dicts, in which every block is a sequence ``layers``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpectralNormConv2d(nn.Module):
    """A convolution whose weight is divided by its largest singular value, u^T W v, as u and v were left by training.

    Miyato et al. 2018, without the power iteration: u and v are constants here. Parameters and buffers are named as
    ``torch.nn.utils.spectral_norm`` names them.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: side of the kernel, odd; the output is as large as the input.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        drawn = nn.Conv2d(inputs, outputs, kernel)
        self.bias = drawn.bias
        self.weight_orig = drawn.weight
        self.register_buffer("weight_u", torch.randn(outputs))
        self.register_buffer("weight_v", torch.randn(inputs * kernel * kernel))

    @property
    def weight(self) -> Tensor:
        """[outputs, inputs, kernel, kernel] W / (u^T W v)."""
        return self.weight_orig / (self.weight_u @ (self.weight_orig.flatten(1) @ self.weight_v))

    def forward(self, input: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]."""
        return F.conv2d(input, self.weight, self.bias, padding=self.weight_orig.shape[-1] // 2)


def convolution(dimensions: int, inputs: int, outputs: int, kernel: int, spectral: bool = False) -> nn.Module:
    """A convolution that keeps the size, with a bias; spectral normalisation is known for maps only."""
    if spectral:
        return SpectralNormConv2d(inputs, outputs, kernel)
    layer = nn.Conv3d if dimensions == 3 else nn.Conv2d
    return layer(inputs, outputs, kernel, padding=kernel // 2)


def normalisation(dimensions: int, channels: int) -> nn.Module:
    """Batch normalisation of maps or volumes."""
    return nn.BatchNorm3d(channels) if dimensions == 3 else nn.BatchNorm2d(channels)


class ConvolutionNorm(nn.Module):
    """Convolution, batch normalisation, leaky ReLU: [B, inputs, ...] -> [B, outputs, ...], as large.

    Args:
        dimensions: 2 for maps, 3 for volumes.
        inputs: channels.
        outputs: channels.
        kernel: side of the kernel, odd.
        slope: of the leaky ReLU below zero.
        spectral: whether the convolution's weight is normalised too.
    """

    def __init__(
        self, dimensions: int, inputs: int, outputs: int, kernel: int, slope: float = 0.0, spectral: bool = False
    ) -> None:
        super().__init__()
        self.slope = slope
        self.layers = nn.Sequential(
            convolution(dimensions, inputs, outputs, kernel, spectral), normalisation(dimensions, outputs)
        )

    def forward(self, input: Tensor) -> Tensor:
        """[B, inputs, ...] -> [B, outputs, ...]."""
        return F.leaky_relu(self.layers(input), self.slope)


class NormConvolution(nn.Module):
    """Batch normalisation, ReLU, 3x3 convolution: [B, channels, ...] -> the same shape."""

    def __init__(self, dimensions: int, channels: int, spectral: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            normalisation(dimensions, channels), nn.ReLU(), convolution(dimensions, channels, channels, 3, spectral)
        )

    def forward(self, input: Tensor) -> Tensor:
        """[B, channels, ...] -> [B, channels, ...]."""
        return self.layers(input)


class Residual(nn.Module):
    """Two pre-activated convolutions added to their input: [B, channels, ...] -> the same shape."""

    def __init__(self, dimensions: int, channels: int, spectral: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(NormConvolution(dimensions, channels, spectral) for _ in range(2)))

    def forward(self, input: Tensor) -> Tensor:
        """[B, channels, ...] -> [B, channels, ...]."""
        return input + self.layers(input)


class Down(nn.Module):
    """3x3 convolution block, then half the height and width by averaging."""

    def __init__(self, dimensions: int, inputs: int, outputs: int) -> None:
        super().__init__()
        pool = nn.AvgPool3d((1, 2, 2)) if dimensions == 3 else nn.AvgPool2d(2)
        self.layers = nn.Sequential(ConvolutionNorm(dimensions, inputs, outputs, 3), pool)

    def forward(self, input: Tensor) -> Tensor:
        """[B, inputs, (D,) H, W] -> [B, outputs, (D,) H / 2, W / 2]."""
        return self.layers(input)


class Up(nn.Module):
    """Twice the height and width by repeating pixels, then a 3x3 convolution block."""

    def __init__(self, dimensions: int, inputs: int, outputs: int, spectral: bool = False) -> None:
        super().__init__()
        factors = (1.0, 2.0, 2.0) if dimensions == 3 else (2.0, 2.0)
        self.layers = nn.Sequential(
            nn.Upsample(scale_factor=factors), ConvolutionNorm(dimensions, inputs, outputs, 3, spectral=spectral)
        )

    def forward(self, input: Tensor) -> Tensor:
        """[B, inputs, (D,) H, W] -> [B, outputs, (D,) 2 H, 2 W]."""
        return self.layers(input)
