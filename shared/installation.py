"""Where ``install.py`` tells the extension which backend to start."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def installation_file() -> Path:
    """A small JSON file, ``{"limner": path of the command}``; ``LIMNER_INSTALLATION`` overrides its place."""
    if named := os.environ.get("LIMNER_INSTALLATION"):
        return Path(named)
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA", str(Path.home() / "AppData" / "Roaming")))
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "limner" / "installation.json"
