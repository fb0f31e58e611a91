"""3x3 convolutions with half the multiplications, over maps in channels-last memory.

Winograd's minimal filtering F(4, 3) along the height alone: four rows of the output come from six rows of the input,
combined into six maps, each convolved with a kernel of one row, and the six results combined into the four rows. So a
3x3 convolution, twelve 1x3 convolutions for four rows, becomes six. Along one axis the combinations cost little and
lose nothing that float32 shows: with the points 0, +-1/sqrt 2, +-sqrt 2 and infinity the error is that of the direct
sum (with the usual 0, +-1, +-2 it is half as much again), and three times it in bfloat16.
Lavin and Gray 2016; the construction from points is Toom's and Cook's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOW, HIGH = 0.5**0.5, 2**0.5
# rows that a tile takes in and gives, and multiplications for them
TAPS, TAKEN, GIVEN = 3, 6, 4
# elements of one transformed map at a time: six of them and six results stay in the last level of cache
STRIP = 1 << 20
# fewer input channels than this, and the combinations cost more than the multiplications that they save
FEWEST_INPUTS = 48


def _points() -> Tensor:
    """[4, 6] powers 0 to 3 of the points, infinity last, over the scale that each product carries."""
    points = torch.tensor([0.0, LOW, -LOW, HIGH, -HIGH], dtype=torch.float64)
    powers = torch.stack([points**power for power in range(GIVEN)])
    at_infinity = torch.tensor([[0.0], [0.0], [0.0], [1.0]], dtype=torch.float64)
    return torch.cat([powers / torch.tensor([1.0, LOW, LOW, 2.0, 2.0]), at_infinity], dim=1)


def _kernel_transform() -> Tensor:
    """[6, 3] three taps to the kernels of the six products: values at the points over Lagrange's denominators."""
    points = [0.0, LOW, -LOW, HIGH, -HIGH]
    rows = []
    for point, scale in zip(points, (1.0, LOW, LOW, 2.0, 2.0)):
        denominator = 1.0
        for other in points:
            denominator *= point - other if other != point else 1.0
        rows.append([scale * point**power / denominator for power in range(TAPS)])
    return torch.tensor([*rows, [0.0, 0.0, 1.0]], dtype=torch.float64)


