"""Small real operations for the server's tests, in the place of ``backend.server.operations``."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from backend.server.task import AvatarCache, Task
from shared.errors import LimnerError
from shared.messages import Parts, View

Result = tuple[dict[str, Any], dict[str, np.ndarray]]


def warm(device: str) -> tuple[str, str]:
    if device == "cuda":
        raise LimnerError("DEVICE_UNAVAILABLE", "No CUDA device here.", "Choose cpu.")
    return "cpu", "cpu stand-in"


def load_avatar(path: Path, device: str) -> np.ndarray:
    """An "avatar" is a text file with a colour."""
    return np.array(path.read_text().split(), np.uint8)


def frames(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    """Write ``count`` files, one each ``seconds``; say who did it."""
    folder = Path(parameters.get("output") or task.folder)
    for number in range(1, parameters["count"] + 1):
        deadline = time.monotonic() + parameters.get("seconds", 0.0)
        while time.monotonic() < deadline:
            task.progress((number - 1) / parameters["count"], "Rendering")
            time.sleep(0.005)
        path = folder / f"{number:04}.bin"
        path.write_bytes(bytes([number % 256]) * parameters.get("bytes", 10))
        task.progress(number / parameters["count"], "Rendering")
        task.frame(number, path)
    return {"pid": os.getpid(), "count": parameters["count"]}, {}


def echo(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    return {"parameters": parameters, "pid": os.getpid()}, dict(parts)


def read(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    path = Path(parameters["source"])
    return {"bytes": path.stat().st_size, "suffix": path.suffix}, {}


def avatar(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    loaded = task.avatars.get(parameters["avatar"])
    return {"identity": id(loaded)}, {"color": loaded}


def refuse(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    raise LimnerError("FACE_NOT_FOUND", "There is no face in dog.jpg.", "Choose another picture.")


def fault(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    raise ZeroDivisionError("a fault nobody foresaw")


def exhaust(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    raise MemoryError


def die(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}, {}


def deaf(task: Task, parameters: dict[str, Any], parts: Parts) -> Result:
    """Hold the interpreter and never listen."""
    deadline = time.monotonic() + parameters["seconds"]
    while time.monotonic() < deadline:
        pass
    return {}, {}


OPERATIONS = {
    operation.__name__: operation for operation in (frames, echo, read, avatar, refuse, fault, exhaust, die, deaf)
}


def view(avatars: AvatarCache, wanted: View, parts: Parts) -> dict[str, np.ndarray]:
    """A picture of the avatar's colour; as slow as ``location[0]`` says."""
    time.sleep(float(parts["location"][0]) if "location" in parts else 0.0)
    rgba = np.empty((wanted.size, wanted.size, 4), np.uint8)
    rgba[:] = avatars.get(wanted.avatar)
    depth = {"depth": np.full((wanted.size, wanted.size), np.inf, np.float32)} if wanted.depth else {}
    return {"rgba": rgba, **depth}
