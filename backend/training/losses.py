"""Losses of soft shares against soft shares."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BOUNDARY = 3.0  # how much more a pixel counts where parts meet


def boundary_weight(target: Tensor, reach: int = 2) -> Tensor:
    """[B, C, H, W] shares -> [B, 1, H, W] from 1 to 1 + BOUNDARY within ``reach`` pixels of where parts meet."""
    side = 2 * reach + 1
    most = F.max_pool2d(target, side, 1, reach)
    least = -F.max_pool2d(-target, side, 1, reach)
    return 1 + BOUNDARY * (most - least).amax(dim=1, keepdim=True)


def soft_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean cross entropy [] of logits and shares [B, C, H, W], weighed by [B, 1, H, W]."""
    entropy = -(target * torch.log_softmax(logits.float(), dim=1)).sum(dim=1, keepdim=True)
    return (entropy * weight).sum() / weight.sum().clamp_min(1)


def soft_dice(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 minus the Dice coefficient [], mean over the parts, of the whole batch (Milletari and others 2016)."""
    shares = torch.softmax(logits.float(), dim=1) * weight
    target = target * weight
    common = (shares * target).sum(dim=(0, 2, 3))
    both = shares.square().sum(dim=(0, 2, 3)) + target.square().sum(dim=(0, 2, 3))
    return 1 - ((2 * common + 1) / (both + 1)).mean()
