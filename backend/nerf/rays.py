"""Rays of a square picture from a camera label, and where they cross the cube that holds a radiance field.

Sums and products are taken in the order of the published code (EG3D's ray sampler), because what is rendered from
planes with steep edges depends on the last digits of a ray: another order costs 2e-4 in the picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

LABEL_SIZE = 25


class Rays(NamedTuple):
    """Origins [..., 3] and unit directions [..., 3]; depth along a ray is the distance from its origin."""

    origins: Tensor
    directions: Tensor

    def some(self, which: slice | Tensor) -> Rays:
        """Some of rays [N, 3]."""
        return Rays(self.origins[which], self.directions[which])

    def at(self, depth: Tensor) -> Tensor:
        """[3, N, S] x, y and z of points of rays [N, 3] at depths [N, S]."""
        return self.origins.T[..., None] + depth * self.directions.T[..., None]


class Limits(NamedTuple):
    """Where rays enter and leave the cube, [..., 1] each; -1 and -2 where a ray misses it."""

    near: Tensor
    far: Tensor

    def some(self, which: slice | Tensor) -> Limits:
        """Those of some rays."""
        return Limits(self.near[which], self.far[which])


def camera_label(camera_to_world: Tensor, intrinsics: Tensor) -> Tensor:
    """[B, 25] label of cameras: [B, 4, 4] camera to world (OpenCV axes) and [B, 3, 3] intrinsics in picture sides."""
    return torch.cat([camera_to_world.flatten(1), intrinsics.flatten(1)], dim=1)


def picture_rays(label: Tensor, resolution: int) -> Rays:
    """Rays through the pixel centres of square pictures.

    Args:
        label: [B, 25] row-major 4x4 camera to world (OpenCV axes), then row-major 3x3 intrinsics in picture sides.
        resolution: R, pixels a side.

    Returns:
        [B, R * R, 3] origins and directions in the world, row by row.

    Raises:
        ValueError: when the labels have another size.
    """
    if label.ndim != 2 or label.shape[1] != LABEL_SIZE:
        raise ValueError(f"camera labels [B, {LABEL_SIZE}] are needed, not {list(label.shape)}")
    pose, intrinsics = label[:, :16].reshape(-1, 4, 4), label[:, 16:].reshape(-1, 3, 3)
    centres = torch.arange(resolution, device=label.device, dtype=label.dtype) * (1 / resolution) + 0.5 / resolution
    v, u = (places.flatten()[None] for places in torch.meshgrid(centres, centres, indexing="ij"))
    fx, fy, skew = intrinsics[:, 0, 0, None], intrinsics[:, 1, 1, None], intrinsics[:, 0, 1, None]
    cx, cy = intrinsics[:, 0, 2, None], intrinsics[:, 1, 2, None]
    x = (u - cx + cy * skew / fy - skew * v / fy) / fx
    y = (v - cy) / fy
    ahead = torch.ones_like(x)
    points = torch.stack([x, y, ahead, ahead], dim=1)  # [B, 4, N] at depth 1
    origins = pose[:, :3, 3][:, None].expand(-1, resolution * resolution, -1)
    directions = torch.bmm(pose, points)[:, :3].transpose(1, 2) - origins
    return Rays(origins, F.normalize(directions, dim=2))


def cube_limits(rays: Rays, side: float) -> Limits:
    """Depths at which rays enter and leave the cube of a side around the world's origin (slab test), 0 or more."""
    inverse = 1 / rays.directions
    first, second = (-side / 2 - rays.origins) * inverse, (side / 2 - rays.origins) * inverse
    near = torch.minimum(first, second).amax(dim=-1, keepdim=True).clamp(min=0)
    far = torch.maximum(first, second).amin(dim=-1, keepdim=True)
    hit = near <= far
    return Limits(torch.where(hit, near, -1.0), torch.where(hit, far, -2.0))


def rendered_limits(limits: Limits) -> Limits:
    """Limits [N, 1] of one picture where rays that miss the cube are given some, so that every ray is rendered.

    As published they get the smallest near depth of the rays that hit, and as far depth the largest *near* depth.
    When all miss they get 0 and 0, along which nothing is seen.
    """
    hit = limits.near <= limits.far
    smallest = torch.where(hit, limits.near, torch.inf).amin()
    largest = torch.where(hit, limits.near, -torch.inf).amax()
    near, far = (torch.where(hit.any(), value, 0.0) for value in (smallest, largest))
    return Limits(torch.where(hit, limits.near, near), torch.where(hit, limits.far, far))
