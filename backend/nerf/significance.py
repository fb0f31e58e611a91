"""Which samples matter to a picture, found cheaply beforehand, so that empty and hidden space is left out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.nerf.plane_field import PlaneField
from backend.nerf.ray_sampling import coarse_depths, interval_weights
from backend.nerf.rays import Limits, Rays

_STRIDE = 3  # pixels between probing rays
_RAYS_AT_ONCE = 1024


def significant_samples(
    space: PlaneField, rays: Rays, limits: Limits, samples: int, resolution: int, negligible: float
) -> Tensor:
    """Coarse samples [R * R, S] that matter, found with every third row and column of rays.

    A sample matters where one of the probing rays around it has an interval of some weight at its depth, or one sample
    before or behind.

    Args:
        space: the field.
        rays: [R * R, 3] of a square picture.
        limits: [R * R, 1] depths between which they are rendered.
        samples: S.
        resolution: R.
        negligible: weight that does not matter.
    """
    some = torch.arange(resolution * resolution, device=limits.near.device).view(resolution, resolution)[
        ::_STRIDE, ::_STRIDE
    ]
    side = len(some)
    weights = torch.cat(
        [_weights(space, rays.some(part), limits.some(part), samples) for part in some.flatten().split(_RAYS_AT_ONCE)]
    )
    weights = F.max_pool1d(weights, 4, stride=1, padding=2)  # of intervals to samples, and one to either side
    near = F.max_pool2d(weights.T.view(samples, side, side), 3, stride=1, padding=1) > negligible
    wide = near.permute(1, 2, 0).repeat_interleave(_STRIDE, dim=0).repeat_interleave(_STRIDE, dim=1)
    return wide[:resolution, :resolution].flatten(0, 1)


def _weights(space: PlaneField, rays: Rays, limits: Limits, samples: int) -> Tensor:
    """[N, S - 1] of the intervals between the coarse samples of some rays."""
    depth = coarse_depths(limits, samples)
    return interval_weights(depth, space.sigma(rays.at(depth)).view_as(depth))


def significant_depths(depth: Tensor, weights: Tensor, fine: Tensor, negligible: float) -> Tensor:
    """Which fine samples [N, F] lie in an interval of some weight or beside one.

    Args:
        depth: [N, S] of the coarse samples, evenly spread.
        weights: [N, S - 1] of the intervals between them.
        fine: [N, F] depths within.
        negligible: weight that does not matter.
    """
    step = (depth[:, 1:2] - depth[:, :1]).clamp(min=1e-9)
    interval = ((fine - depth[:, :1]) / step).long().clamp_(0, weights.shape[1] - 1)
    return (F.max_pool1d(weights, 3, stride=1, padding=1) > negligible).gather(1, interval)
