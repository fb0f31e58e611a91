"""The head mesh that an avatar of any kind hands to Blender."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.avatars.interface import HeadMesh
from backend.head.model import NECK_BEGINS, head_model


def head_mesh(neutral: NDArray[np.float32], actions: NDArray[np.float32], texture: NDArray[np.uint8]) -> HeadMesh:
    """The head and neck of a fitted head.

    Args:
        neutral: [V, 3] metres in the head frame, the head model's topology.
        actions: [52, V, 3] offsets at coefficient 1.
        texture: [T, T, 3] uint8 sRGB over the head model's texture coordinates.
    """
    model = head_model()
    kept = (model.head_share[model.faces] > NECK_BEGINS).all(axis=1)
    used = np.unique(model.faces[kept])
    index = np.zeros(len(model.mean), np.int32)
    index[used] = np.arange(len(used))
    return HeadMesh(neutral[used], index[model.faces[kept]], actions[:, used], model.uv[kept], texture)
