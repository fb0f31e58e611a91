"""Tell the extension where the backend is, and install it into the Blenders of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from backend.blenders import Blender, find_blenders
from shared.installation import installation_file

from .addon import WHEEL_PLATFORMS, build_extension, build_for
from .environment import say


def write_installation_file(limner: Path, path: Path | None = None) -> Path:
    """Leave the path of the ``limner`` command where the extension looks for it."""
    path = path or installation_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"limner": str(limner)}, indent=1), encoding="utf-8")
    return path


def this_platform() -> str:
    """Blender's name of this platform."""
    import platform

    arm = platform.machine().lower() in ("arm64", "aarch64")
    if sys.platform == "darwin":
        return "macos"
    return f"{'windows' if sys.platform == 'win32' else 'linux'}-{'arm64' if arm else 'x64'}"


def install_into(blender: Blender) -> None:
    """Build the extension for one Blender and install it the official way.

    Raises:
        LimnerError: see :func:`installer.addon.build_extension`.
        subprocess.CalledProcessError: Blender refuses the zip.
    """
    platform = this_platform()
    platforms = [platform] if platform in WHEEL_PLATFORMS else list(WHEEL_PLATFORMS)
    os.environ["LIMNER_BLENDER"] = str(blender.path)  # its extension tool builds the zip
    with tempfile.TemporaryDirectory() as folder:
        archive = build_extension(build_for(blender.version), Path(folder), platforms)
        command = [str(blender.path), "--command", "extension", "install-file", "-r", "user_default", "-e"]
        subprocess.run([*command, str(archive)], check=True, capture_output=True, text=True, timeout=300)


def install_into_all() -> int:
    """Install the extension into every Blender found; returns how many failed."""
    failed = 0
    blenders = find_blenders()
    for blender in blenders:
        if not blender.fits:
            say(f"{blender} is too old; Limner needs 4.5 or later")
            continue
        try:
            install_into(blender)
            say(f"installed the extension into {blender}; look for Limner in the 3D viewport's sidebar (N)")
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            failed += 1
            say(f"{blender} refused the extension: {error.stdout!s} {error.stderr!s}")
    if not blenders:
        say("found no Blender; install Blender 4.5 or later and run this again, or name it in LIMNER_BLENDER")
    return failed


if __name__ == "__main__":
    sys.exit(min(install_into_all(), 1))
