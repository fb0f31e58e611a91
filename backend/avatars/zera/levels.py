"""The canvas on the device that renders: its pictures at the scales of frames, and where points lie on it."""

from __future__ import annotations

from typing import Generic, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.avatars.zera.data import Canvas, HeadCanvas
from backend.nerf.images import project
from shared.camera import Camera

LEVELS_KEPT = 3


class HeadLevel:
    """A canvas's pictures at one scale, [C, H, W] in 0..1: small frames must not sample large pictures sparsely."""

    def __init__(self, canvas: HeadCanvas, scale: float, device: torch.device) -> None:
        self.scale = scale
        self.skin, self.cut = (_picture(pixels, scale, device) for pixels in (canvas.skin, canvas.cut))


class Level(HeadLevel):
    """The same of all of a photograph's layers."""

    def __init__(self, canvas: Canvas, scale: float, device: torch.device) -> None:
        super().__init__(canvas, scale, device)
        self.hair, self.body = (_picture(pixels, scale, device) for pixels in (canvas.hair, canvas.body))
        self.plate, self.lids = (_picture(pixels, scale, device) for pixels in (canvas.plate, canvas.lids))


def _picture(pixels: NDArray[np.uint8], scale: float, device: torch.device) -> Tensor:
    if scale < 1:
        # channel by channel: OpenCV averages at most four at once
        size = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
        channels = [cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in cv2.split(pixels)]
        pixels = np.stack(channels, axis=-1)
    return torch.tensor(pixels, device=device).permute(2, 0, 1).contiguous().float() / 255


AnyLevel = TypeVar("AnyLevel", bound=HeadLevel)


class CanvasLevels(Generic[AnyLevel]):
    """A canvas's levels, made when a frame first needs them; the last few are kept.

    Args:
        canvas: the photograph's layers.
        level: what to make of them.
        device: where the pictures lie.
    """

    def __init__(self, canvas: HeadCanvas, level: type[AnyLevel], device: torch.device) -> None:
        self.canvas = canvas
        self.device = device
        self._level = level
        self._levels: dict[float, AnyLevel] = {}
        camera = canvas.camera
        size = np.array([camera.width, camera.height, 1.0])
        self._intrinsics = torch.tensor(camera.intrinsics / size[:, None], dtype=torch.float32, device=device)
        self._world_to_camera = torch.tensor(camera.world_to_camera, dtype=torch.float32, device=device)
        self.at(1.0)  # while the avatar loads, not while its first frame is waited for

    def at(self, scale: float) -> AnyLevel:
        """The pictures at a scale of the canvas, 0..1."""
        level = self._levels.pop(scale, None) or self._level(self.canvas, scale, self.device)
        self._levels[scale] = level
        while len(self._levels) > LEVELS_KEPT:
            self._levels.pop(next(iter(self._levels)))
        return level

    def seen_by(self, camera: Camera, exact: bool) -> AnyLevel:
        """The pictures as coarse as a camera's frame; unless ``exact`` in steps of root two, so that few are made."""
        distance = float(camera.world_to_camera[2] @ np.array([0, 0, 0, 1.0]))
        return self.scaled((camera.intrinsics[0, 0] / max(distance, 0.05)) / self.metre, exact)

    def scaled(self, scale: float, exact: bool) -> AnyLevel:
        """The pictures at about a scale of the canvas; unless ``exact`` in steps of root two, so that few are made."""
        if not exact:
            scale = 2.0 ** (np.ceil(2 * np.log2(scale)) / 2)
        return self.at(float(np.clip(scale, 0.02, 1.0)))

    def tensor(self, values: NDArray) -> Tensor:
        """Numbers as float32 where the pictures lie."""
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    @property
    def metre(self) -> float:
        """Pixels of the canvas to a metre at the head's distance."""
        camera = self.canvas.camera
        return float(camera.intrinsics[0, 0] / camera.world_to_camera[2, 3])

    def places(self, points: Tensor) -> Tensor:
        """[N, 3] metres, world, in the photograph's pose -> [N, 2] x, y in shares of the canvas."""
        return project(points, self._intrinsics, self._world_to_camera)

    def depths(self, points: Tensor) -> Tensor:
        """[N, 3] metres, world -> [N] metres along the photograph's camera's axis from the world's origin."""
        return points @ self._world_to_camera[2, :3]
