"""A worker process as the server sees it: started, watched, ended.

Jobs run in a process of their own and not in a thread: a crash of the GPU's driver or a lack of memory ends one job and
not the server, no computation holds the interpreter's lock while a client waits for a pong, and work that does not heed
a cancel can be stopped all the same. Pictures asked for while a job runs have a second such process.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from shared import messages as wire
from shared.errors import LimnerError

log = logging.getLogger(__name__)
LOAD_SECONDS = 300  # a cold disk reads torch slowly
MAXIMUM_FAILURES = 2  # deaths before a worker was ready, after which it is not started again by itself


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker must know; it gets this on its standard input, where no other user can read the keys.

    Args:
        endpoint: where the server listens to workers.
        server_key: the server's public key.
        public: the workers' public key.
        secret: the workers' secret key.
        device: ``auto``, ``cpu`` or ``cuda``.
        operations: the module with the job kinds it can run.
        folder: where jobs without a named output write.
        parent: the server's process; a worker ends when it is gone, also if that happens before the worker is up.
        name: the worker's routing id.
    """

    endpoint: str
    server_key: str
    public: str
    secret: str
    device: str
    operations: str
    folder: str
    parent: int
    name: str = ""


class WorkerProcess:
    """One worker and its successors.

    Args:
        role: ``jobs`` or ``view``.
        settings: for every process started.

    Attributes:
        ready: what the running process can do, ``None`` while it loads.
        task: the id of the job, or the picture's number, that it works on; empty when idle.
        error: why it was given up; ``start`` tries again.
    """

    def __init__(self, role: str, settings: WorkerSettings) -> None:
        self.role = role
        self.name = b""
        self.ready: wire.WorkerReady | None = None
        self.task = ""
        self.error: LimnerError | None = None
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0
        self._failures = 0
        self._load_deadline = 0.0

    @property
    def running(self) -> bool:
        """Whether a process was started and has not been found dead."""
        return self._process is not None

    @property
    def idle(self) -> bool:
        """Whether it can take a task."""
        return self.ready is not None and not self.task

    def start(self) -> None:
        """Start a process; nothing happens when one runs."""
        if self._process:
            return
        self._started += 1
        self._load_deadline = time.monotonic() + LOAD_SECONDS
        self.name = f"{self.role}-{self._started}".encode()
        self.error, self.ready, self.task = None, None, ""
        root = str(Path(__file__).parents[2])
        search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backend.server.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": search},
        )
        assert self._process.stdin
        try:
            with self._process.stdin as pipe:
                pipe.write(json.dumps({**vars(self._settings), "name": self.name.decode()}).encode())
        except OSError:
            log.warning("the %s worker ended at once", self.role)  # poll_death tells the rest

    def is_ready(self, ready: wire.WorkerReady) -> None:
        """It has loaded its libraries."""
        self.ready, self._failures = ready, 0

    def poll_death(self) -> LimnerError | None:
        """Why the process ended, once, if it did."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            if self.ready is None and time.monotonic() > self._load_deadline:
                self.kill()
            return None
        self._process = None
        reason = f"signal {-code}" if code < 0 else f"exit status {code}"
        log.warning("the %s worker ended with %s%s", self.role, reason, f" during {self.task}" if self.task else "")
        if self.ready is None:
            self._failures += 1
            if self._failures >= MAXIMUM_FAILURES and not self.error:
                cause = f"The backend's worker ended with {reason} while loading."
                remedy = "Run `limner doctor`; the backend's log tells more."
                self.error = LimnerError("BACKEND_START_FAILED", cause, remedy)
        self.ready = None
        hint = "It may have run out of memory: try a smaller size, or close other programs." if code == -9 else (
            "Try again; the backend's log tells more.")
        return LimnerError("BACKEND_LOST", f"The process that did the work ended with {reason}.", hint)

    def give_up(self, error: LimnerError) -> None:
        """It says that it cannot work here."""
        self.error, self.ready = error, None

    def kill(self) -> None:
        """End the process at once; ``poll_death`` will find it dead."""
        if self._process:
            self._process.kill()

    def end(self) -> None:
        """End the process and wait until it is gone."""
        if self._process:
            self._process.terminate()
            deadline = time.monotonic() + 2
            while self._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            self._process.kill()
            self._process.wait()
            self._process = None
