"""Weighted sums of pixels, stated once and taken often: interpolation, tiles and their transformations.

A map in channels-last memory is a table of rows, one a pixel, and a sparse linear map over pixels is what
``embedding_bag`` computes: each row of the result is a weighted sum of some rows of the table, in one pass.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


class PixelSums:
    """A sparse linear map over rows.

    Args:
        sources: [..., K] which rows each row of the result is made of, in the order of the last axis' owners.
        weights: [..., K] of them; those of weight 0 are left out, whatever row they name.
        dtype: of the rows.
        device: of the rows.
    """

    def __init__(
        self, sources: NDArray[np.int64], weights: NDArray[np.float64], dtype: torch.dtype, device: torch.device
    ) -> None:
        sources, weights = np.broadcast_arrays(sources, weights)
        used = weights != 0
        ends = np.cumsum(used.reshape(-1, used.shape[-1]).sum(1))
        self._sources = torch.from_numpy(sources[used].astype(np.int32)).to(device)
        self._weights = torch.from_numpy(weights[used]).to(device, dtype)
        self._ends = torch.from_numpy(np.concatenate([[0], ends]).astype(np.int32)).to(device)

    def __call__(self, rows: Tensor) -> Tensor:
        """[S, C] -> [R, C]."""
        return F.embedding_bag(
            self._sources, rows, self._ends, mode="sum", per_sample_weights=self._weights, include_last_offset=True
        )


def interpolation(size: int, larger: int, align_corners: bool) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Linear interpolation along an axis, as ``torch.nn.functional.interpolate`` places it.

    Args:
        size: of the axis.
        larger: what it becomes.
        align_corners: whether the first and the last places stay where they are, or the outer borders of them.

    Returns:
        [larger, 2] places and weights.
    """
    index = np.arange(larger)
    place = index * ((size - 1) / (larger - 1)) if align_corners else (index + 0.5) * (size / larger) - 0.5
    place = np.clip(place, 0, size - 1)
    below = np.minimum(place.astype(np.int64), max(size - 2, 0))
    beyond = place - below
    return np.stack([below, np.minimum(below + 1, size - 1)], 1), np.stack([1 - beyond, beyond], 1)


def rows_of(image: Tensor) -> Tensor:
    """[B, C, H, W] -> [B * H * W, C], without a copy where the memory is channels-last."""
    return image.permute(0, 2, 3, 1).reshape(-1, image.shape[1])


def map_of(rows: Tensor, batch: int, height: int, width: int) -> Tensor:
    """[B * H * W, C] -> [B, C, H, W] in channels-last memory."""
    return rows.view(batch, height, width, -1).permute(0, 3, 1, 2)
