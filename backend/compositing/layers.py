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


def merge(surfaces: Sequence[Samples], pixels: int, holdouts: Sequence[Samples] = ()) -> Layers:
    """Composite surfaces along the rays of a picture.

    Args:
        surfaces: what is seen.
        pixels: of the picture.
        holdouts: what hides the surfaces without being seen itself.
    """
    seen = len(surfaces)
    surfaces = [*surfaces, *holdouts]
    device = surfaces[0].depth.device
    covered = torch.zeros(pixels, dtype=torch.bool, device=device)
    for surface in surfaces:
        covered[surface.pixel] = True
    row = torch.cumsum(covered, 0) - 1
    rays = int(covered.sum())
    opacity = torch.zeros(rays, len(surfaces), device=device)
    depth = torch.full((rays, len(surfaces)), torch.inf, device=device)
    colour = torch.zeros(rays, len(surfaces), 3, device=device)
    for index, surface in enumerate(surfaces):
        ray = row[surface.pixel]
        opacity[ray, index], depth[ray, index], colour[ray, index] = surface.opacity, surface.depth, surface.colour
    weight = composite(opacity, depth)[:, :seen]
    depth, colour = depth[:, :seen], colour[:, :seen]
    alpha = weight.sum(dim=1)
    mean_depth = (weight * torch.where(weight > 0, depth, 0.0)).sum(dim=1) / alpha.clamp(min=1e-6)
    rgb_out = torch.zeros(pixels, 3, device=device)
    alpha_out = torch.zeros(pixels, device=device)
    depth_out = torch.full((pixels,), torch.inf, device=device)
    rgb_out[covered] = (weight[..., None] * colour).sum(dim=1)
    alpha_out[covered] = alpha
    depth_out[covered] = torch.where(alpha >= 0.5, mean_depth, torch.inf)
    return Layers(rgb_out, alpha_out, depth_out)


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
