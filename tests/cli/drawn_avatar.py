"""A small deterministic avatar for tests of what happens around rendering: draws its motion values as plain shapes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from backend.avatars.interface import Frame, FrameRequest
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.camera import Camera


class DrawnAvatar:
    """A grey disc whose mouth bar opens with ``jawOpen``, or noise; counts the frames it renders."""

    kind = "drawn"

    def __init__(self, seconds_a_frame: float = 0.0, noise: bool = False) -> None:
        self.rendered = 0
        self._seconds = seconds_a_frame
        self._noise = noise
        self.camera = Camera(np.array([[800.0, 0, 320], [0, 800, 240], [0, 0, 1]]), width=640, height=480)
        self.coefficients = np.zeros(len(ARKIT_NAMES), np.float32)
        self.head_to_world = np.eye(4)
        self.fingerprint = "a disc"

    def render(self, request: FrameRequest) -> Frame:
        """A frame that shows ``jawOpen``, the yaw and the background asked for."""
        self.rendered += 1
        time.sleep(self._seconds)
        width, height = request.size, request.size * 3 // 4 // 2 * 2
        y, x = np.mgrid[:height, :width]
        coefficients = self.coefficients if request.coefficients is None else request.coefficients
        center = width / 2 + float(request.rotation[2]) * width / 4
        disc = (x - center) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2
        mouth = disc & (abs(y - height * 0.6) < 2 + 10 * float(coefficients[ARKIT_INDEX["jawOpen"]]))
        rgba = np.zeros((height, width, 4), np.uint8)
        if isinstance(request.background, str):
            rgba[..., :3], rgba[..., 3] = (40, 90, 160), 255 * (disc | (request.background == "keep"))
        else:
            rgba[..., :3], rgba[..., 3] = request.background, 255
        rgba[disc, :3] = 180
        rgba[mouth, :3] = (120, 10, 10)
        depth = np.where(disc, 1.0 + x / width, np.inf).astype(np.float32)
        if self._noise:
            random = np.random.default_rng(self.rendered)
            rgba[..., :3] = random.integers(0, 256, rgba[..., :3].shape, np.uint8)
            depth = random.random(depth.shape, np.float32)
        return Frame(
            rgba, depth=depth if "depth" in request.passes else None, head=rgba if "head" in request.passes else None
        )


def write_tone(path: Path, seconds: float = 2.0, rate: int = 16_000) -> Path:
    """A 440 Hz tone as 16-bit mono WAV."""
    import wave

    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path
