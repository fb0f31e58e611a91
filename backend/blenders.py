"""The Blenders on this machine. Standard library only: ``install.py`` uses it before anything is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OLDEST = (4, 5)


@dataclass(frozen=True)
class Blender:
    """An installed Blender.

    Args:
        path: its executable.
        version: such as (4, 5, 3).
    """

    path: Path
    version: tuple[int, ...]

    @property
    def fits(self) -> bool:
        """Whether the extension runs in it."""
        return self.version >= OLDEST

    def __str__(self) -> str:
        return f"Blender {'.'.join(map(str, self.version))} ({self.path})"


def _candidates() -> list[Path]:
    home = Path.home()
    found = [Path(path) for path in (os.environ.get("LIMNER_BLENDER"), shutil.which("blender")) if path]
    if sys.platform == "win32":
        for folder in {os.environ.get("PROGRAMFILES", ""), os.environ.get("LOCALAPPDATA", "")} - {""}:
            found += sorted(Path(folder).glob("Blender Foundation/Blender */blender.exe"))
    elif sys.platform == "darwin":
        for folder in (Path("/Applications"), home / "Applications"):
            found += sorted(folder.glob("Blender*.app/Contents/MacOS/Blender"))
    else:
        for folder in (Path("/opt"), Path("/usr/local"), home, home / "Downloads", home / ".local/share"):
            found += sorted(folder.glob("blender*/blender"))
    return found


def find_blenders() -> list[Blender]:
    """Blenders on the PATH, at the usual places and in ``LIMNER_BLENDER``, each once, newest first."""
    blenders: dict[Path, Blender] = {}
    for path in _candidates():
        real = path.resolve()
        if real in blenders or not os.access(real, os.X_OK) or not real.is_file():
            continue
        try:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60).stdout
        except (OSError, subprocess.TimeoutExpired):
            continue
        if version := re.search(r"Blender (\d+)\.(\d+)\.(\d+)", said):
            blenders[real] = Blender(path, tuple(map(int, version.groups())))
    return sorted(blenders.values(), key=lambda blender: blender.version, reverse=True)
