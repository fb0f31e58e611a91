"""The world of the tri-planes, in which published heads are rendered, and our own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.avatars.real3d.camera import FOCAL_LENGTH, WORLD_OFFSET, WORLD_PER_MODEL
from backend.avatars.real3d.canonical import PublishedFrame
from backend.avatars.real3d.pncc import FOCAL

# The rendered head covers what the face model's covers, from the same distance through a narrower lens: it is larger.
_UNITS = WORLD_PER_MODEL * FOCAL / FOCAL_LENGTH


@dataclass(frozen=True)
class PlanesWorld:
    """Where a person's head is among the planes.

    Args:
        frame: the person's published frame.
        head_to_world: [4, 4] the head's pose at the moment, metres.
    """

    frame: PublishedFrame
    head_to_world: NDArray[np.float64]

    @property
    def metre(self) -> float:
        """Units of the planes' world a metre."""
        return self.frame.scale * _UNITS

    def to_planes(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """[N, 3] metres in the world -> [N, 3] in the planes' world."""
        in_head = (points - self.head_to_world[:3, 3]) @ self.head_to_world[:3, :3]
        return np.asarray(self.frame.places(in_head) * _UNITS + WORLD_OFFSET)

    def to_world(self, places: NDArray[np.floating]) -> NDArray[np.float64]:
        """The inverse of :meth:`to_planes`."""
        units = (places - np.asarray(WORLD_OFFSET)) / _UNITS
        in_head = (units - self.frame.origin) @ self.frame.rotation / self.frame.scale
        return np.asarray(in_head @ self.head_to_world[:3, :3].T + self.head_to_world[:3, 3])

    def box(self, size: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner in the world around the planes' cube of a side, which stands askew in it."""
        corners = np.stack(np.meshgrid(*[(-size / 2, size / 2)] * 3), axis=-1).reshape(-1, 3)
        found = self.to_world(corners)
        return found.min(axis=0), found.max(axis=0)
