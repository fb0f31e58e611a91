"""Where the backend is installed: a small file that ``install.py`` leaves in the user's configuration folder."""

from __future__ import annotations

import json
from pathlib import Path

from ..shared.errors import LimnerError
from ..shared.installation import installation_file

REMEDY = "Run `python install.py` in Limner's folder, or choose the `limner` command in the extension's preferences."


def backend_command(chosen: str = "") -> list[str]:
    """The command that runs Limner's backend, without arguments.

    Args:
        chosen: path of the ``limner`` command or of a Python that has Limner; empty to read the installation file.

    Raises:
        LimnerError: ``BACKEND_NOT_INSTALLED`` when there is none.
    """
    if not chosen:
        path = installation_file()
        try:
            chosen = str(json.loads(path.read_text(encoding="utf-8"))["limner"])
        except FileNotFoundError as error:
            raise LimnerError("BACKEND_NOT_INSTALLED", f"Limner's backend is not installed: {path} does not exist.",
                              REMEDY) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LimnerError("BACKEND_NOT_INSTALLED", f"{path} cannot be read ({error}).", REMEDY) from error
    if not Path(chosen).is_file():
        raise LimnerError("BACKEND_NOT_INSTALLED", f"The backend's command {chosen} does not exist.", REMEDY)
    # a virtual environment's Python may be chosen as well as its `limner` command
    return [chosen, "-m", "backend"] if Path(chosen).stem.lower().startswith("python") else [chosen]
