"""The torso goes on under the head, so that a head that turns or leaves lays bare no hole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.avatars.real3d.classes import CLOTHES, HEAD_CLASSES, NECK

# pixels of a picture of 512, as published
CLOTHES_REACH = 9
NECK_GROWTH = 3  # upwards and downwards, before the top is sought
NECK_PUSH = 4  # the neck's first pixels are the head's shadow and edge: colour is taken from below them
NECK_REACH = 53
DARKENING = 0.98  # a pixel


def inpainted_torso(rgb: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The torso alone, drawn on upwards in the columns where the head stands on it, ever darker.

    Args:
        rgb: [H, W, 3] the crop.
        labels: [H, W] published classes.

    Returns:
        [H, W, 3] black where nothing is.
    """
    head = np.isin(labels, HEAD_CLASSES)
    clothes, neck = labels == CLOTHES, labels == NECK
    torso = np.where((clothes | neck)[..., None], rgb, 0).astype(np.float32)
    filled = np.zeros(labels.shape, bool)
    _draw_upwards(torso, filled, rgb, *_tops(clothes, head), push=0, reach=CLOTHES_REACH)
    tall = cv2.dilate(neck.astype(np.uint8), np.ones((2 * NECK_GROWTH + 1, 1), np.uint8)).astype(bool)
    _draw_upwards(torso, filled, rgb, *_tops(tall, head), push=NECK_PUSH, reach=NECK_REACH)
    blurred = cv2.GaussianBlur(torso, (5, 5), 0)
    weight = cv2.GaussianBlur((torso.any(axis=2)).astype(np.float32), (5, 5), 0)[..., None]
    torso[filled] = (blurred / np.maximum(weight, 1e-3))[filled]  # what is empty must not darken the edges
    return np.clip(np.round(torso), 0, 255).astype(np.uint8)


def _tops(part: NDArray[np.bool_], head: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns in which the head is right above a part's topmost pixel, and the rows of those pixels."""
    columns = np.flatnonzero(part.any(axis=0))
    rows = part[:, columns].argmax(axis=0)
    under = (rows > 0) & head[np.maximum(rows - 1, 0), columns]
    return columns[under], rows[under]


def _draw_upwards(
    torso: NDArray[np.float32],
    filled: NDArray[np.bool_],
    rgb: NDArray[np.uint8],
    columns: NDArray[np.intp],
    rows: NDArray[np.intp],
    push: int,
    reach: int,
) -> None:
    """Repeat the colours ``push`` pixels below the given ones over so many pixels upwards, in place."""
    start = np.minimum(rows + push, len(rgb) - 1)
    colours = rgb[start, columns].astype(np.float32)
    for step in range(reach):
        row = start - step
        kept = row >= 0
        torso[row[kept], columns[kept]] = colours[kept] * DARKENING**step
        filled[row[kept], columns[kept]] = True
