"""Runs scripts in real Blenders (the bpy wheels), with the extension installed from its zip the official way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from installer.addon import ROOT, build_extension, build_for

SCRIPTS = Path(__file__).parent / "scripts"
VERSIONS = {"4.5": ".venv-bpy45", "5.2": ".venv-bpy52"}
RESULT = "LIMNER-RESULT "


@dataclass
class Blender:
    """A Blender with the extension installed in a user folder of its own."""

    python: Path
    user_folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, *arguments: object, timeout: float = 400, **environment: str) -> Any:
        """Run a file of ``scripts/`` and return what its ``main`` returned; it fails the test where it fails."""
        variables = {
            **os.environ,
            **self.environment,
            **environment,
            "BLENDER_USER_RESOURCES": str(self.user_folder),
            "LIMNER_TEST_SECONDS": str(timeout),
            "OMP_NUM_THREADS": "2",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [str(self.python), str(SCRIPTS / script), *(str(argument) for argument in arguments)]
        try:
            done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=timeout + 10)
        except subprocess.TimeoutExpired as error:
            pytest.fail(f"{script} took longer than {timeout} s\n{error.stdout}\n{error.stderr}")
        results = [line[len(RESULT) :] for line in done.stdout.splitlines() if line.startswith(RESULT)]
        if done.returncode or len(results) != 1:
            said = f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
            pytest.fail(f"{script} ended with {done.returncode}\n{said}", pytrace=False)
        return json.loads(results[0])


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Blender]:
    """A Blender of a version, the extension built, installed and enabled once a session."""

    @cache
    def install(version: str) -> Blender:
        folder = ROOT / VERSIONS[version]
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if not python.exists():
            pytest.skip(f"no bpy {version} here: {folder} is missing (python install.py test makes it)")
        user_folder = tmp_path_factory.mktemp(f"blender-{version}")
        build = build_for(tuple(int(number) for number in version.split(".")))
        archive = build_extension(build, user_folder, ["linux-x64"] if os.name == "posix" else ["windows-x64"])
        here = Blender(python, user_folder, {"LIMNER_INSTALLATION": str(user_folder / "installation.json")})
        assert here.run("install.py", archive, timeout=300)
        return here

    return install


@pytest.fixture(params=VERSIONS)
def blender(request: pytest.FixtureRequest, installed: Callable[[str], Blender]) -> Blender:
    """Each Blender that is here."""
    return installed(request.param)


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation file that leads to a backend whose avatars are quick to make."""
    folder = tmp_path_factory.mktemp("stand-in")
    limner = folder / "limner"
    limner.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m tests.blender.stand_in "$@"\n')
    limner.chmod(0o755)
    installation = folder / "installation.json"
    installation.write_text(json.dumps({"limner": str(limner)}))
    return installation


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``portrait.png`` (600 x 450), ``slow.png``, ``dog.png`` and ``speech.wav`` (2 s)."""
    folder = tmp_path_factory.mktemp("media")
    rows, columns = np.mgrid[:450, :600]
    picture = np.stack([rows / 450, columns / 600, np.full(rows.shape, 0.5)], axis=2)
    for name in ("portrait", "slow", "dog"):
        Image.fromarray((picture * 255).astype(np.uint8)).save(folder / f"{name}.png")
    samples = 0.3 * np.sin(np.arange(2 * 16000) / 10)
    with wave.open(str(folder / "speech.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes((samples * 32767).astype("<i2").tobytes())
    return folder
