"""How wrong a completed person is, as something to learn from."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_SQUARE, LEAST_ERROR = 1e-5, 1e-3  # errors below which nothing is left to learn
LEAST_AREA = 64.0  # pixels


def over(person: Tensor, grey: float) -> Tensor:
    """[B, 4, H, W] premultiplied -> [B, 3, H, W] over a grey."""
    return person[:, :3] + grey * (1 - person[:, 3:])


def errors(shown: Tensor, truth: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The square and the absolute error, each [B], over black and over white, within the area of the true person.

    Args:
        shown, truth: [B, 4, H, W] premultiplied colours and alpha.
        weight: [B, 1, H, W] how much a pixel counts, 0..1.
    """
    over_black, over_white = (over(shown, grey) - over(truth, grey) for grey in (0.0, 1.0))
    twice_area = 2 * (truth[:, 3:] * weight).sum(dim=(1, 2, 3)).clamp_min(LEAST_AREA)
    square = ((over_black.square() + over_white.square()) * weight).mean(dim=1).sum(dim=(1, 2)) / twice_area
    absolute = ((over_black.abs() + over_white.abs()) * weight).mean(dim=1).sum(dim=(1, 2)) / twice_area
    return square, absolute


def order_of(square: Tensor, absolute: Tensor) -> Tensor:
    """[B] Orders of magnitude of both errors: every picture's decibels count alike."""
    return torch.log10(square + LEAST_SQUARE) + 2 * torch.log10(absolute + LEAST_ERROR)
