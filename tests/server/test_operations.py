"""The production operations: wire parameters reach the real functions, results are named as files."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from backend.avatars import sequence
from backend.server import operations
from backend.server.task import AvatarCache, Task
from shared import messages as wire
from shared.arkit import ARKIT_INDEX
from shared.errors import Cancelled, LimnerError
from shared.messages_jobs import JOB_PARAMETERS
from tests.cli.drawn_avatar import DrawnAvatar
from tests.meshing.analytic_avatar import AnalyticAvatar


class Recorder(Task):
    """A task whose messages are kept and which can be told to stop."""

    def __init__(self, folder: Path, avatar: Any) -> None:
        self.sent: list[wire.Message] = []
        self.stop = False
        super().__init__("job", folder, AvatarCache(lambda path: avatar), "cpu", self.sent.append, self._hear)

    def _hear(self) -> None:
        if self.stop:
            raise Cancelled


@pytest.fixture
def task(tmp_path: Path) -> Recorder:
    """A task with a drawn avatar."""
    (tmp_path / "a.limner").touch()
    return Recorder(tmp_path / "jobs", DrawnAvatar())


@pytest.fixture
def avatar(tmp_path: Path) -> str:
    return str(tmp_path / "a.limner")


def motion(frames: int) -> dict[str, np.ndarray]:
    return {
        "coefficients": np.random.default_rng(0).random((frames, 52), np.float32),
        "rotation": np.zeros((frames, 3), np.float32),
        "location": np.zeros((frames, 3), np.float32),
    }


def test_every_kind_has_its_parameters() -> None:
    assert set(operations.OPERATIONS) == set(JOB_PARAMETERS)


def test_render_with_sent_motion_and_passes(task: Recorder, avatar: str) -> None:
    camera = DrawnAvatar().camera.to_json()
    parameters = {"avatar": avatar, "size": 64, "first": 2, "last": 3, "passes": ["rgba", "depth"], "camera": camera}
    result, _ = operations.render(task, {**parameters, "output": "shot", "background": "#102030"}, motion(4))
    assert [Path(path).name for path in result["frames"]] == ["0002.png", "0003.png"]
    told = [message for message in task.sent if isinstance(message, wire.Progress) and message.frame]
    assert [(m.frame, Path(m.file.path).name) for m in told if m.file] == [(2, "0002.png"), (3, "0003.png")]
    paths = [Path(file.path) for file in task.files]
    assert all(path.is_file() and path.is_relative_to(task.folder / "shot") for path in paths)
    assert {path.parent.name for path in paths} == {"shot", "depth"} and len(paths) == 4


def test_render_resumes_and_stops(task: Recorder, avatar: str, tmp_path: Path) -> None:
    parameters = {"avatar": avatar, "size": 32, "output": str(tmp_path / "frames"), "resume": True}
    operations.render(task, {**parameters, "last": 2}, motion(4))
    operations.render(task, parameters, motion(4))
    assert task.avatars.get(avatar).rendered == 4
    task.stop = True
    with pytest.raises(Cancelled):
        operations.render(task, {**parameters, "resume": False}, motion(4))


def test_without_a_clip_the_photograph_s_own_expression_is_rendered(
    task: Recorder, avatar: str, tmp_path: Path
) -> None:
    task.avatars.get(avatar).coefficients[ARKIT_INDEX["jawOpen"]] = 1.0

    def rendered(name: str, parts: dict[str, np.ndarray]) -> bytes:
        operations.render(task, {"avatar": avatar, "size": 64, "output": str(tmp_path / name)}, parts)
        with Image.open(tmp_path / name / "0001.png") as picture:
            return picture.tobytes()

    jaw_open = {**motion(1), "coefficients": np.eye(52, dtype=np.float32)[[ARKIT_INDEX["jawOpen"]]]}
    assert rendered("own", {}) == rendered("sent", jaw_open)


def test_a_background_is_decoded_once_until_it_changes(
    task: Recorder, avatar: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    read = sequence.load_image
    monkeypatch.setattr(
        sequence, "load_image", lambda *arguments, **named: decoded.append(0) or read(*arguments, **named)
    )
    path = tmp_path / "behind.png"
    for color in ((1, 2, 3), (4, 5, 6)):
        Image.new("RGB", (64, 48), color).save(path)
        os.utime(path, ns=(color[0] * 10**9, color[0] * 10**9))
        for _ in range(3):
            rgba = operations.view(task.avatars, wire.View(1, avatar, size=64, background=str(path)), {})["rgba"]
            assert tuple(rgba[0, 0, :3]) == color
    assert len(decoded) == 2


def test_head_and_mesh(tmp_path: Path, avatar: str) -> None:
    (tmp_path / "a.limner").touch()
    task = Recorder(tmp_path / "jobs", AnalyticAvatar())
    result, arrays = operations.head(task, {"avatar": avatar}, {})
    assert set(arrays) == {"vertices", "faces", "shape_keys", "uv", "texture"}
    assert result["camera"]["width"] == 320 and result["size"] == [320, 240] and len(result["head_to_world"]) == 4
    wire.encode(wire.Done("job", 1, result), arrays)
    result, _ = operations.mesh(task, {"avatar": avatar, "output": "head.obj"}, {})
    assert {Path(file.path).name for file in task.files} == {"head.obj", "head.mtl", "head_texture.png"}
    result, _ = operations.mesh(task, {"avatar": avatar, "surface": "volume", "resolution": 24}, {})
    assert len(trimesh.load(result["output"]).vertices) > 50


def test_view(avatar: str, task: Recorder) -> None:
    parts = {"coefficients": np.ones(52, np.float32), "rotation": np.zeros(3, np.float32)}
    arrays = operations.view(task.avatars, wire.View(1, avatar, size=64, depth=True), parts)
    assert arrays["rgba"].shape == (48, 64, 4) and arrays["depth"].shape == (48, 64)
    for bad in ({"coefficients": np.ones(51, np.float32)}, {"rotation": np.full(3, np.nan, np.float32)}):
        with pytest.raises(LimnerError, match="MESSAGE_INVALID"):
            operations.view(task.avatars, wire.View(1, avatar), bad)
    with pytest.raises(LimnerError, match="MESSAGE_INVALID"):
        operations.view(task.avatars, wire.View(1, avatar, camera={"width": 3}), {})


@pytest.mark.parametrize(
    ("kind", "parameters", "parts", "code"),
    [
        ("render", {}, {}, "MESSAGE_INVALID"),
        ("render", {"quality": "best"}, motion(2), "MESSAGE_INVALID"),
        ("render", {"camera": [{"width": 3}]}, motion(2), "MESSAGE_INVALID"),
        ("render", {"clip": "/nowhere.npz"}, {}, "FILE_NOT_FOUND"),
        ("render", {"background": "/nowhere.png"}, motion(2), "FILE_NOT_FOUND"),
        ("render", {"output": "../outside"}, motion(2), "WRONG_USE"),
        ("render", {}, {**motion(2), "rotation": np.zeros((1, 3))}, "MESSAGE_INVALID"),
        ("render", {}, {"coefficients": np.float32(3)}, "MESSAGE_INVALID"),
        ("render", {}, {**motion(1), "coefficients": np.full((1, 52), np.nan)}, "MESSAGE_INVALID"),
        ("mesh", {"output": "head.xyz"}, {}, "FORMAT_UNKNOWN"),
        ("animate", {"source": "/nowhere.wav"}, {}, "FILE_NOT_FOUND"),
        ("reconstruct", {"references": ["/nowhere.jpg"]}, {}, "FILE_NOT_FOUND"),
        ("reconstruct", {"references": "/nowhere.jpg"}, {}, "MESSAGE_INVALID"),
    ],
)
def test_refusals(
    task: Recorder, avatar: str, kind: str, parameters: dict[str, Any], parts: wire.Parts, code: str
) -> None:
    if parameters or parts:
        parameters = {"avatar": avatar, **parameters}
    with pytest.raises(LimnerError) as refusal:
        operations.OPERATIONS[kind](task, parameters, parts)
    assert refusal.value.code == code


def test_progress_is_told_with_an_eta_but_not_too_often(task: Recorder) -> None:
    task.started = time.monotonic() - 2.0
    for step in range(1000):
        task.progress(step / 2000, "Rendering")
    assert 1 <= len(task.sent) < 20
    assert isinstance(task.sent[0], wire.Progress) and task.sent[0].eta is None
    task.progress(0.5, "Next stage")  # a new stage is told at once
    last = task.sent[-1]
    assert isinstance(last, wire.Progress) and last.stage == "Next stage" and last.eta == pytest.approx(2.0, abs=0.3)
