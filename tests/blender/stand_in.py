"""A backend for tests: the real server, sockets, sequence and mesh writers, with an avatar that is quick to make.

``limner`` of these tests: ``python -m tests.blender.stand_in serve --connection-file F --device D --parent-pid N``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backend.avatars.interface import Frame, FrameRequest
from backend.server import operations as real
from backend.server.task import Task
from shared.arkit import ARKIT_INDEX
from shared.camera import Camera
from shared.errors import LimnerError
from shared.messages import Parts
from tests.meshing.analytic_avatar import RADIUS, AnalyticAvatar


class StandIn(AnalyticAvatar):
    """A ball of a head that draws itself as a disc where the request's camera sees it; its mouth opens with the jaw.

    Args:
        width: of the photograph.
        height: of the photograph.
        seconds: that a frame takes.
    """

    kind = "zera"

    def __init__(self, width: int, height: int, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        focal = 2.5 * max(width, height)
        intrinsics = np.array([[focal, 0, width * 0.47], [0, focal, height * 0.55], [0, 0, 1]])
        self.camera = Camera(intrinsics, self.camera.world_to_camera, width, height)
        self.coefficients[ARKIT_INDEX["mouthSmileLeft"]] = 0.3
        self.fingerprint = f"a disc before {width} by {height} pixels"

    def render(self, request: FrameRequest) -> Frame:
        time.sleep(self.seconds)
        camera = request.camera or self.camera
        scale = request.size / max(camera.width, camera.height)
        camera = camera.resized(round(camera.width * scale / 2) * 2, round(camera.height * scale / 2) * 2)
        x, y, depth = camera.project(self._pose(request)[:3, 3])
        radius = camera.intrinsics[0, 0] * RADIUS / depth
        rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
        disc = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
        jaw = 0.0 if request.coefficients is None else float(request.coefficients[ARKIT_INDEX["jawOpen"]])
        mouth = disc & (abs(rows - y - radius / 2) < radius * (0.05 + 0.2 * jaw))
        rgba = np.zeros((camera.height, camera.width, 4), np.uint8)
        keep = isinstance(request.background, str) and request.background == "keep"
        color = (40, 90, 160) if isinstance(request.background, str) else request.background
        rgba[..., :3], rgba[..., 3] = color, 255 if keep or not isinstance(request.background, str) else 0
        rgba[disc] = (210, 170, 150, 255)
        rgba[mouth] = (120, 10, 10, 255)
        return Frame(rgba)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("avatar.json", json.dumps([self.camera.width, self.camera.height, self.seconds]))
            with archive.open("reference.png", "w") as file:
                Image.new("RGB", (self.camera.width, self.camera.height), (40, 90, 160)).save(file, "PNG")


def warm(device: str) -> tuple[str, str]:
    return "cpu", "stand-in"


def load_avatar(path: Path, device: str) -> StandIn:
    with zipfile.ZipFile(path) as archive:
        return StandIn(*json.loads(archive.read("avatar.json")))


def reconstruct(task: Task, parameters: dict[str, Any], parts: Parts) -> tuple[dict[str, Any], Parts]:
    first = Path(parameters["references"][0])
    seconds = float(parameters.get("seconds", 0.3))
    for step in range(10):
        time.sleep(seconds / 10)
        task.progress(step / 10, "Fitting the head")
    if "dog" in first.name:
        raise LimnerError("FACE_NOT_FOUND", f"No face was found in {first.name}.", "Choose another picture.")
    with Image.open(first) as picture:
        avatar = StandIn(*picture.size, 0.2 if "slow" in first.name else 0.0)
    output = task.output(parameters.get("output"), "avatar.limner")
    avatar.save(output)
    task.wrote(output)
    return {"avatar": str(output), "report": {}}, {}


def animate(task: Task, parameters: dict[str, Any], parts: Parts) -> tuple[dict[str, Any], Parts]:
    with wave.open(parameters["source"]) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    frames = round(seconds * parameters["fps"])
    coefficients = np.zeros((frames, 52), np.float32)
    coefficients[:, ARKIT_INDEX["jawOpen"]] = 0.5 - 0.5 * np.cos(np.arange(frames) / 3)
    rotation, location = np.zeros((2, frames, 3), np.float32)
    rotation[:, 2] = 0.2 * np.sin(np.arange(frames) / 5)
    location[:, 0] = 0.01 * np.sin(np.arange(frames) / 7)
    task.progress(0.5, "Hearing phones")
    return {"fps": parameters["fps"], "frames": frames, "output": None}, {
        "coefficients": coefficients, "rotation": rotation, "location": location}  # fmt: skip


OPERATIONS = {**real.OPERATIONS, "reconstruct": reconstruct, "animate": animate}
view = real.view


def main() -> int:
    from backend.server.serve import serve

    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--connection-file", type=Path)
    parser.add_argument("--device")
    parser.add_argument("--parent-pid", type=int)
    options = parser.parse_args()
    return serve(options.connection_file, device=options.device, parent_pid=options.parent_pid,
                 operations="tests.blender.stand_in")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
