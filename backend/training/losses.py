"""Losses of soft shares against soft shares."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

BOUNDARY = 3.0  # how much more a pixel counts where parts meet
BLOCK = 4  # pixels: boundaries are looked for in blocks of this side, and half of it around each


def boundary_weight(target: Tensor) -> Tensor:
    """[B, C, H, W] shares -> [B, 1, H, W] from 1 to 1 + BOUNDARY where parts meet within a few pixels."""
    most = F.max_pool2d(target, 2 * BLOCK, BLOCK, BLOCK // 2, ceil_mode=True)
    least = -F.max_pool2d(-target, 2 * BLOCK, BLOCK, BLOCK // 2, ceil_mode=True)
    meeting = (most - least).amax(dim=1, keepdim=True)
    return 1 + BOUNDARY * F.interpolate(meeting, target.shape[-2:], mode="nearest")


def soft_cross_entropy(log_shares: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean cross entropy [] of logarithms of shares and shares [B, C, H, W], weighed by [B, 1, H, W]."""
    entropy = -(target * log_shares).sum(dim=1, keepdim=True)
    return (entropy * weight).sum() / weight.sum().clamp_min(1)


def soft_dice(shares: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 minus the Dice coefficient [], mean over the parts, of the whole batch (Milletari and others 2016)."""
    common = (shares * target * weight).sum(dim=(0, 2, 3))
    both = ((shares.square() + target.square()) * weight).sum(dim=(0, 2, 3))
    return 1 - ((2 * common + 1) / (both + 1)).mean()


def structural_similarity(one: Tensor, other: Tensor, window: int = 7) -> Tensor:
    """[B, 1, H, W] structural similarity of pictures [B, 3, H, W] in [0, 1], mean over channels (Wang and others 2004).

    Windows are square and even here: for learning, not for comparing with published numbers.
    """

    def mean(picture: Tensor) -> Tensor:
        return F.avg_pool2d(picture, window, 1, window // 2, count_include_pad=False)

    mine, theirs = mean(one), mean(other)
    variance = mean(one.square()) - mine.square() + mean(other.square()) - theirs.square()
    covariance = mean(one * other) - mine * theirs
    first, second = 0.01**2, 0.03**2
    luminance = (2 * mine * theirs + first) / (mine.square() + theirs.square() + first)
    return (luminance * (2 * covariance + second) / (variance + second)).mean(dim=1, keepdim=True)
