"""An avatar in front of the camera: asks it for poses and expressions, and measures the faces it shows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.avatars.interface import Avatar, Frame, FrameRequest
from backend.capture.detection import detect_face
from backend.capture.fit import measure_head_rotation
from backend.evaluation.metrics import relative_turn
from shared.arkit import ARKIT_INDEX
from shared.camera import Camera

EYES_OPEN = (("eyeBlinkLeft", 0.0), ("eyeBlinkRight", 0.0))
Values = tuple[tuple[str, float], ...]


class Stage:
    """Renders at 512 pixels or another size; every picture is taken once."""

    def __init__(self, avatar: Avatar, size: int = 512) -> None:
        self.avatar = avatar
        self.size = size
        self.shot = lru_cache(self._shot)
        self.points = lru_cache(self._points)

    def coefficients(self, **values: float) -> NDArray[np.float32]:
        """[52] The photograph's own expression with some values replaced."""
        coefficients = np.array(self.avatar.coefficients, np.float32)
        for name, value in values.items():
            coefficients[ARKIT_INDEX[name]] = value
        return coefficients

    def _shot(self, turn: tuple[float, float, float], background: str, values: Values) -> Frame:
        return self.avatar.render(
            FrameRequest(self.coefficients(**dict(values)), np.radians(turn), size=self.size, background=background)
        )

    def picture(self, turn: tuple[float, float, float] = (0, 0, 0), /, **values: float) -> NDArray[np.uint8]:
        """[H, W, 3] with the photograph's background; turn in degrees."""
        rgba = self.shot(turn, "keep", tuple(values.items())).rgba
        return np.ascontiguousarray(rgba[..., :3])

    def alone(self, turn: tuple[float, float, float] = (0, 0, 0), /, **values: float) -> NDArray[np.uint8]:
        """[H, W, 4] without background."""
        return self.shot(turn, "transparent", tuple(values.items())).rgba

    def _points(self, values: Values) -> NDArray[np.float32]:
        return detect_face(self.picture(**dict(values))).points

    def landmarks(self, **values: float) -> NDArray[np.float32]:
        """[478, 3] mediapipe's landmarks of an expression, pixels."""
        return self.points(tuple(values.items()))

    def turned(self, *turn: float) -> NDArray[np.float64]:
        """[3] degrees that the head fit measures between the photograph's pose and a turn."""
        rest = measure_head_rotation(self.picture())
        return relative_turn(measure_head_rotation(self.picture((turn[0], turn[1], turn[2]))), rest)


def orbited(camera: Camera, yaw: float, pitch: float = 0.0, nearer: float = 1.0) -> Camera:
    """The camera carried around the world's origin by angles in degrees, its distance times ``nearer``."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("zx", (yaw, pitch), degrees=True).as_matrix()
    pose = camera.world_to_camera @ turn
    pose[:3, 3] *= nearer
    return Camera(camera.intrinsics, pose, camera.width, camera.height)
