"""The main job on the command line: a photograph and a piece of speech in; frames, a film and meshes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest
import skimage.data
from PIL import Image

from installer.demo import MADE, SPEECH
from installer.environment import ROOT

from .test_command import limner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the astronaut, her avatar and a clip of speech."""
    folder = tmp_path_factory.mktemp("main-job")
    Image.fromarray(skimage.data.astronaut()).save(folder / "astronaut.png")
    for arguments in (
        ["reconstruct", "astronaut.png", "-o", "a.limner", "--report", "report.json", "--progress", "json"],
        ["animate", SPEECH, "-o", "clip.npz"],
    ):
        done = limner(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
        for line in done.stderr.splitlines():
            assert 0 <= json.loads(line)["fraction"] <= 1
    return folder


def render(folder: Path, *arguments: object) -> np.ndarray:
    """One picture of ``limner render``."""
    done = limner("render", "a.limner", "-o", "one.png", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "one.png"
    with Image.open(folder / "one.png") as picture:
        return np.asarray(picture)


def test_the_report_names_the_pictures(folder: Path) -> None:
    assert json.loads((folder / "report.json").read_text())["references"][0]["kept"] is True


def test_the_photograph_comes_back(folder: Path) -> None:
    error = render(folder).astype(float) - skimage.data.astronaut()
    assert 10 * np.log10(255**2 / np.mean(error**2)) >= 26


def test_the_same_request_gives_the_same_file(folder: Path) -> None:
    arguments = ["--quality", "preview", "--size", "128", "--yaw", "12", "--set", "jawOpen=0.4,browInnerUp=1"]
    first = render(folder, *arguments)
    before = (folder / "one.png").read_bytes()
    assert np.any(first != render(folder, *arguments[:4]))
    render(folder, *arguments)
    assert (folder / "one.png").read_bytes() == before


def test_positive_yaw_turns_to_the_right_of_the_picture_and_positive_pitch_bows(folder: Path) -> None:
    from backend.capture.detection import detect_face

    def nose_from_between_the_eyes(*arguments: object) -> np.ndarray:
        points = detect_face(render(folder, "--quality", "preview", *arguments)).points
        return points[1, :2] - (points[33, :2] + points[263, :2]) / 2

    rest = nose_from_between_the_eyes()
    assert (
        nose_from_between_the_eyes("--yaw", "20")[0] > rest[0] + 2 > nose_from_between_the_eyes("--yaw", "-20")[0] + 4
    )
    assert nose_from_between_the_eyes("--pitch", "10")[1] > rest[1] > nose_from_between_the_eyes("--pitch", "-10")[1]


def test_passes_and_a_part_of_the_clip(folder: Path) -> None:
    arguments = ["--size", "128", "--quality", "preview", "--frames", "5:6", "--background", "transparent"]
    done = limner(
        "render", "a.limner", "clip.npz", "-o", "frames", *arguments, "--passes", "rgba,depth,head,torso", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    names = sorted(str(path.relative_to(folder / "frames")) for path in (folder / "frames").rglob("*.*"))
    passes = ("", "depth/", "head/", "torso/")
    assert names == sorted(
        f"{name}000{number}.{'exr' if name == 'depth/' else 'png'}" for name in passes for number in (5, 6)
    )
    with OpenEXR.File(str(folder / "frames/depth/0005.exr")) as file:
        depth = file.channels()["Z"].pixels
    with Image.open(folder / "frames/0005.png") as picture:
        alpha = np.asarray(picture)[..., 3]
    assert np.isfinite(depth[alpha == 255]).mean() > 0.98 and np.isinf(depth[alpha == 0]).mean() > 0.98
    assert 0.2 < np.median(depth[alpha == 255]) < 10, "metres"


def test_a_film_with_sound(folder: Path) -> None:
    arguments = ["--size", "128", "--quality", "preview", "--frames", "1:10", "--audio", SPEECH]
    done = limner("render", "a.limner", "clip.npz", "-o", "film.mp4", *arguments, "--background", "#203040", cwd=folder)
    assert done.returncode == 0, done.stderr
    with av.open(str(folder / "film.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 10
        assert film.streams.audio[0].codec_context.name == "aac"


@pytest.mark.parametrize(("name", "surface"), [("head.glb", "head"), ("body.ply", "volume"), ("head.obj", "head")])
def test_meshes(folder: Path, name: str, surface: str) -> None:
    done = limner("mesh", "a.limner", "-o", name, "--surface", surface, "--resolution", "48", cwd=folder)
    assert done.returncode == 0, done.stderr
    import trimesh

    mesh = trimesh.load(folder / name, force="mesh")
    assert len(mesh.faces) > 1000


def test_a_broken_avatar_is_refused(folder: Path) -> None:
    data = (folder / "a.limner").read_bytes()
    for number, broken in enumerate((data[: len(data) // 2], data[:-30], b"PK" + data[50:], b"")):
        path = folder / f"broken{number}.limner"
        path.write_bytes(broken)
        done = limner("render", path.name, "-o", "broken.png", cwd=folder)
        assert done.returncode == 3, done.stderr
        assert done.stderr.startswith("limner: AVATAR_UNREADABLE")
    assert not (folder / "broken.png").exists()


@pytest.mark.parametrize("environment", [".venv-bpy45", ".venv-bpy52"])
def test_the_demo(tmp_path: Path, environment: str) -> None:
    python = ROOT / environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        pytest.skip(f"{environment} is missing (python install.py test makes it)")
    done = subprocess.run(
        [sys.executable, "-m", "installer.demo", "--blender", python, "--output", tmp_path, "--quick"],
        cwd=ROOT, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for name in MADE:
        assert (tmp_path / name).exists() and name in done.stdout
    assert len(list((tmp_path / "frames").iterdir())) == 8
    with av.open(str(tmp_path / "demo.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 8
        assert film.streams.audio
