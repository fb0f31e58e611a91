"""``limner doctor``: what works on this machine, what does not, and the remedy. Every check does what it reports on."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from shared.errors import EXIT_BACKEND_FAILED, EXIT_DONE, LimnerError

ROOT = Path(__file__).resolve().parents[1]
REINSTALL = f"Run `python install.py` in {ROOT}."
GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        name: what was checked.
        status: ``ok``; ``warn``, something optional is missing or slow; ``fail``, a part of Limner does not work.
        detail: what was found.
        remedy: what to do about it; empty where all is well.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""

    @property
    def exit_status(self) -> int:
        """Exit status of a doctor that found this."""
        return EXIT_BACKEND_FAILED if self.status == "fail" else EXIT_DONE


def examine() -> list[Finding]:
    """Run every check; one that raises has failed."""
    findings = []
    for name, check in CHECKS.items():
        try:
            status, detail, remedy = check()
        except LimnerError as error:
            status, detail, remedy = "fail", f"{error.code}: {error.cause}", error.remedy
        except Exception as error:
            status, detail, remedy = "fail", f"{type(error).__name__}: {error}", REINSTALL
        findings.append(Finding(name, status, detail, remedy))
    return findings


def report(findings: list[Finding]) -> str:
    """The findings as lines for people."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:4}  {finding.name:{width}}  {finding.detail}")
        if finding.remedy:
            lines.append(f"{'':4}  {'':{width}}  -> {finding.remedy}")
    failed = sum(finding.status == "fail" for finding in findings)
    lines.append("Everything that Limner needs works." if not failed else f"{failed} of {len(findings)} checks failed.")
    return "\n".join(lines)


Result = tuple[Literal["ok", "warn", "fail"], str, str]


def _python() -> Result:
    detail = f"{platform.python_version()} in {sys.prefix}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        return "fail", detail, "Install Python 3.11 or 3.12 and run `python3.11 install.py`."
    return "ok", detail, ""


def _packages() -> Result:
    names = ("torch", "mediapipe", "numpy", "scipy", "pyzmq", "av", "pillow", "safetensors", "trimesh", "OpenEXR")
    found, missing = [], []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return "fail", f"missing: {', '.join(missing)}", REINSTALL
    return "ok", ", ".join(found), ""


def _device() -> Result:
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        (torch.ones(8, device="cuda") * 2).sum().item()
        return "ok", f"{torch.cuda.get_device_name()}, {free / GIB:.1f} of {total / GIB:.1f} GiB free", ""
    if shutil.which("nvidia-smi"):
        return (
            "warn",
            "an NVIDIA card is here but PyTorch cannot use it",
            "Install its driver and a CUDA build of torch.",
        )
    return "ok", f"no GPU; {os.cpu_count()} processor cores, {torch.get_num_threads()} threads", ""


def _memory() -> Result:
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return "ok", "not measured on this system", ""
    values = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in meminfo.read_text().splitlines()}
    free = values["MemAvailable"] / GIB
    detail = f"{free:.1f} of {values['MemTotal'] / GIB:.1f} GiB free"
    return ("ok", detail, "") if free >= 3 else ("warn", detail, "Making an avatar takes up to 3 GiB: close something.")


def _graphics() -> Result:
    from backend.capture.rasteriser import rasteriser
    from shared.camera import Camera

    triangle = np.array([[-1, -1, 2], [1, -1, 2], [0, 1, 2]], np.float32)
    camera = Camera(np.array([[64.0, 0, 32], [0, 64, 32], [0, 0, 1]]), width=64, height=64)
    hits = rasteriser().draw(triangle, np.array([[0, 1, 2]], np.int32), camera, cull_back=False)
    if hits.triangle[32, 32] != 0 or hits.triangle[63, 0] != -1 or not np.isclose(hits.depth[32, 32], 2, atol=1e-3):
        return "fail", "OpenGL draws a triangle wrongly", "Update the graphics driver, or set LIBGL_ALWAYS_SOFTWARE=1."
    from OpenGL import GL

    name = GL.glGetString(GL.GL_RENDERER)
    return "ok", f"off-screen OpenGL on {name.decode() if name else '?'} ({os.environ['PYOPENGL_PLATFORM']})", ""


