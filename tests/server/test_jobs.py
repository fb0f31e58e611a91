"""The life of jobs, over real sockets with a real worker process."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared import messages as wire
from shared.errors import LimnerError

from .conftest import ENDS, PATIENCE, Backend, Listener


def test_welcome_and_status(client: Listener) -> None:
    assert client.welcome is not None and client.welcome.protocol == wire.PROTOCOL_VERSION
    assert "upload" in client.welcome.features
    client.until(lambda: client.status and client.status.state == "ready")
    assert client.status is not None
    assert client.status.device == "cpu stand-in" and "frames" in client.status.kinds


def test_life_cycle_with_frames(client: Listener) -> None:
    job = client.submit("frames", {"count": 3, "seconds": 0.3})
    done = client.end_of(job).message
    assert isinstance(done, wire.Done) and done.result["count"] == 3 and done.seconds > 0.8
    assert client.of(wire.Accepted, job)
    finished = [p for p in client.of(wire.Progress, job) if p.frame is not None]
    assert [p.frame for p in finished] == [1, 2, 3]
    assert all(Path(p.file.path).read_bytes() == bytes([p.frame]) * 10 for p in finished)
    assert [file.path for file in done.files] == [p.file.path for p in finished]
    fractions = [p.fraction for p in client.of(wire.Progress, job)]
    assert fractions == sorted(fractions)
    assert any(p.eta is not None and 0 <= p.eta < 3 for p in client.of(wire.Progress, job))
    events = [r.message.event for r in client.received if getattr(r.message, "job", "") == job]
    assert events == sorted(set(events))


def test_arrays_travel(client: Listener) -> None:
    parts = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.zeros((0, 3)), "c": np.uint8([[[7]]])}
    _, received = client.end_of(client.submit("echo", {"x": 1.5, "ß": None}, parts))
    assert set(received) == set(parts)
    for name, value in parts.items():
        assert received[name].dtype == value.dtype and np.array_equal(received[name], value)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("refuse", "FACE_NOT_FOUND"),
        ("fault", "INTERNAL"),
        ("exhaust", "OUT_OF_MEMORY"),
        ("nonsense", "MESSAGE_INVALID"),
    ],
)
def test_errors_are_typed(client: Listener, kind: str, code: str) -> None:
    error = client.error_of(client.submit(kind))
    assert error.code == code and error.cause and error.remedy


def test_submitting_again_does_not_run_again(client: Listener, tmp_path: Path) -> None:
    job = str(uuid.uuid4())
    for _ in range(3):
        client.submit("frames", {"count": 1, "output": str(tmp_path)}, job=job)
    done = client.end_of(job).message
    (tmp_path / "0001.bin").unlink()
    client.received.clear()
    client.submit("frames", {"count": 1, "output": str(tmp_path)}, job=job)
    assert client.end_of(job).message == done
    assert not (tmp_path / "0001.bin").exists()
    client.received.clear()
    client.submit("frames", {"count": 2}, job=job)  # the same id for something else
    assert LimnerError.from_json(client.until(lambda: client.of(wire.Refusal))[0].error).code == "WRONG_USE"


def test_cancel_running_and_queued(client: Listener) -> None:
    worker = client.end_of(client.submit("echo")).message.result["pid"]
    running = client.submit("frames", {"count": 100, "seconds": 0.1})
    queued = client.submit("frames", {"count": 100, "seconds": 0.1})
    client.until(lambda: client.of(wire.Progress, running))
    client.cancel(queued)
    assert isinstance(client.end_of(queued).message, wire.JobCancelled)
    client.cancel(running)
    client.cancel(running)
    assert isinstance(client.end_of(running).message, wire.JobCancelled)
    assert client.end_of(client.submit("echo")).message.result["pid"] == worker  # it heeded, it was not killed
    client.received.clear()
    client.cancel(running)  # it has ended: told so, and nothing more
    assert client.until(lambda: client.of(wire.JobInfo))[0].state == "cancelled"
    client.until(lambda: isinstance(client.end_of(client.submit("echo")).message, wire.Done))
    assert not [r for r in client.received if isinstance(r.message, ENDS) and r.message.job in (running, queued)]


def test_cancel_in_the_same_breath_as_submit(client: Listener) -> None:
    for pause in (None, 0.0, 0.001, 0.004):
        job = client.submit("frames", {"count": 100, "seconds": 0.1})
        if pause is not None:
            client.poll()
            time.sleep(pause)
        client.cancel(job)
        assert isinstance(client.end_of(job).message, wire.JobCancelled)
    assert not client.of(wire.Refusal)


def test_cancel_of_work_that_does_not_listen(client: Listener) -> None:
    job = client.submit("deaf", {"seconds": 50})
    client.until(lambda: client.of(wire.Progress, job))
    client.cancel(job)
    assert isinstance(client.end_of(job).message, wire.JobCancelled)
    assert isinstance(client.end_of(client.submit("echo")).message, wire.Done)  # by a new worker


def test_control_answers_while_work_holds_the_interpreter(client: Listener) -> None:
    job = client.submit("deaf", {"seconds": 2 * PATIENCE})
    client.until(lambda: client.of(wire.Progress, job))
    for _ in range(20):
        client.received.clear()
        client.list_jobs()
        client.until(lambda: client.of(wire.JobList))
    client.cancel(job)
    client.end_of(job)


def test_killed_worker_ends_its_job_only(client: Listener) -> None:
    waiting = client.submit("frames", {"count": 1, "seconds": 0.1})
    job = client.submit("die")
    after = client.submit("echo")
    assert client.error_of(job).code == "BACKEND_LOST"
    assert isinstance(client.end_of(waiting).message, wire.Done)
    assert isinstance(client.end_of(after).message, wire.Done)


def test_a_job_outlives_its_client(backend: Backend, connect: Callable[[Backend], Listener]) -> None:
    first = connect(backend)
    job = first.submit("frames", {"count": 4, "seconds": 0.1})
    first.until(lambda: [p for p in first.of(wire.Progress, job) if p.frame == 1])
    first.close()
    second = connect(backend)
    second.list_jobs()
    listed = {info.job: info for info in second.until(lambda: second.of(wire.JobList))[0].jobs}
    assert listed[job].state in ("running", "done") and not listed[job].acknowledged
    second.attach(job)
    assert second.end_of(job).message.result["count"] == 4
    assert [p.frame for p in second.of(wire.Progress, job) if p.frame] == [1, 2, 3, 4]
    third = connect(backend)  # the end comes again for whoever asks
    third.attach(job)
    assert third.end_of(job).message == second.end_of(job).message
    third.list_jobs()
    assert {i.job: i for i in third.until(lambda: third.of(wire.JobList))[0].jobs}[job].acknowledged


def test_attaching_to_an_unknown_job(client: Listener) -> None:
    client.attach("never submitted")
    assert client.error_of("never submitted").code == "JOB_UNKNOWN"


def test_a_broken_line_loses_nothing(client: Listener) -> None:
    """The sockets are replaced beneath the client, as a broken network would."""
    job = client.submit("frames", {"count": 5, "seconds": 0.1})
    client.until(lambda: [p for p in client.of(wire.Progress, job) if p.frame == 2])
    for channel, socket in client._sockets.items():
        socket.disconnect(client.connection.endpoints[channel])
    time.sleep(0.25)
    for channel, socket in client._sockets.items():
        socket.connect(client.connection.endpoints[channel])
    assert client.end_of(job).message.result["count"] == 5
    assert [p.frame for p in client.of(wire.Progress, job) if p.frame] == [1, 2, 3, 4, 5]


def test_a_client_that_does_not_listen_gets_everything_later(client: Listener) -> None:
    """As Blender while it renders: far more events than the sockets hold."""
    job = client.submit("frames", {"count": 4000})
    client.until(lambda: client.of(wire.Accepted, job))
    time.sleep(2)
    client.end_of(job)
    assert [p.frame for p in client.of(wire.Progress, job) if p.frame] == list(range(1, 4001))


def test_loaded_avatars_are_kept_until_their_file_changes(client: Listener, tmp_path: Path) -> None:
    file = tmp_path / "a.limner"
    file.write_text("1 2 3 4")
    first = client.end_of(client.submit("avatar", {"avatar": str(file)}))
    again = client.end_of(client.submit("avatar", {"avatar": str(file)}))
    assert first.message.result == again.message.result
    file.write_text("5 6 7 88")
    changed = client.end_of(client.submit("avatar", {"avatar": str(file)}))
    assert changed.parts["color"].tolist() == [5, 6, 7, 88]
    assert client.error_of(client.submit("avatar", {"avatar": str(tmp_path / "none")})).code == "FILE_NOT_FOUND"
