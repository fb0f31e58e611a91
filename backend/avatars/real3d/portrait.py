"""What is known of a photographed person before any network has seen them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.camera import Camera


@dataclass(frozen=True, eq=False)
class Portrait:
    """A photographed person, taken apart.

    Args:
        reference: [S, S, 3] uint8 sRGB, the photograph's square crop.
        head: [S, S, 3] uint8 hair and face on black.
        torso: [S, S, 3] uint8 neck and clothes on black, in-painted under the head.
        background: [S, S, 3] uint8 the scene without the person.
        labels: [S, S] uint8 published classes.
        camera: of the crop.
        neutral: [V, 3] metres in the head frame.
        coefficients: [52] the photograph's expression.
        head_to_world: [4, 4].
        texture: [T, T, 3] uint8 of the head mesh.
    """

    reference: NDArray[np.uint8]
    head: NDArray[np.uint8]
    torso: NDArray[np.uint8]
    background: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    camera: Camera
    neutral: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    head_to_world: NDArray[np.float64]
    texture: NDArray[np.uint8]
