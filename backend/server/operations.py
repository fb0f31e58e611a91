"""What the workers can do: each job kind calls the same function as the command line.

Everything heavy is imported where it is used, so that a worker says what it can do before it has loaded all of it.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from shared.camera import Camera
from shared.errors import LimnerError
from shared.messages import Parts, View, read_fields
from shared.messages_jobs import AnimateJob, HeadJob, MeshJob, ReconstructJob, RenderJob
from shared.motion import MOST_FPS, MotionClip

from .task import AvatarCache, Task

Arrays = dict[str, np.ndarray]
Operation = Callable[[Task, dict[str, Any], Parts], tuple[dict[str, Any], Arrays]]


def warm(device: str) -> tuple[str, str]:
    """Load torch and choose the device.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        ``cpu`` or ``cuda``, and the device in words.

    Raises:
        LimnerError: ``DEVICE_UNAVAILABLE``.
    """
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise LimnerError("DEVICE_UNAVAILABLE", f"There is no device {device!r}.", "Choose auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise LimnerError("DEVICE_UNAVAILABLE", "This machine has no CUDA device that torch can use.",
                          "Choose the device auto or cpu, or run `limner doctor`.")
    if device != "cpu" and torch.cuda.is_available():
        return "cuda", f"cuda {torch.cuda.get_device_name()}"
    return "cpu", f"cpu {platform.machine()}, {torch.get_num_threads()} threads"


def load_avatar(path: Path, device: str) -> Any:
    """Read an avatar; raises what ``backend.avatars.file.load_avatar`` does."""
    from backend.avatars.file import load_avatar

    return load_avatar(path, device)


def reconstruct(task: Task, parameters: dict[str, Any], parts: Parts) -> tuple[dict[str, Any], Arrays]:
    """Photographs to a ``.limner`` file; see ``ReconstructJob``."""
    from backend.avatars.reconstruct import reconstruct

    wanted: ReconstructJob = read_fields(ReconstructJob, parameters)
    output = task.output(wanted.output, "avatar.limner")
    references = [Path(reference) for reference in wanted.references]
    weights = Path(wanted.weights) if wanted.weights else None
    bfm = Path(wanted.bfm) if wanted.bfm else None
    avatar, report = reconstruct(
        references, wanted.kind, wanted.references_kept, task.progress, weights=weights, bfm=bfm, refine=wanted.refine
    )
    avatar.save(output)
    task.wrote(output)
    return {"avatar": str(output), "report": _finite(report)}, {}


def animate(task: Task, parameters: dict[str, Any], parts: Parts) -> tuple[dict[str, Any], Arrays]:
    """Speech, a film or a recording to a motion clip; see ``AnimateJob``."""
    from backend.capture.video import holds_pictures, holds_sound

    wanted: AnimateJob = read_fields(AnimateJob, parameters)
    note = None
    if wanted.published:
        from backend.avatars.real3d.speech import animate_published

        files = (Path(wanted.published.weights), Path(wanted.published.hubert), Path(wanted.published.bfm))
        clip = animate_published(Path(wanted.source), *files, wanted.fps, wanted.seed, task.progress)
    elif holds_pictures(Path(wanted.source)):
        from backend.motion.video import animate_from_video

        motion = animate_from_video(Path(wanted.source), wanted.fps, task.progress)
        clip, note = motion.clip, motion.note
    else:
        from backend.motion.animate import animate

        clip = animate(Path(wanted.source), wanted.fps, wanted.seed, task.progress)
    output = task.output(wanted.output, "motion.npz") if wanted.output else None
    if output:
        clip.save(output)
        task.wrote(output)
    result = {
        "fps": clip.fps,
        "frames": len(clip),
        "output": str(output) if output else None,
        "sound": holds_sound(Path(wanted.source)),
        "note": note,
    }
    return result, {"coefficients": clip.coefficients, "rotation": clip.rotation, "location": clip.location}


def render(task: Task, parameters: dict[str, Any], parts: Parts) -> tuple[dict[str, Any], Arrays]:
    """A clip to frames; see ``RenderJob``."""
    from backend.avatars.interface import photographed
    from backend.avatars.sequence import SequenceSettings, background_from_text, render_sequence

    wanted: RenderJob = read_fields(RenderJob, parameters)
    clip = _clip(wanted.clip, wanted.fps, parts)
    task.progress(0.0, "Loading the avatar")
    avatar = task.avatars.get(wanted.avatar)
    if clip is None:
        clip = photographed(avatar, wanted.fps)
    whole = wanted.first is None and wanted.last is None
    settings = SequenceSettings(
        size=wanted.size,
        frames=None if whole else (wanted.first or 1, wanted.last or len(clip)),
        quality=wanted.quality,
        camera=_cameras(wanted.camera),
        background=background_from_text(wanted.background),
        passes=wanted.passes,
        audio=Path(wanted.audio) if wanted.audio else None,
        resume=wanted.resume,
    )
    destination = task.output(wanted.output, "frames")
    frames = render_sequence(avatar, clip, destination, settings, task.progress, task.frame)
    told = {file.path for file in task.files}
    made = [*frames]
    for name in wanted.passes:
        if destination.suffix.lower() == ".png":
            made += destination.parent.glob(f"{destination.stem}.{name}.*")
        else:
            made += [path for frame in frames for path in (destination / name).glob(f"{frame.stem}.*")]
    for path in made:
        if str(path.absolute()) not in told:
            task.wrote(path)
    return {"frames": [str(path) for path in frames]}, {}


def mesh(task: Task, parameters: dict[str, Any], parts: Parts) -> tuple[dict[str, Any], Arrays]:
    """An avatar to a mesh file; see ``MeshJob``."""
    from backend.meshing.export import export_mesh

    wanted: MeshJob = read_fields(MeshJob, parameters)
    clip = _clip(wanted.clip, wanted.fps, parts)
    task.progress(0.0, "Loading the avatar")
    avatar = task.avatars.get(wanted.avatar)
    output = task.output(wanted.output, "head.glb" if wanted.surface == "head" else "surface.ply")
    path = export_mesh(avatar, output, wanted.surface, clip, wanted.frame, wanted.resolution, task.progress)
    beside = (path.with_name(f"{path.stem}_texture.png"), path.with_suffix(".mtl"))  # what .obj and .usdc need
    for file in (path, *(file for file in beside if path.suffix.lower() in (".obj", ".usdc") and file.is_file())):
        task.wrote(file)
    return {"output": str(path)}, {}


def head(task: Task, parameters: dict[str, Any], parts: Parts) -> tuple[dict[str, Any], Arrays]:
    """What the add-on builds the avatar object from; see ``HeadJob``."""
    wanted: HeadJob = read_fields(HeadJob, parameters)
    task.progress(0.0, "Loading the avatar")
    avatar = task.avatars.get(wanted.avatar)
    task.progress(0.5, "Making the head mesh")
    built = avatar.head_mesh()
    result = {
        "kind": avatar.kind,
        "camera": avatar.camera.to_json(),
        "size": [avatar.camera.width, avatar.camera.height],
        "coefficients": np.asarray(avatar.coefficients).tolist(),
        "head_to_world": np.asarray(avatar.head_to_world).tolist(),
    }
    return result, {name: getattr(built, name) for name in ("vertices", "faces", "shape_keys", "uv", "texture")}


OPERATIONS: dict[str, Operation] = {
    "reconstruct": reconstruct,
    "animate": animate,
    "render": render,
    "mesh": mesh,
    "head": head,
}


def view(avatars: AvatarCache, wanted: View, parts: Parts) -> Arrays:
    """One picture now; see ``View`` and ``Picture``."""
    from backend.avatars.interface import FrameRequest
    from backend.avatars.sequence import background_from_text

    camera = _cameras(wanted.camera)
    given = {name: parts[name] for name, length in (("coefficients", 52), ("rotation", 3), ("location", 3))
             if _fits(parts, name, length)}  # fmt: skip
    request = FrameRequest(
        **given,
        camera=camera if isinstance(camera, Camera) else None,
        size=wanted.size,
        quality=wanted.quality,
        background=background_from_text(wanted.background),
        passes=("rgba", "depth") if wanted.depth else ("rgba",),
    )
    frame = avatars.get(wanted.avatar).render(request)
    return {"rgba": frame.rgba} if frame.depth is None else {"rgba": frame.rgba, "depth": frame.depth}


def _fits(parts: Parts, name: str, length: int) -> bool:
    if name in parts and (parts[name].shape != (length,) or not np.isfinite(parts[name]).all()):
        raise LimnerError("MESSAGE_INVALID", f"{name} must be {length} finite numbers.", "Update the add-on.")
    return name in parts


def _clip(path: str | None, fps: float, parts: Parts) -> MotionClip | None:
    """The clip a message names or carries."""
    if not 0 < fps <= MOST_FPS:
        raise LimnerError("MESSAGE_INVALID", f"{fps} frames a second is no rate.", "Update the add-on.")
    if path is not None:
        return MotionClip.load(path)
    if "coefficients" not in parts:
        return None
    try:
        frames = len(parts["coefficients"])
        still = np.zeros((frames, 3), np.float32)
        clip = MotionClip(fps, parts["coefficients"], parts.get("rotation", still), parts.get("location", still))
        rows = (clip.coefficients, clip.rotation, clip.location)
        if not frames or not all(np.isfinite(values).all() for values in rows):
            raise ValueError("no frames or values that are not finite")
        return clip
    except (ValueError, TypeError) as error:
        cause = f"The motion sent is malformed ({error})."
        raise LimnerError("MESSAGE_INVALID", cause, "Update the add-on.") from error


def _cameras(data: Any) -> Any:
    """A camera, a list of them or ``None``, from JSON."""
    try:
        if isinstance(data, dict):
            return Camera.from_json(data)
        return [Camera.from_json(item) for item in data] if data else None
    except (KeyError, TypeError, ValueError) as error:
        raise LimnerError("MESSAGE_INVALID", f"A camera is malformed ({error}).", "Update the add-on.") from error


def _finite(value: Any) -> Any:
    """JSON values with everything that is not finite as ``None``."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