class WinogradConvolution(nn.Module):
    """A 3x3 convolution that keeps the size, and a leaky ReLU after it.

    Args:
        weight: [out, in, 3, 3].
        bias: [out].
        slope: of the leaky ReLU below zero, ``None`` for no activation.
        dtype: that it runs in; the kernels are transformed in float64.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, slope: float | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.slope = slope
        kernels = torch.einsum("kr,oirs->kosi", _kernel_transform().to(weight.device), weight.detach().double())
        # the products whose combination is one everywhere: so the bias needs no pass of its own
        ones = torch.linalg.pinv(_points()).sum(dim=1).to(bias.device)
        # [6, out, in, 1, 3], channels last: any other order would be rearranged at every call
        kernels = kernels.to(dtype).contiguous()[:, :, None].permute(0, 1, 4, 2, 3)
        self.register_buffer("weight", kernels, persistent=False)
        self.register_buffer("bias", (ones[:, None] * bias.detach().double()).to(dtype), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, H, W] channels last; fastest where H is a multiple of 4."""
        batch, channels, height, width = input.shape
        if height % GIVEN:
            return self(F.pad(input, (0, 0, 0, -height % GIVEN)))[:, :, :height]
        outputs = self.weight.shape[1]
        source = input.permute(0, 2, 3, 1).contiguous()
        out = input.new_empty(batch, height, width, outputs)
        rows = GIVEN * max(1, min(height // GIVEN, STRIP // (width * max(channels, outputs))))
        taken = input.new_empty(TAKEN + 2, rows // GIVEN, width, channels)
        sums = input.new_empty(2, rows // GIVEN, width, outputs)
        for picture, made in zip(source, out):
            for top in range(0, height, rows):
                strip = made[top : top + rows]
                tiles = strip.shape[0] // GIVEN
                self._convolve(_rows(picture, top - 1, top + len(strip) + 1), taken[:, :tiles], sums[:, :tiles], strip)
                if self.slope is not None:
                    F.leaky_relu_(strip, self.slope)
        return out.permute(0, 3, 1, 2)

    def _convolve(self, source: Tensor, taken: Tensor, sums: Tensor, out: Tensor) -> None:
        """Rows [4 T + 2, W, in] -> rows [4 T, W, out]; memory to work in: [8, T, W, in] and [2, T, W, out]."""
        tiles = taken.shape[1]
        d0, d1, d2, d3, d4, d5 = (source[row : row + GIVEN * (tiles - 1) + 1 : GIVEN] for row in range(TAKEN))
        v0, v1, v2, v3, v4, v5, even, odd = taken
        torch.add(d0, d4, out=v0).sub_(d2, alpha=2.5)
        torch.sub(d4, d2, alpha=HIGH**2, out=even)
        torch.sub(d3, d1, alpha=HIGH**2, out=odd)
        torch.add(even, odd, alpha=LOW, out=v1)
        torch.sub(even, odd, alpha=LOW, out=v2)
        torch.sub(d4, d2, alpha=LOW**2, out=even)
        torch.sub(d3, d1, alpha=LOW**2, out=odd)
        torch.add(even, odd, alpha=HIGH, out=v3)
        torch.sub(even, odd, alpha=HIGH, out=v4)
        torch.add(d1, d5, out=v5).sub_(d3, alpha=2.5)
        m0, m1, m2, m3, m4, m5 = (
            F.conv2d(v.permute(2, 0, 1)[None], kernel, bias, padding=(0, 1))[0].permute(1, 2, 0)
            for v, kernel, bias in zip(taken, self.weight, self.bias)
        )
        low_sum, low_difference = torch.add(m1, m2, out=sums[0]), m1.sub_(m2)
        high_sum, high_difference = torch.add(m3, m4, out=sums[1]), m3.sub_(m4)
        y0, y1, y2, y3 = out.unflatten(0, (tiles, GIVEN)).unbind(1)
        torch.add(m0, low_sum, alpha=1 / LOW, out=y0).add_(high_sum, alpha=1 / 2)
        torch.add(low_difference, high_difference, alpha=HIGH / 2, out=y1)
        torch.add(high_sum, low_sum, alpha=LOW**2 / LOW, out=y2)
        torch.add(m5, low_difference, alpha=LOW**2, out=y3).add_(high_difference, alpha=HIGH**3 / 2)


class DirectConvolution(nn.Module):
    """A 3x3 convolution that keeps the size, and a leaky ReLU after it, as the device's library computes it.

    Args: those of :class:`WinogradConvolution`.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, slope: float | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.slope = slope
        weight = weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias.detach().to(dtype), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, H, W]."""
        made = F.conv2d(input, self.weight, self.bias, padding=1)
        return made if self.slope is None else F.leaky_relu_(made, self.slope)


def convolution3x3(weight: Tensor, bias: Tensor, slope: float | None, dtype: torch.dtype) -> nn.Module:
    """The faster of the two convolutions; GPU libraries bring a Winograd of their own.

    Args: those of :class:`WinogradConvolution`.
    """
    winograd = weight.device.type == "cpu" and weight.shape[1] >= FEWEST_INPUTS
    return (WinogradConvolution if winograd else DirectConvolution)(weight, bias, slope, dtype)


def _rows(picture: Tensor, first: int, last: int) -> Tensor:
    """[last - first, W, C] rows of a picture, zeros beyond its edges."""
    height = picture.shape[0]
    inside = picture[max(first, 0) : min(last, height)]
    if len(inside) == last - first:
        return inside
    return F.pad(inside, (0, 0, 0, 0, max(-first, 0), max(last - height, 0)))
