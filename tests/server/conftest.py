"""Real backend processes on real sockets, with the stand-in operations."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared import messages as wire
from shared.connection import Connection
from shared.errors import LimnerError
from shared.transport import Client, Received

ROOT = Path(__file__).parents[2]
ENDS = (wire.Done, wire.Failed, wire.JobCancelled)
PATIENCE = 60.0  # seconds for what comes at once on a quiet machine: only a hang takes longer


class Backend:
    """A backend process."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.file = folder / "connection.json"
        settings = {"operations": "tests.server.stand_in", **settings}
        program = (
            "import sys; from pathlib import Path; from backend.server.serve import serve; "
            f"sys.exit(serve(Path(sys.argv[1]), **{settings!r}))"
        )
        self.log = (folder / "log.txt").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(self.file)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=self.log
        )
        deadline = time.monotonic() + PATIENCE
        while not self.file.exists():
            assert self.process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.connection = Connection.read(self.file)

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Listener(Client):
    """A client that keeps all it has received."""

    def __init__(self, connection: Connection, name: str = "test") -> None:
        super().__init__(connection, name)
        self.received: list[Received] = []

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, (self.state, self.error, [r.message for r in self.received])
            self.received += self.poll(0.02)
        return value

    def of(self, kind: type, job: str | None = None) -> list[Any]:
        messages = [received.message for received in self.received if isinstance(received.message, kind)]
        return [message for message in messages if job in (None, getattr(message, "job", ""))]

    def end_of(self, job: str) -> Received:
        """The end of a job; there must be only one."""
        ends = self.until(lambda: [r for r in self.received if isinstance(r.message, ENDS) and r.message.job == job])
        assert len(ends) == 1
        return ends[0]

    def error_of(self, job: str) -> LimnerError:
        message = self.end_of(job).message
        assert isinstance(message, wire.Failed), message
        return LimnerError.from_json(message.error)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Backend]]:
    """Starts backends, ends them afterwards."""
    started: list[Backend] = []

    def start_one(**settings: Any) -> Backend:
        folder = tmp_path / f"backend{len(started)}"
        folder.mkdir()
        started.append(Backend(folder, **settings))
        return started[-1]

    yield start_one
    for backend in started:
        backend.end()


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One backend for all tests that leave it alive."""
    backend = Backend(tmp_path_factory.mktemp("backend"), cancel_seconds=0.5)
    yield backend
    backend.end()


@pytest.fixture
def connect() -> Iterator[Callable[[Backend], Listener]]:
    """Connects clients, closes them afterwards."""
    clients: list[Listener] = []

    def connect_one(backend: Backend, ready: bool = True) -> Listener:
        clients.append(client := Listener(backend.connection))
        if ready:
            client.until(lambda: client.state == "connected")
        return client

    yield connect_one
    for client in clients:
        client.close()


@pytest.fixture
def client(backend: Backend, connect: Callable[[Backend], Listener]) -> Listener:
    """A connected client of the common backend."""
    return connect(backend)
