"""Single measurements, each made to run alone in a process of its own.

``python -m backend.evaluation.measurements NAME ARGUMENTS`` with the arguments in JSON; the answer is one line of JSON
behind ``ANSWER`` on standard output.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.arkit import ARKIT_INDEX
from shared.camera import Camera
from shared.motion import MotionClip

if TYPE_CHECKING:
    from backend.avatars.interface import Avatar

ANSWER = "ANSWER "
MIB = 1 << 20


def memory_now() -> float:
    """Resident memory of this process in MiB."""
    return _status("VmRSS")


def memory_peak() -> float:
    """The most resident memory this process ever had, in MiB."""
    return _status("VmHWM")


def _status(field: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        import resource  # macOS; bytes there, and only the peak is known

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def lively_clip(frames: int, fps: float = 25.0) -> MotionClip:
    """Motion in which every frame differs from every other, so that nothing can be answered from a cache."""
    time_axis = np.arange(frames)[:, None] / fps
    coefficients = np.zeros((frames, len(ARKIT_INDEX)), np.float32)
    for name, rate, top in (
        ("jawOpen", 2.3, 0.5),
        ("eyeBlinkLeft", 0.37, 1.0),
        ("eyeBlinkRight", 0.37, 1.0),
        ("mouthSmileLeft", 0.71, 0.6),
        ("mouthSmileRight", 0.71, 0.6),
        ("browInnerUp", 0.53, 0.8),
    ):
        coefficients[:, ARKIT_INDEX[name]] = top * np.sin(np.pi * rate * time_axis[:, 0]) ** 2
    rotation = np.sin(time_axis * np.array([1.1, 0.7, 0.9])) * np.array([0.1, 0.05, 0.3])
    return MotionClip(fps, coefficients, rotation, np.zeros((frames, 3)))


def _render(avatar: Avatar, clip: MotionClip, index: int, size: int, quality: Any) -> float:
    """Seconds that one frame takes."""
    from backend.avatars.interface import FrameRequest

    request = FrameRequest(
        clip.coefficients[index], clip.rotation[index], clip.location[index], size=size, quality=quality
    )
    start = time.perf_counter()
    avatar.render(request)
    return time.perf_counter() - start


def reconstruct(references: list[str], output: str, weights: str | None = None) -> dict[str, Any]:
    """Make an avatar and save it: seconds of the work, of the imports before it, and the peak of memory.

    Args:
        references: pictures.
        output: the avatar's file.
        weights: what ``limner import-real3d`` wrote, for an avatar of the kind ``real3d``.
    """
    start = time.perf_counter()
    from backend.avatars.reconstruct import reconstruct as make

    imported = time.perf_counter()
    kind = "real3d" if weights else "zera"
    avatar, _ = make([Path(reference) for reference in references], kind, weights=Path(weights) if weights else None)
    avatar.save(Path(output))
    return {
        "seconds": time.perf_counter() - imported,
        "import_seconds": imported - start,
        "peak_mib": memory_peak(),
        "file_mib": Path(output).stat().st_size / MIB,
    }


def planes(references: list[str], weights: str, repeats: int) -> dict[str, Any]:
    """Lift a picture's head into planes with the published network, as ``reconstruct`` does.

    Returns:
        ``prepare_seconds``, the first time that the network is laid out, which ``reconstruct`` does while it finds the
        face; and ``first_seconds`` and ``seconds`` of the lifting.
    """
    import torch

    from backend.avatars.real3d.build import build_portrait
    from backend.avatars.real3d.network import PICTURE_SIZE
    from backend.avatars.real3d.renderer import PlaneLifting
    from backend.avatars.real3d.weights import PortraitWeights
    from backend.capture.image import load_image

    portrait, _ = build_portrait(load_image(Path(references[0])), PICTURE_SIZE)
    start = time.perf_counter()
    with PortraitWeights(Path(weights)).network(torch.device("cpu")) as network:
        lifting = PlaneLifting(network)
    prepared = time.perf_counter() - start
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        lifting(portrait.head)
        seconds.append(time.perf_counter() - start)
    return {
        "prepare_seconds": prepared,
        "first_seconds": seconds[0],
        "seconds": seconds[1:],
        "peak_mib": memory_peak(),
    }


def frames(avatar: str, size: int, quality: str, repeats: int, device: str) -> dict[str, Any]:
    """Render frames with changing motion: seconds to load, of the first frame and of each later one."""
    from backend.avatars.file import load_avatar

    start = time.perf_counter()
    loaded = load_avatar(Path(avatar), device)
    load_seconds = time.perf_counter() - start
    clip = lively_clip(repeats + 1)
    seconds = [_render(loaded, clip, index, size, quality) for index in range(repeats + 1)]
    return {
        "load_seconds": load_seconds,
        "first_seconds": seconds[0],
        "seconds": seconds[1:],
        "peak_mib": memory_peak(),
    }


def pncc(size: int, repeats: int) -> dict[str, Any]:
    """Render the canonical coordinates of the mean head, turned a little further each time."""
    from backend.capture.pncc import pncc as draw
    from backend.head.model import bend, head_model

    model = head_model()
    focal = size * 3.0
    look = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 1.1], [0, 0, 0, 1]])
    camera = Camera(np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]]), look, size, size)
    seconds = []
    for index in range(repeats + 1):
        posed = bend(model.mean, model.head_share, np.array([0, 0, 0.01 * index]), np.zeros(3))
        start = time.perf_counter()
        draw(posed, camera)
        seconds.append(time.perf_counter() - start)
    return {"first_seconds": seconds[0], "seconds": seconds[1:]}


def memory(avatar: str, size: int, quality: str, count: int, device: str) -> dict[str, Any]:
    """Render many frames: resident memory after every 20th, and how much it grew after the first tenth."""
    from backend.avatars.file import load_avatar

    loaded = load_avatar(Path(avatar), device)
    clip = lively_clip(count)
    resident, seconds = [], 0.0
    for index in range(count):
        seconds += _render(loaded, clip, index, size, quality)
        if index % 20 == 19 or index == count - 1:
            resident.append(memory_now())
    settled = resident[len(resident) // 10 :]
    quarter = max(1, len(settled) // 4)
    growth = float(np.median(settled[-quarter:]) - np.median(settled[:quarter]))
    return {
        "frames": count,
        "growth_mib": growth,
        "resident_mib": resident,
        "peak_mib": memory_peak(),
        "seconds": seconds,
    }


def demo(references: list[str], speech: str | None, size: int, count: int, device: str) -> dict[str, Any]:
    """The main job from picture and speech to frames, film and meshes: seconds of every stage."""
    from backend.avatars.file import load_avatar
    from backend.avatars.reconstruct import reconstruct as make
    from backend.avatars.sequence import SequenceSettings, render_sequence
    from backend.meshing.export import export_mesh

    stages: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        stages[name] = time.perf_counter() - start

    with tempfile.TemporaryDirectory(prefix="limner-benchmark-") as folder:
        out = Path(folder)
        with timed("reconstruct"):
            avatar, _ = make([Path(reference) for reference in references])
            avatar.save(out / "avatar.limner")
        with timed("load"):
            loaded = load_avatar(out / "avatar.limner", device)
        clip = lively_clip(count)
        if speech:
            from backend.motion.animate import animate

            with timed("animate"):
                clip = animate(Path(speech))
        span = (1, min(count, len(clip)))
        with timed(f"film of {span[1]} frames"):
            settings = SequenceSettings(size=size, frames=span, audio=Path(speech) if speech else None)
            render_sequence(loaded, clip, out / "demo.mp4", settings)
        with timed("head.glb"):
            export_mesh(loaded, out / "head.glb", "head", clip)
        with timed("surface.ply"):
            export_mesh(loaded, out / "surface.ply", "volume")
    return {"stages": stages, "peak_mib": memory_peak(), "clip_frames": len(clip)}


MEASUREMENTS: dict[str, Callable[..., dict[str, Any]]] = {
    "reconstruct": reconstruct,
    "planes": planes,
    "frames": frames,
    "pncc": pncc,
    "memory": memory,
    "demo": demo,
}


def main() -> int:
    """Make the measurement named by the arguments; a refusal is an answer, too."""
    from backend.allocator import keep_freed_memory
    from shared.errors import LimnerError

    keep_freed_memory()
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    try:
        answer = MEASUREMENTS[name](**arguments)
    except LimnerError as error:
        answer = {"error": error.to_json()}
    print(ANSWER + json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
