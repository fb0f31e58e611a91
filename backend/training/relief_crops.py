"""What the relief of hair is learned from: aligned heads of procedural people, the head model's depth and the true one.

Depths are those of ``networks.hair_relief``: metres behind the head's origin times the crop's pixels a metre there,
divided by the crop's side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.capture.correspondence import correspondence
from backend.capture.head_frame import HeadFrame
from backend.capture.rasteriser import rasteriser
from backend.head.model import head_model
from backend.people.scene import Picture
from backend.training.parsing_crops import HAIR, class_shares, person_pictures

SIDE = 192  # pixels of a crop
DEEPEST = 0.5  # depths of a crop reach from its negative to it
# channels of a crop; depths are taken apart into two bytes
RGB, SHARES, HEAD_THERE, THERE = slice(0, 3), slice(3, 8), slice(8, 9), slice(9, 10)
HEAD_DEPTH, DEPTH = slice(10, 12), slice(12, 14)
CHANNELS = 14
SPAN_UNIT = 1e-4  # metres
BYTES = CHANNELS * SIDE * SIDE + 2  # of a crop and the metres that it spans


def crop(picture: Picture) -> NDArray[np.uint8]:
    """[BYTES]: [CHANNELS, SIDE, SIDE] and the metres at the head's depth that its side spans.

    The true depth of a pixel that shows hair or headwear is theirs alone. Shares are zero beyond the picture.
    """
    camera = picture.shot.camera
    points = camera.project(correspondence().on(picture.head))
    frame = HeadFrame.of(points.astype(np.float32), SIDE)
    # a shot's location is the head frame's origin, a turn leaves that where it is
    origin = camera.world_to_camera[:3, :3] @ picture.shot.location + camera.world_to_camera[:3, 3]
    span = SIDE / (frame.scale * float(camera.intrinsics[0, 0]) / float(origin[2]))
    head = rasteriser().draw(picture.head, head_model().faces, camera).depth
    shares = class_shares(picture)
    person = np.isfinite(picture.depth)
    depth, there = _taken(picture.depth, person, frame)
    of_hair, hair = _taken(picture.depth, person & (shares[..., HAIR] > 0.5), frame)
    head_depth, head_there = _taken(head, np.isfinite(head), frame)
    channels = [
        frame.take(picture.rgb, outside=0),
        (frame.take(shares, outside=0) * 255).round(),
        255 * (head_there[..., None] > 0.5),
        255 * (there[..., None] > 0.5),
        _bytes((head_depth - origin[2]) / span),
        _bytes((np.where(hair > 0.3, of_hair, depth) - origin[2]) / span),
    ]
    planes = np.concatenate(channels, axis=2).astype(np.uint8).transpose(2, 0, 1)
    return np.concatenate([planes.reshape(-1), np.array([round(span / SPAN_UNIT)], np.uint16).view(np.uint8)])


def person_crops(seed: int) -> NDArray[np.uint8]:
    """[pictures, BYTES] of the person of that seed (``person_pictures``), as :func:`crop` gives them."""
    return np.stack([crop(picture) for picture in person_pictures(seed)])


def _taken(
    depth: NDArray[np.float32], valid: NDArray[np.bool_], frame: HeadFrame
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """[SIDE, SIDE] the mean of the valid depths, and the share of the valid; nothing of the rest gets into it."""
    weight = frame.take(valid.astype(np.float32), outside=0)
    total = frame.take(np.where(valid, depth, 0).astype(np.float32), outside=0)
    return total / np.maximum(weight, 1e-6), weight


def _bytes(depth: NDArray[np.floating]) -> NDArray[np.float64]:
    """[SIDE, SIDE] -> [SIDE, SIDE, 2] high and low byte."""
    steps = ((np.clip(depth, -DEEPEST, DEEPEST) + DEEPEST) / (2 * DEEPEST) * 65535).round()
    return np.stack([steps // 256, steps % 256], axis=2)
