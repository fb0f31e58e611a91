"""What is known of a photographed person before any network has seen them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.avatars.real3d.bfm_fit import BaselFit
from shared.camera import Camera


@dataclass(frozen=True)
class BaselPortrait:
    """A person in the user's own Basel Face Model.

    Args:
        folder: where the model is; nothing of it goes into the avatar's file.
        fit: of the photograph.
    """

    folder: Path
    fit: BaselFit

    def to_json(self) -> dict[str, Any]:
        """The folder's place and the person's coefficients."""
        return {"folder": str(self.folder.absolute()), **self.fit.to_json()}

    @classmethod
    def found(cls, description: Mapping[str, Any], beside: Path) -> BaselPortrait:
        """What :meth:`to_json` describes; the model's folder is where it was or beside the avatar's file."""
        place = Path(description["folder"])
        moved = beside.parent / place.name
        return cls(place if place.is_dir() or not moved.is_dir() else moved, BaselFit.from_json(description))


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
        basel: the person in the Basel Face Model, where the user gave it.
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
    basel: BaselPortrait | None = None
