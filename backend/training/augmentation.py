"""Changes to batches of pictures and their maps that leave what they show as it was, random by explicit seeds."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


class Chance:
    """Random numbers for a batch on its device, by seeds alone."""

    def __init__(self, count: int, device: torch.device, *seeds: int) -> None:
        number = 0
        for seed in seeds:
            number = (number * 1_000_003 + seed + 1) % (2**63 - 1)
        self.count, self.device = count, device
        self._generator = torch.Generator(device).manual_seed(number)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """[B, *shape] in [low, high)."""
        return torch.rand(self.count, *shape, generator=self._generator, device=self.device) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """[B, *shape] with mean 0 and deviation 1."""
        return torch.randn(self.count, *shape, generator=self._generator, device=self.device)

    def some(self, probability: float) -> tuple[Tensor, Chance]:
        """Indices [N] of samples chosen with this probability, and the randomness for them."""
        chosen = (self.uniform(0, 1) < probability).nonzero()[:, 0]
        part = copy(self)
        part.count = len(chosen)
        return chosen, part

    def field(self, size: int, cells: int, channels: int = 1) -> Tensor:
        """[B, channels, size, size] smooth, from random values at ``cells`` x ``cells`` places."""
        return F.interpolate(self.normal(channels, cells, cells), (size, size), mode="bilinear", align_corners=False)


def affine(chance: Chance, turn: float, zoom: float, stretch: float, shift: float) -> Tensor:
    """[B, 3, 3] from the new picture's coordinates in [-1, 1] to the old one's, a mirror image in half of them.

    Args:
        chance: randomness.
        turn: deviation in radians. zoom, stretch: deviations of logarithms. shift: deviation in half pictures.
    """
    angle, size, aspect = (chance.normal() * deviation for deviation in (turn, zoom, stretch))
    mirror = torch.where(chance.uniform(0, 1) < 0.5, -1.0, 1.0)
    across, down = torch.exp(size + aspect), torch.exp(size - aspect)
    matrix = torch.zeros(chance.count, 3, 3, device=chance.device)
    matrix[:, 0, 0], matrix[:, 0, 1] = mirror * across * torch.cos(angle), -mirror * across * torch.sin(angle)
    matrix[:, 1, 0], matrix[:, 1, 1] = down * torch.sin(angle), down * torch.cos(angle)
    matrix[:, :2, 2] = chance.normal(2) * shift
    matrix[:, 2, 2] = 1
    return matrix


def warped(maps: Tensor, matrix: Tensor, size: int) -> Tensor:
    """[B, C, H, W] -> [B, C, size, size] through :func:`affine`'s matrices; zero beyond the maps."""
    shape = [maps.shape[0], maps.shape[1], size, size]
    grid = F.affine_grid(matrix[:, :2], shape, align_corners=False)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def recoloured(rgb: Tensor, shares: Tensor, chance: Chance) -> Tensor:
    """Every part of pictures [B, 3, H, W] in [0, 1] in other colours; the parts are ``shares`` [B, C, H, W]."""
    parts = shares.shape[1]
    gain = torch.exp(0.25 * chance.normal(parts, 1) + 0.2 * chance.normal(parts, 3))
    offset = 0.08 * chance.normal(parts, 3)
    factor, addend = (torch.einsum("bchw,bck->bkhw", shares, each) for each in (gain, offset))
    return (rgb * factor + addend).clamp(0, 1)


