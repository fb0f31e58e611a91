"""Synthesis blocks of StyleGAN2 without noise: convolutions modulated by a style.

Formulae: Karras et al. 2020, sections 2.2 (modulation, demodulation) and 4.2 (pictures summed over resolutions).
A modulated convolution multiplies its weight by a style per input channel and divides it by its norm per output
channel.

Attribute names are those of the published state dicts; ``noise_const`` and ``noise_strength`` only keep their place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
# the activation's gain: keeps the variance of what a leaky ReLU halves
GAIN = 2**0.5
DEMODULATION_EPSILON = 1e-8


def resample_filter() -> Tensor:
    """[4, 4] the binomial low-pass filter of every resampling, sum 1."""
    row = (0.125, 0.375, 0.375, 0.125)
    return torch.tensor([[down * across for across in row] for down in row])


def enlarged(picture: Tensor, kernel: Tensor) -> Tensor:
    """Twice the size: zeros between the pixels, then a low-pass filter; zeros beyond the edges.

    Args:
        picture: [B, C, H, W].
        kernel: [4, 4] of sum 1.

    Returns:
        [B, C, 2 H, 2 W].
    """
    channels = picture.shape[1]
    kernels = (kernel * 4).to(picture.dtype).expand(channels, 1, 4, 4)
    return F.conv_transpose2d(picture, kernels, stride=2, padding=1, groups=channels)


class EqualisedLinear(nn.Module):
    """A linear layer whose stored weight has unit variance: the gain 1 / sqrt(inputs) is applied at run time."""

    def __init__(self, inputs: int, outputs: int, bias: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.full((outputs,), bias))

    def forward(self, input: Tensor) -> Tensor:
        """[B, inputs] -> [B, outputs]."""
        return F.linear(input, self.weight * self.weight.shape[1] ** -0.5, self.bias)


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, bias, leaky ReLU times sqrt 2.

    Args:
        inputs: channels.
        outputs: channels.
        style: length of the style vector.
        size: height and width of the output.
        enlarge: whether the output is twice as large as the input.
    """

    noise_const: Tensor
    resample_filter: Tensor

    def __init__(self, inputs: int, outputs: int, style: int, size: int, enlarge: bool) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.affine = EqualisedLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.zeros(size, size))
        self.register_buffer("resample_filter", resample_filter())

    def demodulation(self, modulation: Tensor) -> Tensor:
        """[B, in] factors of the input channels -> [B, out] one over the norm of each modulated kernel."""
        return torch.rsqrt(modulation**2 @ self.weight.square().sum(dim=(2, 3)).T + DEMODULATION_EPSILON)

    def forward(self, input: Tensor, style: Tensor) -> Tensor:
        """[B, in, H, W], style [B, style] -> [B, out, H, W], twice as large if this layer enlarges."""
        modulation = self.affine(style)
        modulated = input * modulation[:, :, None, None]
        if self.enlarge:
            made = F.conv_transpose2d(modulated, self.weight.transpose(0, 1), stride=2)
            kernels = (self.resample_filter * 4).expand(made.shape[1], 1, 4, 4)
            made = F.conv2d(made, kernels, padding=1, groups=made.shape[1])
        else:
            made = F.conv2d(modulated, self.weight, padding=1)
        made = made * self.demodulation(modulation)[:, :, None, None] + self.bias[:, None, None]
        return F.leaky_relu(made, SLOPE) * GAIN

    def folded(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """Weight [out, in, 3, 3] and bias [out] of the plain convolution at a style [style], the gain included."""
        modulation = self.affine(style[None])
        scale = self.demodulation(modulation)[0, :, None] * modulation * GAIN
        return self.weight * scale[:, :, None, None], self.bias * GAIN


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to a picture, not demodulated, without activation."""

    def __init__(self, inputs: int, style: int) -> None:
        super().__init__()
        self.affine = EqualisedLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def modulation(self, style: Tensor) -> Tensor:
        """[B, style] -> [B, in] factors of the input channels, with the gain 1 / sqrt(in)."""
        return self.affine(style) * self.weight.shape[1] ** -0.5

    def forward(self, input: Tensor, style: Tensor) -> Tensor:
        """[B, in, H, W], style [B, style] -> [B, 3, H, W]."""
        return F.conv2d(input * self.modulation(style)[:, :, None, None], self.weight, self.bias)

    def folded(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """Weight [3, in, 1, 1] and bias [3] of the plain convolution at a style [style]."""
        return self.weight * self.modulation(style[None])[:, :, None, None], self.bias


class SynthesisBlock(nn.Module):
    """Two layers and what they add to the picture.

    Args:
        inputs: channels.
        outputs: channels.
        style: length of the style vector.
        size: height and width of the output.
        enlarge: whether the output is twice as large as the input.
    """

    resample_filter: Tensor

    def __init__(self, inputs: int, outputs: int, style: int, size: int, enlarge: bool = True) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.register_buffer("resample_filter", resample_filter())
        self.conv0 = SynthesisLayer(inputs, outputs, style, size, enlarge)
        self.conv1 = SynthesisLayer(outputs, outputs, style, size, enlarge=False)
        self.torgb = ToRGB(outputs, style)

    def forward(self, input: Tensor, rgb: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """One block.

        Args:
            input: [B, in, H, W].
            rgb: [B, 3, H, W].
            style: [B, style].

        Returns:
            [B, out, H', W'] features, [B, 3, H', W'] picture; H' = 2 H if the block enlarges, else H.
        """
        made = self.conv1(self.conv0(input, style), style)
        if self.enlarge:
            rgb = enlarged(rgb, self.resample_filter)
        return made, rgb + self.torgb(made, style)
