"""PNCC: pictures of a head whose colours are canonical head coordinates (projected normalised coordinate code)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.capture.rasteriser import rasteriser
from backend.head.model import head_model
from shared.camera import Camera

NECK_HEIGHT = -0.16  # metres below the eyes: where the canonical head ends


def pncc(vertices: NDArray[np.float64], camera: Camera) -> NDArray[np.float32]:
    """Render canonical coordinates of a posed head.

    Args:
        vertices: [V, 3] world, metres, in the head model's topology.
        camera: its width and height are the picture's.

    Returns:
        [H, W, 3] float32 in [0, 1]; 0 where the head is not seen.
    """
    faces, colour = canonical_head()
    return rasteriser().draw(vertices, faces, camera).interpolate(faces, colour)


@lru_cache(maxsize=1)
def canonical_head() -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Faces of the head and each vertex's coordinates in the mean head's box, scaled to [0, 1]."""
    model = head_model()
    on_head = model.mean[:, 2] > NECK_HEIGHT
    low, high = model.mean[on_head].min(axis=0), model.mean[on_head].max(axis=0)
    colour = np.clip((model.mean - low) / (high - low), 0, 1).astype(np.float32)
    return model.faces[on_head[model.faces].all(axis=1)], colour
