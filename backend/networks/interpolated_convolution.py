"""A 3x3 convolution of a map that bilinear interpolation has enlarged, without ever making the enlarged map.

Both are linear, so they change places: the nine taps multiply the small map, a quarter as many multiplications at twice
the size, and what they give is interpolated and added, first along the width and then along the height.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .packed_convolution import PackedConvolution
from .pixel_sums import PixelSums, interpolation, rows_of

STRIP = 12 << 20  # bytes of the taps' products at a time: they stay in cache


class InterpolatedConvolution(nn.Module):
    """``conv3x3(interpolate(image, scale_factor=scale, mode="bilinear", align_corners=True))``, for inference.

    Args:
        weight: [out, in, 3, 3].
        bias: [out].
        scale: of the interpolation.
        dtype: that it runs in.
    """

    def __init__(self, weight: Tensor, bias: Tensor, scale: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.scale = scale
        self.outputs = len(bias)
        self.interchanged = weight.device.type == "cpu"
        if self.interchanged:
            # all taps at every pixel: across, down, output. The middle tap's weights add up to 1 wherever it is taken
            taps = weight.permute(3, 2, 0, 1)
            shifts = torch.zeros(3, 3, self.outputs, dtype=bias.dtype)
            shifts[1, 1] = bias.detach()
            self.taps = PackedConvolution(taps.flatten(0, 2)[..., None, None], shifts.flatten(), None, dtype)
        else:
            self.convolution = PackedConvolution(weight, bias, None, dtype)

    def forward(self, image: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, scale * H, scale * W] in channels-last memory."""
        if not self.interchanged:
            enlarged = F.interpolate(image, scale_factor=self.scale, mode="bilinear", align_corners=True)
            return self.convolution(enlarged)
        batch, _, height, width = image.shape
        made = image.new_empty(batch, self.scale * height, self.scale * width, self.outputs)
        step = max(1, STRIP // (9 * self.outputs * width * image.element_size())) * self.scale
        for picture, result in zip(image.split(1), made, strict=True):
            for first in range(0, len(result), step):
                end = min(first + step, len(result))
                sums = _sums(height, width, self.scale, first, end, image.dtype)
                taps = rows_of(self.taps(picture[:, :, sums.begin : sums.end]))  # [h * w, 3 * 3 * out]
                columns = sums.across(taps.view(-1, 3 * self.outputs))  # [h * scale * w, 3 * out]
                result[first:end] = sums.down(columns.view(-1, self.outputs)).view(end - first, -1, self.outputs)
        return made.permute(0, 3, 1, 2)


class _Sums:
    """What rows ``first`` to ``last`` of the result are made of, within rows ``begin`` to ``end`` of the small map."""

    def __init__(self, height: int, width: int, scale: int, first: int, last: int, dtype: torch.dtype) -> None:
        rows, shares = _taps(height, scale)
        rows, shares = rows[first:last], shares[first:last]
        used = rows[shares != 0]
        self.begin, self.end = int(used.min()), int(used.max()) + 1
        columns, parts = _taps(width, scale)
        tap = np.arange(3)[:, None]
        cpu = torch.device("cpu")
        # [h, X, tap, 2]
        h = np.arange(self.end - self.begin)[:, None, None, None]
        sources = (h * width + columns) * 3 + tap
        self.across = PixelSums(_joined(sources), _joined(np.broadcast_to(parts, sources.shape)), dtype, cpu)
        # [Y, X, tap, 2]
        x = np.arange(scale * width)[:, None, None]
        sources = ((rows[:, None] - self.begin) * (scale * width) + x) * 3 + tap
        self.down = PixelSums(_joined(sources), _joined(np.broadcast_to(shares[:, None], sources.shape)), dtype, cpu)


def _joined(values: np.ndarray) -> np.ndarray:
    """[a, b, tap, 2] -> [a, b, tap * 2]."""
    return values.reshape(*values.shape[:2], -1)


_sums = lru_cache(maxsize=64)(_Sums)


def _taps(size: int, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """[scale * size, 3, 2] places of an axis that three taps see at each place of the enlarged one, and weights."""
    places, weights = interpolation(size, scale * size, align_corners=True)
    seen = np.arange(scale * size)[:, None] + np.arange(-1, 2)
    inside = (seen >= 0) & (seen < scale * size)
    seen = seen.clip(0, scale * size - 1)
    return places[seen], weights[seen] * inside[..., None]
