"""Builds the two zips of the Blender extension with Blender's own tool. Standard library only.

Two, because Blender reads the Python versions an extension supports out of its wheels' names: with pyzmq's cp311 and
abi3 wheels in one zip it refuses the zip on Python 3.13, with the abi3 wheel alone it finds none on Python 3.11.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import LimnerError

ROOT = Path(__file__).resolve().parents[1]
PYZMQ = "27.3.0"


@dataclass(frozen=True)
class Build:
    """One of the zips: the Blenders it is for, and the wheels that fit their Python."""

    suffix: str
    blender_version_min: str
    blender_version_max: str | None  # exclusive
    python_version: str
    abi: str


BUILDS = (
    Build("blender-4.5-to-5.0", "4.5.0", "5.1.0", "3.11", "cp311"),
    Build("blender-5.1-and-later", "5.1.0", None, "3.13", "abi3"),
)

# Blender's platforms and pyzmq's wheel tags for them
WHEEL_PLATFORMS = {
    "linux-x64": "manylinux_2_28_x86_64",
    "linux-arm64": "manylinux_2_28_aarch64",
    "windows-x64": "win_amd64",
    "windows-arm64": "win_arm64",
    "macos": "macosx_10_15_universal2",
}


def build_for(blender_version: tuple[int, ...]) -> Build:
    """The build that a Blender of this version can install.

    Raises:
        LimnerError: ``VERSION_MISMATCH`` for a Blender before 4.5.
    """
    if blender_version < (4, 5):
        raise LimnerError("VERSION_MISMATCH", f"Blender {'.'.join(map(str, blender_version))} is too old for Limner.",
                          "Use Blender 4.5 or later.")
    return BUILDS[1] if blender_version >= (5, 1) else BUILDS[0]


def find_extension_tool() -> list[str]:
    """The command that validates and builds extensions: Blender's own, from a bpy wheel here or an installed Blender.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` where neither is.
    """
    script = "site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
    for environment in sorted(ROOT.glob(".venv-bpy*"), reverse=True):
        for found in (*environment.glob(f"lib/python*/{script}"), *environment.glob(f"Lib/{script}")):
            return [sys.executable, str(found)]
    blender = os.environ.get("LIMNER_BLENDER") or shutil.which("blender")
    if blender:
        return [blender, "--factory-startup", "--command", "extension"]
    raise LimnerError("FILE_NOT_FOUND", "No Blender was found to build the extension with.",
                      "Set LIMNER_BLENDER to Blender's executable, or run `python install.py demo` once.")


def fetch_wheels(build: Build, platforms: Sequence[str] = tuple(WHEEL_PLATFORMS)) -> list[Path]:
    """pyzmq's wheels for a build, unmodified from PyPI, kept in ``build/wheels``.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` when a wheel is neither there nor can be fetched.
    """
    folder = ROOT / "build" / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    wheels = []
    for platform in platforms:
        tag = WHEEL_PLATFORMS[platform]
        pattern = f"pyzmq-{PYZMQ}-*-{build.abi}-*{tag}*.whl"
        found = sorted(folder.glob(pattern))
        if not found:
            fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                     "--implementation", "cp", "--python-version", build.python_version, "--abi", build.abi,
                     "--platform", tag, "--dest", str(folder), f"pyzmq=={PYZMQ}"]
            done = subprocess.run(fetch, capture_output=True, text=True, timeout=300)
            found = sorted(folder.glob(pattern))
            if not found:
                raise LimnerError("FILE_NOT_FOUND", f"No pyzmq wheel for {platform}: {done.stderr[-300:]}",
                                  "Check the network, or put the wheel into build/wheels by hand.")
        wheels.append(found[0])
    return wheels


def manifest_for(build: Build, wheels: Sequence[Path]) -> str:
    """The manifest of a build: the source's, with its Blender versions and its wheels."""
    text = (ROOT / "blender_addon" / "blender_manifest.toml").read_text(encoding="utf-8")
    versions = [f'blender_version_min = "{build.blender_version_min}"']
    if build.blender_version_max:
        versions.append(f'blender_version_max = "{build.blender_version_max}"')
    text, changed = re.subn(r'^blender_version_min = .*$', "\n".join(versions), text, flags=re.MULTILINE)
    assert changed == 1
    listed = "".join(f'  "./wheels/{wheel.name}",\n' for wheel in wheels)
    return text.replace("[permissions]", f"wheels = [\n{listed}]\n\n[permissions]")


def stage(build: Build, wheels: Sequence[Path], folder: Path) -> None:
    """Lay out the extension's source as the zip will carry it: the add-on, a copy of ``shared``, the wheels."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "shared")
    shutil.copytree(ROOT / "blender_addon", folder, ignore=ignored, dirs_exist_ok=True)
    shutil.copytree(ROOT / "shared", folder / "shared", ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))
    (folder / "wheels").mkdir()
    for wheel in wheels:
        shutil.copy2(wheel, folder / "wheels")
    (folder / "blender_manifest.toml").write_text(manifest_for(build, wheels), encoding="utf-8")
    shutil.copy2(ROOT / "LICENSE", folder)


def run_tool(command: Sequence[str]) -> None:
    """Run Blender's extension tool; its refusal becomes the error's cause."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise LimnerError("INTERNAL", f"Blender's extension tool refused: {(done.stdout + done.stderr).strip()[-500:]}",
                          "Repair blender_addon/blender_manifest.toml or the named file.")


def build_extension(build: Build, destination: Path, platforms: Sequence[str] = tuple(WHEEL_PLATFORMS)) -> Path:
    """Validate and build one zip into a folder; returns its path.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` (no tool, no wheel), ``INTERNAL`` (Blender's tool refuses the source).
    """
    tool = find_extension_tool()
    destination.mkdir(parents=True, exist_ok=True)
    version = re.search(r'^version = "(.+)"', manifest_for(build, ()), flags=re.MULTILINE)
    assert version
    path = destination.resolve() / f"limner-{version[1]}-{build.suffix}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        source, part = Path(temporary, "limner"), Path(temporary, path.name)
        stage(build, fetch_wheels(build, platforms), source)
        run_tool([*tool, "validate", str(source)])
        run_tool([*tool, "build", "--source-dir", str(source), "--output-filepath", str(part)])
        run_tool([*tool, "validate", str(part)])
        shutil.move(part, path)
    return path


def build_extensions(destination: Path, platforms: Sequence[str] = tuple(WHEEL_PLATFORMS)) -> list[Path]:
    """Both zips; see :func:`build_extension`."""
    return [build_extension(build, destination, platforms) for build in BUILDS]


if __name__ == "__main__":
    for made in build_extensions(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"):
        print(made)