def photographed(rgb: Tensor, chance: Chance) -> Tensor:
    """Pictures [B, 3, H, W] in [0, 1] in another light, by another camera, or painted."""
    size = rgb.shape[-1]
    tint = torch.exp(0.08 * chance.normal(3, 1, 1) + 0.15 * chance.normal(1, 1, 1))
    rgb = (rgb * tint).clamp(1e-4, 1) ** torch.exp(0.25 * chance.normal(1, 1, 1))
    mean = rgb.mean(dim=(1, 2, 3), keepdim=True)
    rgb = mean + (rgb - mean) * torch.exp(0.2 * chance.normal(1, 1, 1))
    _change(rgb, *chance.some(0.4), lambda some, luck: some * torch.exp(0.25 * luck.field(size, 3)))
    _change(rgb, *chance.some(0.5), lambda some, luck: _saturated(some, torch.exp(0.3 * luck.normal(1, 1, 1))))
    _change(rgb, *chance.some(0.15), lambda some, luck: _saturated(some, torch.zeros(())))
    aged = rgb.new_tensor([1.05, 0.95, 0.75]).view(1, 3, 1, 1)  # sepia, and old varnish
    _change(rgb, *chance.some(0.08), lambda some, luck: some * aged)
    _change(rgb, *chance.some(0.3), lambda some, luck: _blurred(some, luck.uniform(-0.8, 1, 1, 1, 1)))
    _change(rgb, *chance.some(0.07), lambda some, luck: _flattened(some, luck.uniform(4, 12, 1, 1, 1)))
    _change(rgb, *chance.some(0.25), lambda some, luck: some + 0.03 * luck.field(size, size // 4))  # strokes
    _change(
        rgb, *chance.some(0.4), lambda some, luck: some + luck.uniform(0, 0.04, 1, 1, 1) * luck.normal(3, size, size)
    )
    return rgb.clamp_(0, 1)


def covered(rgb: Tensor, chance: Chance) -> Tensor:
    """Pictures [B, 3, H, W] with a patch of one colour over some place."""
    place = torch.linspace(0, 1, rgb.shape[-1], device=rgb.device)
    x, y = chance.uniform(0, 1, 1, 1), chance.uniform(0, 1, 1, 1)
    wide, high = chance.uniform(0.03, 0.12, 1, 1), chance.uniform(0.03, 0.12, 1, 1)
    patch = (((place.view(1, 1, -1) - x) / wide) ** 2 + ((place.view(1, -1, 1) - y) / high) ** 2 < 1).unsqueeze(1)
    return torch.where(patch, chance.uniform(0, 1, 3, 1, 1), rgb)


def misjudged(share: Tensor, chance: Chance) -> Tensor:
    """What a segmenter might take for a share [B, 1, H, W] in [0, 1]: its outline moved and softened."""
    size = share.shape[-1]
    small = F.interpolate(share, (size // 4, size // 4), mode="area")
    soft = F.interpolate(small, (size, size), mode="bilinear", align_corners=False)
    moved = soft - 0.5 + 0.35 * chance.field(size, 6) * chance.uniform(0, 1, 1, 1, 1)
    return torch.sigmoid(moved * torch.exp(chance.uniform(1.5, 3.5, 1, 1, 1)))


def misjudged_parts(shares: Tensor, chance: Chance) -> Tensor:
    """What a network might take for the shares of parts [B, C, H, W]: the lines between them moved and softened."""
    size, parts = shares.shape[-1], shares.shape[1]
    small = F.interpolate(shares, (size // 4, size // 4), mode="area")
    soft = F.interpolate(small, (size, size), mode="bilinear", align_corners=False)
    moved = soft + 0.25 * chance.field(size, 6, parts) * chance.uniform(0, 1, 1, 1, 1)
    return torch.softmax(moved * torch.exp(chance.uniform(1.5, 3.5, 1, 1, 1)), dim=1)


def _change(rgb: Tensor, chosen: Tensor, chance: Chance, change: Callable[[Tensor, Chance], Tensor]) -> None:
    """Change the chosen samples in place."""
    if len(chosen):
        rgb[chosen] = change(rgb[chosen], chance).clamp(0, 1)


def _saturated(rgb: Tensor, saturation: Tensor) -> Tensor:
    grey = (rgb * rgb.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    return grey + (rgb - grey) * saturation.to(rgb.device)


def _blurred(rgb: Tensor, amount: Tensor) -> Tensor:
    """Blurred, or for amounts below zero sharpened."""
    mean = F.avg_pool2d(F.pad(rgb, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return rgb + (mean - rgb) * amount


def _flattened(rgb: Tensor, levels: Tensor) -> Tensor:
    """A drawing's flat colours."""
    return (rgb * levels).round() / levels