def _face_finding() -> Result:
    from backend.capture.detection import detect_faces

    start = time.monotonic()
    faces = detect_faces(np.full((256, 256, 3), 128, np.uint8))
    if faces:
        return "fail", "a face is seen in a grey picture", REINSTALL
    return "ok", f"mediapipe's face, landmark and iris networks ({time.monotonic() - start:.1f} s to load)", ""


def _head_model() -> Result:
    from backend.head.model import head_model

    head_model()
    return "ok", "the Anny head with its 52 ARKit actions", ""


def _speech() -> Result:
    from backend.motion.phones import PhoneDecoder

    seconds = np.arange(8000) / 16_000
    PhoneDecoder().decode((0.2 * np.sin(2 * np.pi * 220 * seconds)).astype(np.float32))
    return "ok", "pocketsphinx with its English phones", ""


def _films() -> Result:
    import av

    missing = [codec for codec in ("libx264", "aac") if codec not in av.codecs_available]
    if missing:
        return "fail", f"PyAV lacks {', '.join(missing)}", "Install PyAV's own wheel: pip install --force-reinstall av."
    return "ok", f"PyAV {av.__version__} with libx264 and AAC", ""


def _wire() -> Result:
    import zmq

    if not zmq.has("curve"):
        return (
            "fail",
            "ZeroMQ has no encryption (CURVE)",
            "Install pyzmq's own wheel: pip install --force-reinstall pyzmq.",
        )
    return "ok", f"ZeroMQ {zmq.zmq_version()} with CURVE", ""


def _disk() -> Result:
    free = shutil.disk_usage(Path.cwd()).free / GIB
    detail = f"{free:.0f} GiB free in {Path.cwd()}"
    return (
        ("ok", detail, "") if free >= 2 else ("warn", detail, "Free some space: a minute of frames takes about 1 GiB.")
    )


def _weights() -> Result:
    from backend.weights import FOLDER, load_weights

    found, damaged = [], []
    for path in sorted(FOLDER.glob("*.safetensors")):
        try:
            weights = load_weights(path.stem)
        except LimnerError as refusal:
            damaged.append(refusal)
        else:
            step = weights.training.get("step", "?") if weights else "?"
            found.append(f"{path.stem} ({path.stat().st_size / 2**20:.1f} MiB, {step} steps)")
    if damaged:
        causes = "; ".join(refusal.cause for refusal in damaged)
        return "warn", f"{causes} Avatars are made without.", damaged[0].remedy
    return "ok", ", ".join(found) or "none; avatars are made of the photograph itself and need none", ""


def _blenders() -> Result:
    from backend.blenders import OLDEST, find_blenders

    blenders = find_blenders()
    fitting = [str(blender) for blender in blenders if blender.fits]
    if fitting:
        return "ok", ", ".join(fitting), ""
    old = f"only {blenders[0]}" if blenders else "none found"
    wanted = ".".join(map(str, OLDEST))
    return "warn", old, f"Install Blender {wanted} or later, or name it in LIMNER_BLENDER; then `python install.py`."


def _installation() -> Result:
    from shared.installation import installation_file

    path = installation_file()
    try:
        command = Path(json.loads(path.read_text(encoding="utf-8"))["limner"])
    except (OSError, ValueError, KeyError, TypeError):
        return "warn", f"the extension is not told where the backend is ({path})", REINSTALL
    if not command.is_file():
        return "warn", f"{path} names {command}, which does not exist", REINSTALL
    return "ok", f"the extension starts {command}", ""


CHECKS: dict[str, Callable[[], Result]] = {
    "Python": _python,
    "packages": _packages,
    "device": _device,
    "memory": _memory,
    "graphics": _graphics,
    "faces": _face_finding,
    "head": _head_model,
    "speech": _speech,
    "films": _films,
    "wire": _wire,
    "disk": _disk,
    "weights": _weights,
    "Blender": _blenders,
    "installation": _installation,
}
