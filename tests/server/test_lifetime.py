"""When backends begin and end, and what clients notice of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared import messages as wire
from shared import transport
from shared.connection import Connection, process_alive
from shared.errors import LimnerError

from .conftest import PATIENCE, Backend, Listener

Start = Callable[..., Backend]
Connect = Callable[..., Listener]


def gone(pid: int) -> bool:
    """Whether a process ends, soon or late."""
    deadline = time.monotonic() + PATIENCE
    while process_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not process_alive(pid)


def test_connection_file(backend: Backend) -> None:
    assert backend.file.stat().st_mode & 0o777 == 0o600
    assert backend.connection.pid == backend.process.pid and backend.connection.local
    assert all(endpoint.startswith("tcp://127.0.0.1:") for endpoint in backend.connection.endpoints.values())
    assert [path.name for path in backend.file.parent.glob("*conn*")] == ["connection.json"]


def test_shutdown_cancels_and_leaves_nothing(start: Start, connect: Connect) -> None:
    backend = start()
    client = connect(backend)
    worker = client.end_of(client.submit("echo")).message.result["pid"]
    job = client.submit("frames", {"count": 100, "seconds": 0.1})
    own = Path(client.until(lambda: [p for p in client.of(wire.Progress, job) if p.file])[0].file.path).parents[2]
    assert own.is_dir() and own.stat().st_mode & 0o777 == 0o700
    client.shutdown()
    assert isinstance(client.end_of(job).message, wire.JobCancelled)
    client.until(lambda: client.of(wire.Goodbye) and client.state == "gone")
    assert backend.process.wait(PATIENCE) == 0
    assert gone(worker) and not own.exists() and not backend.file.exists()
    assert client.error_of(client.submit("echo")).code == "BACKEND_LOST"  # at once, not never


def test_signal_ends_it_in_good_order(start: Start, connect: Connect) -> None:
    backend = start()
    client = connect(backend)
    job = client.submit("frames", {"count": 100, "seconds": 0.1})
    client.until(lambda: client.of(wire.Progress, job))
    backend.process.send_signal(signal.SIGTERM)
    assert isinstance(client.end_of(job).message, wire.JobCancelled)
    assert backend.process.wait(PATIENCE) == 0


def test_killed_backend_is_noticed_and_its_worker_ends(start: Start, connect: Connect) -> None:
    backend = start()
    client = connect(backend)
    worker = client.end_of(client.submit("echo")).message.result["pid"]
    job = client.submit("frames", {"count": 100, "seconds": 0.1})
    client.until(lambda: client.of(wire.Progress, job))
    killed = time.monotonic()
    backend.process.kill()
    assert client.error_of(job).code == "BACKEND_LOST"
    assert time.monotonic() - killed < transport.SILENCE_SECONDS  # noticed, not waited for
    assert client.state == "gone" and client.open_jobs == ()
    assert gone(worker)


def test_no_worker_outlives_a_server_killed_while_it_starts(start: Start) -> None:
    for pause in (0.0, 0.03, 0.1):
        backend = start()
        time.sleep(pause)
        children = Path(f"/proc/{backend.process.pid}/task/{backend.process.pid}/children").read_text().split()
        backend.process.kill()
        backend.process.wait()
        assert all(gone(int(child)) for child in children)


def test_frozen_backend_is_lost_and_comes_back(start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SILENCE_SECONDS", 1.5)
    backend = start()
    client = connect(backend)
    backend.process.send_signal(signal.SIGSTOP)
    try:
        job = client.submit("echo")
        client.until(lambda: client.state == "lost")
        assert client.error is not None and client.error.code == "BACKEND_LOST"
    finally:
        backend.process.send_signal(signal.SIGCONT)
    assert isinstance(client.end_of(job).message, wire.Done)
    assert client.state == "connected" and client.error is None


def test_a_blocked_client_does_not_take_its_own_silence_for_the_backends(
    backend: Backend, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "SILENCE_SECONDS", 0.8)
    monkeypatch.setattr(transport, "PING_SECONDS", 0.2)
    client = connect(backend)
    states = set()
    for pause in (0.0, 1.2, 0.0, 0.1, 1.2):  # as Blender does while it renders
        time.sleep(pause)
        client.poll()
        states.add(client.state)
    assert states == {"connected"}


def test_ends_with_its_parent(start: Start) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    backend = start(parent_pid=parent.pid, orphan_seconds=0.2)
    time.sleep(0.6)
    assert backend.process.poll() is None
    parent.kill()  # its end is noticed even before it is collected
    assert backend.process.wait(PATIENCE) == 0
    parent.wait()


def test_without_parent_an_unseen_end_is_kept_for_whoever_attaches(start: Start, connect: Connect) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    backend = start(parent_pid=parent.pid, orphan_seconds=0.2)
    first = connect(backend)
    job = first.submit("frames", {"count": 3, "seconds": 0.1})
    first.until(lambda: first.of(wire.Accepted, job))
    first.close()
    parent.kill()
    parent.wait()
    time.sleep(1.0)
    second = connect(backend)
    second.attach(job)
    assert second.end_of(job).message.result["count"] == 3
    second.until(lambda: second.poll(0.05) is not None)  # the acknowledgement leaves
    second.close()
    assert backend.process.wait(PATIENCE) == 0


def test_ends_when_nobody_calls(start: Start, connect: Connect) -> None:
    backend = start(idle_seconds=1.0)
    client = connect(backend)
    client.submit("frames", {"count": 8, "seconds": 0.25})
    client.until(lambda: client.of(wire.Accepted))
    client.close()
    time.sleep(1.5)
    assert backend.process.poll() is None  # it still works
    assert backend.process.wait(PATIENCE) == 0


def test_a_device_that_is_not_there(start: Start, connect: Connect) -> None:
    client = connect(start(device="cuda"))
    assert client.error_of(client.submit("echo")).code == "DEVICE_UNAVAILABLE"
    client.until(lambda: client.status and client.status.state == "failed")
    assert client.status is not None and client.status.error is not None
    assert client.error_of(client.submit("echo")).code == "DEVICE_UNAVAILABLE"


def test_operations_that_cannot_be_imported(start: Start, connect: Connect) -> None:
    client = connect(start(operations="tests.server.nowhere"))
    assert client.error_of(client.submit("echo")).code == "INTERNAL"


def test_a_place_that_cannot_be_written_and_an_address_that_is_not_ours(tmp_path: Path) -> None:
    def refused(**settings: Any) -> str:
        program = (
            "from pathlib import Path; from backend.server.serve import serve; from shared.errors import LimnerError\n"
            f"try: serve(**{settings!r})\nexcept LimnerError as error: print(error.code)"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)
        return ended.stdout.strip()

    (tmp_path / "file").write_text("")
    assert refused(connection_file=str(tmp_path / "file" / "c.json")) == "OUTPUT_NOT_WRITABLE"
    assert refused(connection_file=str(tmp_path / "c.json"), bind="203.0.113.1") == "BACKEND_START_FAILED"
    assert not list(tmp_path.glob("*c.json*"))


def test_all_interfaces_announce_the_machines_name(start: Start) -> None:
    backend = start(bind="0.0.0.0")
    endpoints = backend.connection.endpoints.values()
    assert all(endpoint.startswith(f"tcp://{os.uname().nodename}:") for endpoint in endpoints)


def test_a_stale_connection_file_is_found_out(start: Start, connect: Connect) -> None:
    backend = start()
    backend.process.kill()
    backend.process.wait()
    client = connect(backend, ready=False)
    job = client.submit("echo")
    client.until(lambda: client.state == "gone")
    assert client.error_of(job).code == "BACKEND_LOST"
    assert LimnerError.from_json(client.of(wire.Failed, job)[0].error).remedy
    assert Connection.read(backend.file).session == backend.connection.session
