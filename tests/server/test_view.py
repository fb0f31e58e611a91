"""The view channel: the latest request wins, failures are typed, jobs do not hold it up."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared import messages as wire
from shared.errors import LimnerError

from .conftest import Backend, Listener


@pytest.fixture
def avatar(tmp_path: Path) -> str:
    """The path of a stand-in avatar."""
    (tmp_path / "a.limner").write_text("10 20 30 255")
    return str(tmp_path / "a.limner")


def slow(seconds: float) -> dict[str, np.ndarray]:
    return {"location": np.array([seconds, 0, 0], np.float32)}


def test_a_picture_with_depth(client: Listener, avatar: str) -> None:
    sequence = client.view(wire.View(0, avatar, size=64, depth=True))
    client.until(lambda: client.of(wire.Picture))
    picture, parts = client.received[-1]
    assert isinstance(picture, wire.Picture) and picture.sequence == sequence and picture.seconds >= 0
    assert parts["rgba"].shape == (64, 64, 4) and parts["rgba"][5, 5].tolist() == [10, 20, 30, 255]
    assert parts["depth"].dtype == np.float32 and np.isinf(parts["depth"]).all()


def test_the_latest_wins(client: Listener, avatar: str) -> None:
    sequences = []
    for _ in range(20):
        sequences.append(client.view(wire.View(0, avatar, size=8), slow(0.2)))
        client.poll(0.005)
    client.until(lambda: [p for p in client.of(wire.Picture) if p.sequence == sequences[-1]])
    drawn = [picture.sequence for picture in client.of(wire.Picture)]
    assert drawn == sorted(drawn) and len(drawn) <= 10, drawn


def test_two_clients_have_their_turns(backend: Backend, connect: Callable[[Backend], Listener], avatar: str) -> None:
    first, second = connect(backend), connect(backend)
    first.view(wire.View(0, avatar, size=8), slow(0.1))
    for _ in range(10):
        first.view(wire.View(0, avatar, size=8), slow(0.1))
        first.poll(0.005)
    second.view(wire.View(0, avatar, size=16), slow(0.0))
    second.until(lambda: second.of(wire.Picture))
    assert second.received[-1].parts["rgba"].shape == (16, 16, 4)
    first.until(lambda: [p for p in first.of(wire.Picture) if p.sequence == 11])


def test_failures_are_typed(client: Listener, tmp_path: Path) -> None:
    client.view(wire.View(0, str(tmp_path / "none.limner")))
    failure = client.until(lambda: client.of(wire.ViewFailed))[0]
    assert LimnerError.from_json(failure.error).code == "FILE_NOT_FOUND"
    client.view(wire.View(0, "sha256:" + "0" * 64))
    failure = client.until(lambda: client.of(wire.ViewFailed)[1:])[0]
    assert LimnerError.from_json(failure.error).code == "FILE_NOT_FOUND"


def test_a_picture_while_a_job_runs(client: Listener, avatar: str) -> None:
    client.view(wire.View(0, avatar, size=8))
    client.until(lambda: client.of(wire.Picture))
    job = client.submit("deaf", {"seconds": 50.0})
    client.until(lambda: client.of(wire.Progress, job))
    client.view(wire.View(0, avatar, size=8))
    client.until(lambda: client.of(wire.Picture)[1:])  # a second worker is started for it
    client.view(wire.View(0, avatar, size=8))
    client.until(lambda: client.of(wire.Picture)[2:])
    assert not client.of(wire.Done, job)
    client.cancel(job)
    client.end_of(job)


def test_a_killed_worker(start: Callable[..., Backend], connect: Callable[[Backend], Listener], avatar: str) -> None:
    backend = start()
    client = connect(backend)
    client.view(wire.View(0, avatar, size=8))
    client.until(lambda: client.of(wire.Picture))
    worker = client.end_of(client.submit("echo")).message.result["pid"]
    children = Path(f"/proc/{backend.process.pid}/task/{backend.process.pid}/children").read_text().split()
    assert [int(child) for child in children] == [worker]  # no second process while there is no need of one
    client.view(wire.View(0, avatar, size=8), slow(5))
    client.until(lambda: client.poll(0.1) is not None)
    os.kill(worker, signal.SIGKILL)
    failure = client.until(lambda: client.of(wire.ViewFailed))[0]
    assert LimnerError.from_json(failure.error).code == "BACKEND_LOST"
    client.view(wire.View(0, avatar, size=8))
    client.until(lambda: client.of(wire.Picture)[1:])
