"""From light to a file: what lens, sensor, development and compression do to a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.people.scene import Array, Photography

_KNEE = 0.6  # display value up to which tones are straight; above, highlights roll off towards white
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, what JPEG uses


def photograph(
    radiance: Array, cover: Array, background: NDArray[np.uint8], photography: Photography
) -> NDArray[np.uint8]:
    """Take the picture.

    Args:
        radiance: [H, W, 3] linear light of the person, times their share of the pixel.
        cover: [H, W] that share.
        background: [H, W, 3] uint8 of any size, as it shall look when nothing is done to it.
        photography: what is done.

    Returns:
        [H, W, 3] uint8 sRGB.
    """
    height, width = cover.shape
    shrinks = background.shape[0] >= height
    behind = cv2.resize(background, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    light = radiance + _LINEAR[behind] * (1 - cover[..., None])
    if photography.blur > 0:
        light = cv2.GaussianBlur(light, (0, 0), photography.blur * max(height, width) / 512)
    light = light * (np.asarray(photography.tint, np.float32) * np.float32(photography.exposure))
    if photography.noise > 0:
        random = np.random.default_rng(photography.seed)
        grain = random.standard_normal(light.shape, np.float32)
        light = light + grain * np.sqrt(np.clip(light, 0, 1)) * np.float32(photography.noise)
    shown = developed(light)
    if photography.contrast != 1:
        shown = (shown - 0.5) * np.float32(photography.contrast) + 0.5
    if photography.saturation != 1:
        grey = (shown @ _LUMA)[..., None]
        shown = grey + (shown - grey) * np.float32(photography.saturation)
    picture = (np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8)
    if photography.jpeg > 0:
        options = [cv2.IMWRITE_JPEG_QUALITY, photography.jpeg]
        encoded = cv2.imencode(".jpg", picture[..., ::-1], options)[1]
        picture = np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1])
    return picture


def developed(light: Array) -> Array:
    """Linear light to display values in [0, 1]: sRGB's curve with a shoulder that keeps highlights from clipping."""
    at = np.sqrt(np.clip(light, 0, _MOST), dtype=np.float32) * np.float32((len(_CURVE) - 1) / np.sqrt(_MOST))
    return _CURVE[(at + 0.5).astype(np.int32)]


def _encode(light: Array) -> Array:
    """IEC 61966-2-1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def _decode(shown: Array) -> Array:
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def _shoulder(shown: Array) -> Array:
    over = np.maximum(shown - _KNEE, 0) / (1 - _KNEE)
    return np.where(shown > _KNEE, _KNEE + (1 - _KNEE) * (1 - np.exp(-over)), shown)


def _without_shoulder(shown: Array) -> Array:
    over = np.minimum((shown - _KNEE) / (1 - _KNEE), 0.985)
    return np.where(shown > _KNEE, _KNEE - (1 - _KNEE) * np.log1p(-np.maximum(over, 0)), shown)


_MOST = 16.0  # light that is white for certain
_CURVE = _shoulder(_encode(np.linspace(0, np.sqrt(_MOST), 8192) ** 2)).astype(np.float32)
_LINEAR = _decode(_without_shoulder(np.arange(256) / 255)).astype(np.float32)  # of background pixels


def draw_photography(random: np.random.Generator) -> Photography:
    """A camera and its development: most pictures good, some blurred, noisy, flat, grey or squeezed."""
    poor = random.random() < 0.2
    grey = random.random() < 0.05
    red, green, blue = np.exp(random.normal(0, 0.04, 3))
    return Photography(
        blur=float(random.uniform(0.3, 0.9) if not poor else random.uniform(0.6, 2.2)),
        noise=float(random.uniform(0, 0.015) if not poor else random.uniform(0.01, 0.08)),
        exposure=float(np.exp(random.normal(0, 0.15))),
        contrast=float(np.clip(random.normal(1.05, 0.1), 0.75, 1.35)),
        saturation=0.0 if grey else float(np.clip(random.normal(1.0, 0.15), 0.5, 1.5)),
        tint=(float(red), float(green), float(blue)),
        jpeg=0 if random.random() < 0.4 else int(random.integers(35 if poor else 75, 98)),
        seed=int(random.integers(1 << 31)),
    )
