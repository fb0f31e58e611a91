#!/usr/bin/env python3
"""Install Limner, show it, test it. Standard library only; needs Python 3.11 or 3.12.

python install.py           the backend into .venv, the extension into the Blenders found
python install.py demo      the main job through Blender, into out/demo
python install.py test      from nothing: environments, then lint, types and tests
python install.py addon     build the extension's zips into dist/
python install.py doctor    what works here, what does not, and the remedy
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 12):
    sys.exit("limner: this needs Python 3.11 or 3.12; run it as `python3.11 install.py`")

from installer.environment import (
    PYTORCH_WITHOUT_GPU,
    ROOT,
    Environment,
    backend_environment,
    bpy_environment,
    install_system_libraries,
    run,
    say,
)
from shared.errors import LimnerError


def install(options: argparse.Namespace) -> int:
    """The backend, and the extension into every Blender found."""
    environment = _backend(options)
    from installer.blenders import write_installation_file

    say(f"told the extension where the backend is: {write_installation_file(environment.program('limner'))}")
    failed = subprocess.run([environment.python, "-m", "installer.blenders"], cwd=ROOT).returncode
    say("run `python install.py doctor` to see what works, `python install.py demo` for a first result")
    return failed


def demo(options: argparse.Namespace) -> int:
    """The main job through the add-on in a real Blender, on a free photograph and a speech file of our own."""
    environment = _backend(options)
    blender = _some_blender()
    return subprocess.run(
        [environment.python, "-m", "installer.demo", "--blender", blender.python, *options.rest], cwd=ROOT
    ).returncode


def test(options: argparse.Namespace) -> int:
    """All environments, then lint, types and every test."""
    environment = _backend(options, tests=True)
    for version in ("4.5", "5.2"):
        blender = bpy_environment(version)
        if blender:
            blender.make()
        else:
            say(f"no Python for bpy {version} here; its tests are skipped")
    # two processes of whole test files, in their order, with half of the processor each: many tests wait for something
    pytest = ["pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", *options.rest]
    variables = {**os.environ, "OMP_NUM_THREADS": str(max((os.cpu_count() or 1) // 2, 1))}
    failures = 0
    for command in (["ruff", "check", "."], ["mypy"], pytest):
        say(" ".join(command))
        failures += subprocess.run([environment.python, "-m", *command], cwd=ROOT, env=variables).returncode != 0
    return min(failures, 1)


def addon(options: argparse.Namespace) -> int:
    """Both zips of the extension, validated by Blender's own tool."""
    blender = _some_blender()
    run([blender.python, "-m", "installer.addon", *options.rest], cwd=ROOT)
    return 0


def doctor(options: argparse.Namespace) -> int:
    """What works here."""
    limner = backend_environment().program("limner")
    if not limner.exists():
        say("the backend is not installed; run `python install.py`")
        return 4
    return subprocess.run([limner, "doctor", *options.rest]).returncode


def _backend(options: argparse.Namespace, tests: bool = False) -> Environment:
    install_system_libraries()
    environment = backend_environment(tests)
    environment.make(["--extra-index-url", PYTORCH_WITHOUT_GPU] if options.cpu else [])
    return environment


def _some_blender() -> Environment:
    """Blender as a Python module: 4.5 where there is a Python 3.11, else 5.2."""
    blender = bpy_environment("4.5") or bpy_environment("5.2")
    if blender is None:
        raise LimnerError(
            "BACKEND_NOT_INSTALLED",
            "Blender as a Python module needs Python 3.11 or 3.13, and neither is here.",
            "Install Python 3.11.",
        )
    blender.make()
    return blender


def main() -> int:
    """Run one of the commands above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=[*COMMANDS], default="install", help="(default: install)")
    parser.add_argument("--cpu", action="store_true", help="on a PC without an NVIDIA card: the much smaller PyTorch")
    options, rest = parser.parse_known_args()
    options.rest = rest
    try:
        return COMMANDS[options.command](options)
    except LimnerError as error:
        sys.stderr.write(f"limner: {error.code}\n  cause:  {error.cause}\n  remedy: {error.remedy}\n")
        return error.exit_status
    except KeyboardInterrupt:
        return 130


COMMANDS = {"install": install, "demo": demo, "test": test, "addon": addon, "doctor": doctor}

if __name__ == "__main__":
    sys.exit(main())
