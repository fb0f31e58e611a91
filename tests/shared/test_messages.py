"""Messages to frames and back."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from shared import messages as wire
from shared.errors import LimnerError
from shared.messages_jobs import JOB_PARAMETERS, MeshJob, RenderJob

FILE = wire.FileInfo("/tmp/ä b.png", 3, "0" * 64)
MESSAGES = [
    wire.Hello(client="Blender 5.2"),
    wire.Welcome("s", 1, "0.1", "loading"),
    wire.Welcome("s", 1, "0.1", "ready", "cpu", ("render", "mesh"), ("view",), {"code": "INTERNAL"}),
    wire.Ping(),
    wire.Pong("ready", "cpu", ("a",), "job", 3),
    wire.CancelJob("j"),
    wire.JobInfo("j", "render", "running", 0.5, "Rendering"),
    wire.ListJobs(),
    wire.JobList("s", (wire.JobInfo("j", "render", "done", 1.0, "", True),)),
    wire.Shutdown(),
    wire.Goodbye("asked"),
    wire.Refusal("j", {"code": "INTERNAL", "cause": "c", "remedy": "r"}),
    wire.Submit("j", "render", {"avatar": "/a", "passes": ["rgba"], "camera": None, "deep": {"x": [1, 2.5, True]}}),
    wire.Attach("j", 7),
    wire.Acknowledge("j"),
    FILE,
    wire.Accepted("j", 1, "render"),
    wire.Progress("j", 2, 0.25, "Rendering", 1.5, 3, FILE),
    wire.Progress("j", 2, 0.25, "Rendering"),
    wire.Done("j", 9, {"frames": ["/a"]}, (FILE, FILE), 2.0),
    wire.Failed("j", 9, {"code": "INTERNAL"}),
    wire.JobCancelled("j", 9),
    wire.Offer("0" * 64, 3, "a.wav"),
    wire.Stored("0" * 64, 1, 3),
    wire.Fetch("0" * 64, 0),
    wire.Chunk("0" * 64, 0, 3),
    wire.View(1, "/a", camera={"width": 3}),
    wire.Picture(1, 0.5),
    wire.ViewFailed(1, {"code": "INTERNAL"}),
    wire.WorkerReady("cpu", ("a",)),
    wire.WorkerFailed({"code": "INTERNAL"}),
]


@pytest.mark.parametrize("message", [m for m in MESSAGES if m is not FILE], ids=lambda m: type(m).__name__)
def test_round_trip(message: wire.Message) -> None:
    assert wire.decode(wire.encode(message)) == (message, {})


def test_every_message_is_tried() -> None:
    assert {type(message) for message in MESSAGES} - {wire.FileInfo} == set(get_args(wire.Message))


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i4", "i8", "f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 0, 3), (3, 4, 2)])
def test_arrays(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape).astype(dtype)
    strided = np.asarray(np.repeat(array, 2, axis=-1)[..., ::2] if shape else array)
    frames = wire.encode(wire.Ping(), {"a": strided, "b": b"xyz"})
    _, parts = wire.decode([bytes(frame) for frame in frames])
    assert parts["a"].shape == shape and parts["a"].dtype == array.dtype.newbyteorder("<")
    assert np.array_equal(parts["a"], array) and parts["b"].tobytes() == b"xyz"


def test_arrays_are_not_copied_when_read() -> None:
    frames = [bytes(frame) for frame in wire.encode(wire.Ping(), {"a": np.zeros(1000, np.float32)})]
    _, parts = wire.decode(frames)
    assert np.shares_memory(parts["a"], np.frombuffer(frames[2], np.uint8))


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        (wire.Submit("j", "k", {"x": float("nan")}), {}),
        (wire.Submit("j", "k", {"x": object()}), {}),
        (wire.Ping(), {"a": np.array([object()])}),
        (wire.Ping(), {"a": np.array(["text"])}),
        (wire.Ping(), {"a": np.zeros(2, complex)}),
    ],
)
def test_what_cannot_travel_is_refused_by_the_sender(message: wire.Message, parts: dict[str, np.ndarray]) -> None:
    with pytest.raises(LimnerError, match="MESSAGE_INVALID"):
        wire.encode(message, parts)


def test_a_newer_peers_fields_are_ignored() -> None:
    frames = [wire.MAGIC, b'{"type":"Ping","invented":{"later":1},"parts":[]}']
    assert wire.decode(frames) == (wire.Ping(), {})


def test_job_parameters() -> None:
    assert set(JOB_PARAMETERS) == {"reconstruct", "animate", "render", "mesh", "head"}
    job = wire.read_fields(RenderJob, {"avatar": "/a", "size": 256, "camera": [{"width": 1}], "last": None})
    assert job.camera == ({"width": 1},) and job.passes == ("rgba",) and job.fps == 25.0
    wrong: list[dict[str, object]] = [{"size": 2.5}, {"size": True}, {"first": "1"}, {"passes": "rgba"}, {"avatar": 3}]
    for bad in ({}, *({"avatar": "a", **field} for field in wrong)):
        with pytest.raises(LimnerError, match="RenderJob"):
            wire.read_fields(RenderJob, bad)
    with pytest.raises(LimnerError, match=r"MeshJob\.surface"):
        wire.read_fields(MeshJob, {"avatar": "a", "surface": "voxels"})


def test_the_wire_and_the_package_tell_one_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == wire.PROGRAM_VERSION
