"""System libraries and virtual environments: made when missing, left alone when they are what is wanted."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import LimnerError

ROOT = Path(__file__).resolve().parents[1]
STAMP = "limner-installed.txt"
PYTORCH_WITHOUT_GPU = "https://download.pytorch.org/whl/cpu"

# what the wheels of OpenCV, PyOpenGL and bpy expect of a Linux system, and the Debian packages that bring it
SYSTEM_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libEGL_mesa.so.0": "libegl-mesa0",
    "libGL.so.1": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libSM.so.6": "libsm6",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXrender.so.1": "libxrender1",
    "libxkbcommon.so.0": "libxkbcommon0",
}


def say(text: str) -> None:
    """One line of progress."""
    print(f"limner: {text}", flush=True)


def run(command: Sequence[str | Path], **options: object) -> None:
    """Run a command whose output the user may see.

    Raises:
        LimnerError: ``INTERNAL`` when it fails.
    """
    done = subprocess.run([str(word) for word in command], **options)  # type: ignore[call-overload]
    if done.returncode:
        shown = " ".join(str(word) for word in command)
        raise LimnerError("INTERNAL", f"`{shown}` ended with {done.returncode}.", "Read what it printed above.")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_system_libraries() -> None:
    """On Linux, install the missing system libraries where that is possible, else say which command does it."""
    if not sys.platform.startswith("linux"):
        return
    missing = {library: package for library, package in SYSTEM_LIBRARIES.items() if not _loads(library)}
    if not shutil.which("apt-get"):
        if missing:
            say(f"install with your system's package manager what brings {', '.join(missing)}")
        return
    packages = sorted(missing.values())
    if not any(Path("/usr/lib").glob("*-linux-gnu*/dri/*.so")):
        packages.append("libgl1-mesa-dri")
    if importlib.util.find_spec("ensurepip") is None:  # Debian splits it off
        packages.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    if not packages:
        return
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        say(f"system libraries are missing; install them with: sudo {' '.join(command)}")
        return
    say(f"installing {', '.join(packages)}")
    quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
    try:
        run(["apt-get", "update", "-q"], **quiet)
        run(command, **quiet)
    except LimnerError as error:
        # what can be done without them still is; `doctor` says what cannot
        say(f"system libraries could not be installed: {error.cause}")


@dataclass(frozen=True)
class Environment:
    """A virtual environment in the checkout.

    Args:
        name: its folder's name.
        requirements: what pip installs into it.
        base: the Python it is made with.
        stated: what, besides the requirements, a change of makes it out of date.
    """

    name: str
    requirements: tuple[str, ...]
    base: str = sys.executable
    stated: str = ""

    @property
    def folder(self) -> Path:
        """Where it is."""
        return ROOT / self.name

    def program(self, name: str) -> Path:
        """The path of one of its commands."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / (f"{name}.exe" if os.name == "nt" else name)

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.program("python")

    def make(self, pip_options: Sequence[str] = ()) -> None:
        """Make it, or bring it up to date; at once when nothing has changed since.

        Raises:
            LimnerError: ``INTERNAL`` when pip or venv fails.
        """
        wanted = hashlib.sha256(json.dumps([self.requirements, self.stated, str(ROOT)]).encode()).hexdigest()
        stamp = self.folder / STAMP
        works = self.python.exists() and subprocess.run([self.python, "-c", ""], capture_output=True).returncode == 0
        if works and stamp.is_file() and stamp.read_text() == wanted:
            return
        start = time.monotonic()
        say(f"installing into {self.name}; this takes a few minutes the first time")
        if not works:
            run([self.base, "-m", "venv", "--clear", self.folder])
        pip = [str(self.python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        run([*pip, *pip_options, *self.requirements], cwd=ROOT)
        stamp.write_text(wanted)
        say(f"{self.name} is ready ({time.monotonic() - start:.0f} s)")


def backend_environment(tests: bool = False) -> Environment:
    """``.venv``: the backend, editable from this checkout; with ``tests``, what lint and tests need besides."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    stated = json.dumps([project["build-system"], project["project"]], sort_keys=True)
    # one stamp for both: an environment with the test tools is not made smaller by a plain install
    have_tests = tests or Environment(".venv", ()).program("pytest").exists()
    return Environment(".venv", ("-e", ".[test]" if have_tests else ".[usd]"), stated=stated)


def bpy_environment(version: str) -> Environment | None:
    """``.venv-bpyXY``: Blender as a Python module, for demo and tests; ``None`` where its Python is not found."""
    base = find_python("3.11" if version == "4.5" else "3.13")
    return Environment(f".venv-bpy{version.replace('.', '')}", (f"bpy=={version}.*",), base) if base else None


def find_python(version: str) -> str | None:
    """The path of a Python of this version: this one, one on the PATH, or one of pyenv's."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return sys.executable
    candidates = [shutil.which(f"python{version}")]
    if sys.platform == "win32":
        launcher = subprocess.run(["py", f"-{version}", "-c", "import sys; print(sys.executable)"],
                                  capture_output=True, text=True)  # fmt: skip
        candidates.append(launcher.stdout.strip())
    for folder in sorted(
        (Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions").glob(f"{version}.*")
    ):
        candidates.append(str(folder / "bin" / "python"))
    for candidate in candidates:
        # pyenv's shims exist for versions that are not switched on, and fail
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None
