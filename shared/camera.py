"""Pinhole cameras as the wire and the files carry them: OpenCV intrinsics and a world-to-camera matrix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

MOST_ASPECT = 100.0  # of a picture's sides


@dataclass(frozen=True)
class Camera:
    """An OpenCV pinhole camera (x right, y down, z forward) in a Z-up world, metres.

    Args:
        intrinsics: [3, 3] matrix K in pixels of a ``width`` x ``height`` image; pixel (0, 0)'s centre is at (0.5, 0.5).
        world_to_camera: [4, 4] rigid matrix.
        width: image width in pixels.
        height: image height in pixels.
    """

    intrinsics: np.ndarray
    world_to_camera: np.ndarray = field(default_factory=lambda: np.eye(4))
    width: int = 512
    height: int = 512

    def __post_init__(self) -> None:
        object.__setattr__(self, "intrinsics", np.asarray(self.intrinsics, np.float64).reshape(3, 3))
        object.__setattr__(self, "world_to_camera", np.asarray(self.world_to_camera, np.float64).reshape(4, 4))

    @property
    def position(self) -> np.ndarray:
        """[3] The camera's centre in the world."""
        rotation, translation = self.world_to_camera[:3, :3], self.world_to_camera[:3, 3]
        return -rotation.T @ translation

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels and depth of world points: [..., 3] metres -> [..., 3] (x px, y px, depth in metres)."""
        in_camera = points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        pixels = in_camera @ self.intrinsics.T
        return np.concatenate([pixels[..., :2] / pixels[..., 2:], in_camera[..., 2:]], axis=-1)

    def resized(self, width: int, height: int) -> Camera:
        """The same view as an image of another size, the aspect stretched if it differs."""
        scale = np.diag([width / self.width, height / self.height, 1.0])
        return Camera(scale @ self.intrinsics, self.world_to_camera, width, height)

    def fitted(self, size: int) -> Camera:
        """The view as a picture whose longer side is ``size`` pixels, both sides even."""
        scale = size / max(self.width, self.height)
        return self.resized(max(2, 2 * round(self.width * scale / 2)), max(2, 2 * round(self.height * scale / 2)))

    def to_json(self) -> dict[str, Any]:
        """The camera as JSON-ready values."""
        return {
            "intrinsics": self.intrinsics.tolist(),
            "world_to_camera": self.world_to_camera.tolist(),
            "width": self.width,
            "height": self.height,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Camera:
        """The inverse of :meth:`to_json`; raises ``KeyError``, ``TypeError`` or ``ValueError`` on malformed data."""
        camera = cls(
            np.asarray(data["intrinsics"], np.float64),
            np.asarray(data["world_to_camera"], np.float64),
            int(data["width"]),
            int(data["height"]),
        )
        if not 1 / MOST_ASPECT <= camera.width / max(camera.height, 1) <= MOST_ASPECT:
            raise ValueError(f"no picture is {camera.width} x {camera.height}")
        if not (np.isfinite(camera.intrinsics).all() and min(camera.intrinsics[0, 0], camera.intrinsics[1, 1]) > 0):
            raise ValueError("the focal lengths must be above zero")
        rotation = camera.world_to_camera[:3, :3]
        if not (np.isfinite(camera.world_to_camera).all() and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)):
            raise ValueError("world_to_camera must be rigid: a rotation and a translation")
        return camera
