"""Volume rendering in two passes: samples spread evenly, then samples where the first ones found something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.nerf.feature_field import COLOUR_OFFSET, COLOUR_SCALE, FeatureField
from backend.nerf.plane_field import PlaneField
from backend.nerf.ray_sampling import coarse_depths, importance_depths, interval_weights
from backend.nerf.rays import Rays, cube_limits, picture_rays, rendered_limits
from backend.nerf.significance import significant_depths, significant_samples
from backend.nerf.triplane import PlaneAxes

_EMPTY = -50.0  # sigma of samples that are left out: a density of nothing
_MOST = 0.7  # share of samples that matter from which working out all is quicker than picking them


@dataclass(frozen=True)
class RayMarching:
    """How a field is rendered.

    Args:
        resolution: pixels a side.
        coarse_samples: of a ray, spread evenly.
        fine_samples: of a ray, placed by the weights of the coarse ones.
        box_size: side of the cube around the world's origin that the planes fill.
        axes: which coordinates the planes lie along.
        negligible: weight up to which an interval of a ray is left out, where those around it have no more; 0 is exact:
            nothing is left out, and all shapes are known beforehand.
        precision: of planes and decoder; float16 suits a GPU.
        rays_at_once: a thousand keep the samples in a CPU's caches; a GPU takes a whole picture.
    """

    resolution: int = 128
    coarse_samples: int = 48
    fine_samples: int = 48
    box_size: float = 1.0
    axes: PlaneAxes = "eg3d"
    negligible: float = 0.0
    precision: torch.dtype = torch.float32
    rays_at_once: int = 1024


EXACT = RayMarching()
# 47 intervals of no more than this hide less than 1 % of opacity: 40 dB or more of the exact picture
FAST = RayMarching(negligible=2e-4)


class Rendered(NamedTuple):
    """Pictures of a field.

    Args:
        features: [B, F, R, R] twice the colour seen less 1; -1 where nothing is, for there is no background.
        depth: [B, 1, R, R] mean distance from the camera of what is seen.
        weights: [B, 1, R, R] opacity, 0..1.
    """

    features: Tensor
    depth: Tensor
    weights: Tensor


class _Samples(NamedTuple):
    """Samples of N rays: depth [N, S], sigma [N, S], and colours [K, F] of those kept, or of all."""

    depth: Tensor
    sigma: Tensor
    colours: Tensor
    kept: Tensor | None


@torch.no_grad()
def render(planes: Tensor, field: FeatureField, camera_label: Tensor, config: RayMarching) -> Rendered:
    """Pictures of fields, each rendered by itself.

    Args:
        planes: [B, 3, C * D, H, W].
        field: the decoder.
        camera_label: [B, 25] as ``picture_rays`` takes it.
        config: how.
    """
    pictures = [
        _picture(PlaneField(item, field, config.axes, config.box_size, config.precision), label[None], config)
        for item, label in zip(planes, camera_label, strict=True)
    ]
    return Rendered(*torch.stack(pictures).split([field.config.features, 1, 1], dim=1))


def _picture(space: PlaneField, label: Tensor, config: RayMarching) -> Tensor:
    """[F + 2, R, R] features, depth and weights of one picture."""
    side, chunk = config.resolution, config.rays_at_once
    rays = Rays(*(values[0] for values in picture_rays(label, side)))
    limits = rendered_limits(cube_limits(rays, config.box_size))
    depth = coarse_depths(limits, config.coarse_samples)
    nearest, farthest = depth.amin(), depth.amax()
    picture = depth.new_full((side * side, space.features + 2), -1.0)  # black,
    picture[:, -2], picture[:, -1] = torch.inf, 0.0  # far away and transparent
    where = None
    lit = torch.arange(side * side, device=depth.device)
    if config.negligible > 0:
        where = significant_samples(space, rays, limits, config.coarse_samples, side, config.negligible)
        lit = where.any(dim=1).nonzero()[:, 0]
    buffers = [space.buffer(min(chunk, len(lit)) * samples) for samples in (config.coarse_samples, config.fine_samples)]
    for part in lit.split(chunk) if len(lit) else ():
        some = None if where is None else where[part]
        picture[part] = _marched(space, rays.some(part), depth[part], some, buffers, config)
    picture[:, -2] = picture[:, -2].nan_to_num(torch.inf).clamp(nearest, farthest)
    return picture.T.reshape(-1, side, side)


def _marched(
    space: PlaneField, rays: Rays, depth: Tensor, where: Tensor | None, buffers: list[Tensor], config: RayMarching
) -> Tensor:
    """[N, F + 2] features, depth and weights of some rays; coarse depths [N, S], of which all or some matter."""
    coarse = _asked(space, rays, depth, where, buffers[0])
    weights = interval_weights(coarse.depth, coarse.sigma)
    depth = importance_depths(coarse.depth, weights, config.fine_samples)
    if where is not None:
        where = significant_depths(coarse.depth, weights, depth, config.negligible)
    fine = _asked(space, rays, depth, where, buffers[1])
    depth, order = torch.cat([coarse.depth, fine.depth], dim=1).sort(dim=1)
    weights = interval_weights(depth, torch.cat([coarse.sigma, fine.sigma], dim=1).gather(1, order))
    total = weights.sum(dim=1, keepdim=True)
    middles = (depth[:, 1:] + depth[:, :-1]) / 2
    # an interval's colour is the mean of its ends', so each sample has half the weight of the intervals beside it
    shares = (F.pad(weights, (1, 0)) + F.pad(weights, (0, 1))) / 2
    shares = torch.empty_like(shares).scatter_(1, order, shares)
    of_coarse, of_fine = shares.split([config.coarse_samples, config.fine_samples], dim=1)
    squashed = _gathered(coarse, of_coarse) + _gathered(fine, of_fine)
    colour = squashed * COLOUR_SCALE + total * COLOUR_OFFSET
    return torch.cat([colour * 2 - 1, (weights * middles).sum(dim=1, keepdim=True) / total, total], dim=1)


def _asked(space: PlaneField, rays: Rays, depth: Tensor, where: Tensor | None, buffer: Tensor) -> _Samples:
    """What the field holds at depths [N, S] of rays, or at those [N, S] of them that matter."""
    points = rays.at(depth)
    kept = None if where is None else where.flatten().nonzero()[:, 0]
    if kept is None or len(kept) > _MOST * depth.numel():
        return _Samples(depth, space.query(points, buffer).view_as(depth), buffer, None)
    sigma = torch.full_like(depth, _EMPTY)
    sigma.view(-1)[kept] = space.query(points.flatten(1)[:, kept], buffer)
    return _Samples(depth, sigma, buffer, kept)


def _gathered(samples: _Samples, shares: Tensor) -> Tensor:
    """[N, F] colours of each ray's samples, weighted by shares [N, S]."""
    rays, each = shares.shape
    if samples.kept is None:
        shares, first = shares.flatten(), torch.arange(rays, dtype=torch.int32, device=shares.device) * each
    else:
        shares = shares.flatten()[samples.kept]
        bounds = torch.arange(rays, device=shares.device) * each
        first = torch.searchsorted(samples.kept, bounds).int()
    rows = torch.arange(len(shares), dtype=torch.int32, device=shares.device)
    return F.embedding_bag(rows, samples.colours.float(), first, per_sample_weights=shares, mode="sum")
