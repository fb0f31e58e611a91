"""Colours where a layer was not seen: behind the person, under soft edges, beyond a layer's outline."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SOLID = 0.95  # a matte above this is taken for pure foreground
GRAIN_SEED = 7


def spread(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill by averaging down a pyramid and interpolating back up: smooth, local, no iteration.

    Args:
        values: [H, W, C] float32. weight: [H, W] in [0, 1], zero where the value is unknown.

    Returns:
        [H, W, C]: the values where the weight is one, blending into ever coarser averages where it falls to zero.
    """
    levels = [(values * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 1 and (levels[-1][1].min() < 1e-3 or len(levels) < 2):
        summed, total = levels[-1]
        if max(total.shape) <= 2:
            break
        levels.append((cv2.pyrDown(summed).reshape(*_half(total.shape), -1), cv2.pyrDown(total)))
    summed, total = levels[-1]
    known = summed.sum(axis=(0, 1)) / max(float(total.sum()), 1e-6)
    filled = np.broadcast_to(known, summed.shape).astype(np.float32)
    for summed, total in reversed(levels):
        height, width = total.shape
        filled = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, -1)
        certain = np.minimum(total * 4, 1.0)[..., None] if total is not levels[0][1] else weight[..., None]
        filled = certain * summed / np.maximum(total, 1e-6)[..., None] + (1 - certain) * filled
    return filled.astype(np.float32)


def _half(shape: tuple[int, ...]) -> tuple[int, int]:
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def _grown(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """All pixels within ``radius`` of the mask."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= radius)


def _shrunk(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """The pixels of the mask that lie further than ``radius`` from its outside."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5) > radius)


def _grain(rgb: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[H, W, 3] noise as fine and as strong as the known pixels' own, taken from them and shuffled; deterministic."""
    detail = rgb - cv2.GaussianBlur(rgb, (0, 0), 2.0)
    energy = cv2.GaussianBlur((detail**2).sum(axis=2), (0, 0), 3.0)
    calm = np.quantile(energy[known], 0.3) if known.any() else 0.0
    samples = detail[known & (energy <= calm) & (np.abs(detail).max(axis=2) < 12)]
    if len(samples) < 64:
        return np.zeros_like(rgb)
    random = np.random.default_rng(GRAIN_SEED)
    noise = samples[random.integers(0, len(samples), rgb.shape[:2])]
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.6) * 1.4, np.float32)


def background_plate(rgb: NDArray[np.uint8], person: NDArray[np.float32], reach: float) -> NDArray[np.uint8]:
    """The scene without the person.

    Args:
        rgb: [H, W, 3] uint8. person: [H, W] matte in [0, 1].
        reach: pixels that the scene goes on behind them as its own mirror image.

    Returns:
        [H, W, 3] uint8: the picture itself away from the person, a smooth continuation with its grain behind them.
    """
    image = rgb.astype(np.float32)
    margin = max(3.0, 0.006 * max(person.shape))  # strands that the matte misses
    hidden = _grown(person > 0.02, margin)
    if hidden.all():
        return np.full_like(rgb, np.median(rgb.reshape(-1, 3), axis=0).astype(np.uint8))
    filled = spread(image, (~hidden).astype(np.float32)) + _grain(image, ~hidden)
    filled = _mirrored_near(image, filled, ~hidden, reach)
    depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, 5)[..., None]
    blend = np.clip(depth / (0.7 * margin), 0, 1)
    return np.clip(blend * filled + (1 - blend) * image + 0.5, 0, 255).astype(np.uint8)


def decontaminate(rgb: NDArray[np.uint8], person: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The person's own colours where the matte is partial, so that no background shows in soft edges.

    Args:
        rgb: [H, W, 3] uint8. person: [H, W] matte in [0, 1].

    Returns:
        [H, W, 3] uint8: unchanged where the matte is solid; at soft edges, the colour that with the local background
        explains the pixel, held near the interior's; beyond, the interior's colours continued.
    """
    image = rgb.astype(np.float32)
    solid = person >= SOLID
    if not solid.any():
        return rgb.copy()
    inner = _shrunk(solid, 1.5)
    inner = inner if inner.any() else solid
    interior = spread(image, inner.astype(np.float32))
    behind = spread(image, (~_grown(person > 0.02, 2.0)).astype(np.float32)) if (person <= 0.02).any() else interior
    alpha = person[..., None]
    explained = (image - (1 - alpha) * behind) / np.maximum(alpha, 0.3)
    explained = np.clip(explained, interior - 40, interior + 40)
    trust = np.clip((alpha - 0.3) / 0.5, 0, 1)  # thin alpha amplifies noise: the interior's colour is safer
    edge = trust * explained + (1 - trust) * interior
    keep = np.clip((alpha - SOLID) / (1 - SOLID), 0, 1)
    return np.clip(keep * image + (1 - keep) * edge + 0.5, 0, 255).astype(np.uint8)


def fill_layer(rgb: NDArray[np.uint8], mask: NDArray[np.float32], reach: float) -> NDArray[np.uint8]:
    """A layer's colours continued beyond its mask, for where turning or moving lays bare what was covered.

    Args:
        rgb: [H, W, 3] uint8. mask: [H, W] in [0, 1], the layer (hair, clothes, skin).
        reach: pixels that it goes on as its own mirror image; further off features would show mirrored.

    Returns:
        [H, W, 3] uint8: unchanged inside the mask, its mirror image near it, a smooth continuation further off; one
        colour where the layer is empty.
    """
    image = rgb.astype(np.float32)
    solid = mask >= min(SOLID, 0.9 * float(mask.max()))  # a layer may be thin strands only
    inner = _shrunk(solid, 1.5)
    inner = inner if inner.any() else solid
    if not mask.any():
        return np.full_like(rgb, np.median(rgb.reshape(-1, 3), axis=0).astype(np.uint8))
    filled = spread(image, inner.astype(np.float32))
    outside = _mirrored_near(image, filled, inner, reach)
    keep = np.clip((mask[..., None] - SOLID) / (1 - SOLID), 0, 1)
    return np.clip(keep * image + (1 - keep) * outside + 0.5, 0, 255).astype(np.uint8)


def _mirrored_near(
    image: NDArray[np.float32], filled: NDArray[np.float32], known: NDArray[np.bool_], reach: float
) -> NDArray[np.float32]:
    """A filled picture that goes on as the known part's mirror image near its outline, where a motion looks first.

    Args:
        image: [H, W, 3]. filled: [H, W, 3] what is shown further off. known: [H, W] where to believe the picture.
        reach: pixels from the outline at which little of the mirror image is left.

    Returns:
        [H, W, 3] float32; what it shows where the picture is known is of no use.
    """
    away = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 5)
    # the way to a rounded outline: at a jagged one, neighbours would be mirrored to places far apart
    round_away = cv2.GaussianBlur(away, (0, 0), max(1.0, reach / 4))
    down, right = np.gradient(round_away)
    rows, columns = np.indices(known.shape, np.float32)
    there = (columns - 2 * away * right).astype(np.float32), (rows - 2 * away * down).astype(np.float32)
    seen = cv2.remap(known.astype(np.float32), *there, cv2.INTER_LINEAR, borderValue=0)
    near = np.clip(2 * seen - 1, 0, 1) * np.exp(-((away / reach) ** 2))
    near = cv2.GaussianBlur(near.astype(np.float32), (0, 0), 1.0) * (seen > 0.5)
    mirrored = cv2.remap(image, *there, cv2.INTER_LINEAR)
    return np.asarray(filled + near[..., None] * (mirrored - filled), np.float32)
