"""The ``limner`` command as its users meet it: real processes, exit codes, refusals with cause and remedy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.avatars.interface import PASS_NAMES
from backend.cli import main, posed
from shared.arkit import ARKIT_INDEX
from shared.motion import MotionClip

from .drawn_avatar import DrawnAvatar, write_tone

ROOT = Path(__file__).parents[2]


def limner(*arguments: object, cwd: Path = ROOT, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", *(str(argument) for argument in arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=timeout, env=environment)


def test_help_waits_for_nothing_slow() -> None:
    program = (
        "import sys; sys.argv = ['limner', '--help']; import backend.cli\n"
        "try: backend.cli.main()\nexcept SystemExit: print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    slow = {"torch", "numpy", "mediapipe", "anny", "scipy", "cv2", "av", "zmq"}
    assert not slow & set(told.splitlines()[-1].split())


def test_help_names_the_commands() -> None:
    done = limner("--help")
    assert done.returncode == 0
    for command in ("doctor", "serve", "reconstruct", "animate", "render", "mesh"):
        assert command in done.stdout
        assert limner(command, "--help").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["reconstruct", "face.jpg"],
        ["reconstruct", "-o", "a.limner"],
        ["reconstruct", "face.jpg", "-o", "a.limner", "--references", "0"],
        ["reconstruct", __file__, "-o", "a.png"],
        ["reconstruct", "face.jpg", "-o", "a.limner", "--refine", "-1"],
        ["animate", __file__, "-o", "clip.wav"],
        ["animate", __file__, "-o", "clip.npz", "--fps", "0"],
        ["animate", __file__, "-o", "clip.npz", "--bfm", "BFM"],
        ["reconstruct", __file__, "-o", "a.limner", "--bfm", "BFM"],
        ["render", "a.limner", "-o", "out", "--frames", "one"],
        ["render", "a.limner", "-o", "out", "--set", "jawOpen"],
        ["render", "a.limner", "-o", "out", "--set", "jawOpen=2"],
        ["render", "a.limner", "-o", "out", "--set", "jawopen=0.5"],
        ["render", "a.limner", "-o", "out", "--passes", "rgba,beauty"],
        ["render", "a.limner", "-o", "out", "--size", "-3"],
        ["render", "a.limner", "-o", "out", "--yaw", "nan"],
        ["mesh", __file__, "-o", "mesh.fbx"],
        ["mesh", __file__, "-o", "m" * 300 + ".glb"],
        ["mesh", __file__, "-o", "mesh.ply", "--frame", "3"],
    ],
)
def test_wrong_use_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    done = limner(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "limner" in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_a_misspelled_action_is_corrected() -> None:
    assert "jawOpen?" in limner("render", "a.limner", "-o", "x", "--set", "jawopen=1").stderr


def bad_inputs(folder: Path) -> None:
    (folder / "text.jpg").write_text("no picture at all")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "empty.wav").write_bytes(b"")
    (folder / "noise.limner").write_bytes(os.urandom(5000))
    (folder / "noise.npz").write_bytes(os.urandom(5000))
    (folder / "camera.json").write_text('{"intrinsics": 3}')
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.fromarray(np.full((300, 300, 3), 120, np.uint8)).save(folder / "grey.png")
    write_tone(folder / "silent.wav", 1.0)
    import wave

    with wave.open(str(folder / "silent.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    MotionClip.still(3).save(folder / "clip.npz")


REFUSED = [
    (["reconstruct", "nowhere.jpg", "-o", "a.limner"], "FILE_NOT_FOUND"),
    (["reconstruct", "text.jpg", "-o", "a.limner"], "IMAGE_UNREADABLE"),
    (["reconstruct", "empty.jpg", "-o", "a.limner"], "IMAGE_UNREADABLE"),
    (["reconstruct", "dot.png", "-o", "a.limner"], "IMAGE_TOO_SMALL"),
    (["reconstruct", "grey.png", "-o", "a.limner"], "FACE_NOT_FOUND"),
    (["reconstruct", "grey.png", "-o", "text.jpg/a.limner"], "OUTPUT_NOT_WRITABLE"),
    (["animate", "nowhere.wav", "-o", "c.npz"], "FILE_NOT_FOUND"),
    (["animate", "empty.wav", "-o", "c.npz"], "SPEECH_EMPTY"),
    (["animate", "text.jpg", "-o", "c.npz"], "SPEECH_UNREADABLE"),
    (["animate", "silent.wav", "-o", "c.npz"], "SPEECH_SILENT"),
    (["render", "nowhere.limner", "-o", "out"], "FILE_NOT_FOUND"),
    (["render", "noise.limner", "-o", "out"], "AVATAR_UNREADABLE"),
    (["render", "noise.limner", "noise.npz", "-o", "out"], "MOTION_UNREADABLE"),
    (["render", "noise.limner", "-o", "out", "--camera", "camera.json"], "CAMERA_UNREADABLE"),
    (["render", "noise.limner", "-o", "out", "--background", "nowhere.png"], "FILE_NOT_FOUND"),
    (["mesh", "noise.limner", "-o", "m.glb"], "AVATAR_UNREADABLE"),
]


def assert_refused(status: int, output: str, told: str, code: str) -> None:
    """Nothing was said but code, cause and remedy."""
    assert status == 3, told
    assert output == ""
    title, cause, remedy = told.strip().splitlines()
    assert title == f"limner: {code}"
    assert cause.startswith("  cause:  ") and len(cause) > 20
    assert remedy.startswith("  remedy: ") and len(remedy) > 20


@pytest.mark.parametrize(("arguments", "code"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_a_refused_input_says_why_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: str,
) -> None:
    bad_inputs(tmp_path)
    before = sorted(os.listdir(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)  # pytest keeps its own
    status = main(arguments)
    assert_refused(status, *capsys.readouterr(), code)
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("number", [4, 9, 12], ids=lambda number: " ".join(REFUSED[number][0]))
def test_a_process_that_refuses_ends_with_3_and_is_as_quiet(tmp_path: Path, number: int) -> None:
    bad_inputs(tmp_path)
    arguments, code = REFUSED[number]
    done = limner(*arguments, cwd=tmp_path)
    assert_refused(done.returncode, done.stdout, done.stderr, code)


def test_programs_get_json_lines(tmp_path: Path) -> None:
    bad_inputs(tmp_path)
    done = limner("render", "noise.limner", "-o", "out", "--progress", "json", cwd=tmp_path)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[-1]["error"]["code"] == "AVATAR_UNREADABLE"


def test_the_grammar_knows_every_pass() -> None:
    from backend.arguments import PASSES

    assert PASSES == PASS_NAMES


def test_actions_and_turns_go_on_top_of_the_photograph_or_the_clip() -> None:
    avatar = DrawnAvatar()
    avatar.coefficients[ARKIT_INDEX["mouthSmileLeft"]] = 0.4
    still = posed(None, avatar, [{"jawOpen": 0.5}], yaw=30, pitch=-10)
    assert len(still) == 1
    assert still.coefficients[0, ARKIT_INDEX["mouthSmileLeft"]] == np.float32(0.4)
    assert still.coefficients[0, ARKIT_INDEX["jawOpen"]] == 0.5
    assert still.rotation[0] == pytest.approx([np.radians(-10), 0, np.radians(30)])
    clip = MotionClip.still(4)
    clip.rotation[:, 2] = 0.1
    turned = posed(clip, avatar, [], yaw=10, pitch=0)
    assert turned.rotation[:, 2] == pytest.approx(0.1 + np.radians(10))
    assert clip.rotation[:, 2] == pytest.approx(0.1), "the clip itself stays"


INTERRUPTED = """
import sys, backend.avatars.file
from tests.cli.drawn_avatar import DrawnAvatar
backend.avatars.file.load_avatar = lambda path, device="auto": DrawnAvatar(seconds_a_frame=0.05)
from backend.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("name", "number"), [("frames", signal.SIGTERM), ("film.mp4", signal.SIGINT)])
def test_ctrl_c_leaves_nothing_partial(tmp_path: Path, name: str, number: signal.Signals) -> None:
    (tmp_path / "a.limner").write_bytes(b"stands for an avatar")
    MotionClip.still(1000).save(tmp_path / "clip.npz")
    arguments = ["render", "a.limner", "clip.npz", "-o", name, "--size", "64", "--progress", "json"]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *arguments], stderr=subprocess.PIPE, text=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stderr
    for line in process.stderr:
        if json.loads(line).get("fraction", 0) > 0.01:
            break
    process.send_signal(number)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 130, rest
    assert "interrupted" in rest and "Traceback" not in rest
    left = [path.name for path in tmp_path.rglob("*") if path.is_file() and path.parent != tmp_path]
    assert not [found for found in left if not found.endswith(".png")]
    assert not (tmp_path / "film.mp4").exists()
    assert not list(tmp_path.rglob("*.part"))


def test_the_doctor_tells_programs_what_it_tells_people() -> None:
    done = limner("doctor", "--json")
    findings = json.loads(done.stdout)
    assert {"Python", "graphics", "faces", "speech", "films", "Blender"} <= {finding["name"] for finding in findings}
    failed = [finding for finding in findings if finding["status"] == "fail"]
    assert done.returncode == (4 if failed else 0)
    assert not failed, failed
    assert all(finding["remedy"] for finding in findings if finding["status"] != "ok")
