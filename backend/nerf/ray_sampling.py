"""Where samples lie along rays and what each stretch of a ray counts: the published rules (EG3D's, after Mip-NeRF).

The published random jitter is left out: the same picture every time.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.nerf.rays import Limits

IMPORTANCE_FLOOR = 0.01  # weight that every stretch of a ray keeps for the fine samples
_SMALLEST_SHARE = 1e-5


def coarse_depths(limits: Limits, samples: int) -> Tensor:
    """[N, S] depths spread evenly from [N, 1] near to far, both included."""
    steps = torch.arange(samples, dtype=torch.float32, device=limits.near.device) / (samples - 1)
    return limits.near + steps * (limits.far - limits.near)


def interval_weights(depth: Tensor, sigma: Tensor) -> Tensor:
    """[N, S - 1] share of each interval between neighbouring samples in what a ray sees (Mip-NeRF's rule).

    Args:
        depth: [N, S], rising.
        sigma: [N, S]; density is softplus(sigma - 1) of the mean of an interval's ends.
    """
    density = F.softplus((sigma[:, :-1] + sigma[:, 1:]) / 2 - 1)
    opacity = 1 - torch.exp(-density * (depth[:, 1:] - depth[:, :-1]))
    passed = torch.cumprod(1 - opacity[:, :-1] + 1e-10, dim=1)
    return opacity * F.pad(passed, (1, 0), value=1.0)


def importance_depths(depth: Tensor, weights: Tensor, samples: int) -> Tensor:
    """[N, F] depths where there is weight: the inverse of its cumulated distribution at even steps.

    Args:
        depth: [N, S] of coarse samples.
        weights: [N, S - 1] of the intervals between them.
        samples: F.
    """
    widened = F.max_pool1d(weights, 2, stride=1, padding=1)
    smooth = (widened[:, 1:] + widened[:, :-1]) / 2 + IMPORTANCE_FLOOR
    shares = smooth[:, 1:-1] + _SMALLEST_SHARE
    cumulated = F.pad(torch.cumsum(shares / shares.sum(dim=1, keepdim=True), dim=1), (1, 0))
    middles = (depth[:, :-1] + depth[:, 1:]) / 2
    wanted = torch.linspace(0, 1, samples, device=depth.device).expand(len(depth), -1).contiguous()
    above = torch.searchsorted(cumulated, wanted, right=True)
    below = (above - 1).clamp_(min=0)
    above = above.clamp_(max=cumulated.shape[1] - 1)
    start = cumulated.gather(1, below)
    width = cumulated.gather(1, above) - start
    share = (wanted - start) / torch.where(width < _SMALLEST_SHARE, 1.0, width)
    first = middles.gather(1, below)
    return first + share * (middles.gather(1, above) - first)
