"""How much of the surroundings a place sees, from the picture's depth alone."""

from __future__ import annotations

import cv2
import numpy as np

from backend.people.scene import Array

_RADII = (0.004, 0.012, 0.035)  # metres: lids and lips, eye sockets and nostrils, under the chin
_STRENGTH = (0.9, 1.1, 1.3)
_LEAST = 0.12  # light that is reflected to and fro reaches every place


def openness(depth: Array, focal: float) -> Array:
    """Share of the surroundings that reaches each pixel's surface.

    What lies deeper than the mean of its neighbourhood is a hollow; the neighbourhood's size is metres on the person,
    and neighbours far in front or behind count as one radius.

    Args:
        depth: [H, W] metres, ``inf`` where nothing is.
        focal: of the camera, pixels.

    Returns:
        [H, W] float32 in (0, 1].
    """
    seen = np.isfinite(depth)
    if not seen.any():
        return np.ones(depth.shape, np.float32)
    middle = float(np.median(depth[seen]))
    filled = np.where(seen, depth, middle + 0.3).astype(np.float32)
    shut = np.zeros(depth.shape, np.float32)
    for radius, strength in zip(_RADII, _STRENGTH):
        sigma = radius * focal / middle * 0.7
        if sigma < 0.4:
            continue
        around = _blurred(filled, sigma)
        shut += strength * np.clip((filled - around) / radius, 0, 1)
    return np.maximum(np.exp(-shut), _LEAST)


def _blurred(picture: Array, sigma: float) -> Array:
    """A Gaussian blur; wide ones at a fraction of the size."""
    shrink = int(sigma // 2)
    if shrink < 2:
        return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    height, width = picture.shape
    small = cv2.resize(picture, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
