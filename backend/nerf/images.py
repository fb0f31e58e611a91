"""Looking colours up in pictures and carrying points through cameras."""

from __future__ import annotations

from typing import Any, TypeVar

import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Values = TypeVar("Values", Tensor, NDArray[Any])


def project(points: Tensor, intrinsics: Tensor, world_to_camera: Tensor) -> Tensor:
    """[N, 3] world points, metres -> [N, 2] in the units of K [3, 3]; K and [4, 4] of an OpenCV camera."""
    in_camera = points @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    pixels = in_camera @ intrinsics.T
    return pixels[:, :2] / pixels[:, 2:]


def look_up(picture: Tensor, places: Tensor) -> Tensor:
    """Bilinear colours at places of a picture, its border's beyond it.

    Args:
        picture: [C, H, W] float.
        places: [N, 2] x, y in units of the picture's width and height.

    Returns:
        [N, C]
    """
    found = F.grid_sample(picture[None], (places * 2 - 1)[None, None], align_corners=False, padding_mode="border")
    return found[0, :, 0].T


def smoothstep(low: float, high: float, values: Values) -> Values:
    """0 below ``low``, 1 above ``high``, a cubic in between; falls where ``low`` is above ``high``."""
    t = ((values - low) / (high - low)).clip(0, 1)
    return t * t * (3 - 2 * t)
