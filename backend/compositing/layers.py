"""Samples of many surfaces to one picture: nearest first along every ray, person over background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.nerf.volume_rendering import composite


@dataclass(frozen=True)
class Samples:
    """Where rays meet one surface, at most once a pixel.

    Args:
        pixel: [N] int64 index into the flat picture.
        depth: [N] metres along the camera's axis.
        colour: [N, 3] display-referred sRGB, 0..1.
        opacity: [N] 0..1.
    """

    pixel: Tensor
    depth: Tensor
    colour: Tensor
    opacity: Tensor


@dataclass(frozen=True)
class Layers:
    """Surfaces put together, not yet over a background.

    Args:
        rgb: [P, 3] premultiplied colour.
        alpha: [P] 0..1.
        depth: [P] metres, ``inf`` where alpha is below one half.
    """

    rgb: Tensor
    alpha: Tensor
    depth: Tensor


def merge(surfaces: Sequence[Samples], pixels: int) -> Layers:
    """Composite surfaces along the rays of a picture of so many pixels."""
    return merge_apart([surfaces], pixels)[0]


def merge_apart(parts: Sequence[Sequence[Samples]], pixels: int) -> tuple[Layers, ...]:
    """Composite the surfaces of several parts along the rays of a picture.

    Args:
        parts: the surfaces of each.
        pixels: of the picture.

    Returns:
        All together; then each part where the others do not hide it, which add up to the first.
    """
    surfaces = [(number, surface) for number, part in enumerate(parts) for surface in part]
    device = surfaces[0][1].depth.device
    covered = torch.zeros(pixels, dtype=torch.bool, device=device)
    for _, surface in surfaces:
        covered[surface.pixel] = True
    row = torch.cumsum(covered, 0) - 1
    rays = [row[surface.pixel] for _, surface in surfaces]
    size = (int(covered.sum()), len(surfaces))
    opacity, depth = torch.zeros(size, device=device), torch.full(size, torch.inf, device=device)
    for index, (_, surface) in enumerate(surfaces):
        opacity[rays[index], index], depth[rays[index], index] = surface.opacity, surface.depth
    weight = composite(opacity, depth)
    totals = torch.zeros(len(parts), pixels, 5, device=device)  # premultiplied colour, alpha, depth times alpha
    for index, (number, surface) in enumerate(surfaces):
        values = torch.cat([surface.colour, torch.ones_like(surface.depth)[:, None], surface.depth[:, None]], dim=1)
        totals[number].index_add_(0, surface.pixel, weight[rays[index], index, None] * values)
    return tuple(map(_averaged, (totals.sum(dim=0), *totals)))


def _averaged(total: Tensor) -> Layers:
    rgb, alpha, depth = total[:, :3], total[:, 3], total[:, 4]
    return Layers(rgb, alpha, torch.where(alpha >= 0.5, depth / alpha.clamp(min=1e-6), torch.inf))


def over(person: Layers, backdrop: Tensor | None) -> Tensor:
    """[P, 4] straight-alpha sRGB: the person over an opaque backdrop [P, 3], or alone."""
    if backdrop is not None:
        rgb = person.rgb + (1 - person.alpha)[:, None] * backdrop
        return torch.cat([rgb, torch.ones_like(rgb[:, :1])], dim=1)
    rgb = person.rgb / person.alpha.clamp(min=1e-4)[:, None]
    return torch.cat([rgb, person.alpha[:, None]], dim=1)


def to_bytes(picture: Tensor, height: int, width: int) -> NDArray[np.uint8]:
    """[P, C] in 0..1 -> [H, W, C] uint8."""
    return (picture.clamp(0, 1) * 255 + 0.5).to(torch.uint8).reshape(height, width, -1).cpu().numpy()


def cover(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A picture [h, w, 3] scaled to fill [height, width, 3], its longer side cropped evenly."""
    scale = max(height / picture.shape[0], width / picture.shape[1])
    size = (max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])
