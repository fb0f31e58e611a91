"""The backend as a child process: started, watched, stopped, and not started over and over when it cannot start."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ..shared.errors import LimnerError

SECONDS_BETWEEN_STARTS = 5.0
STARTS_BEFORE_GIVING_UP = 3
LOG_TAIL = 400  # characters of the log in an error message


class BackendProcess:
    """One backend at a time, started on request.

    Args:
        folder: where the connection file and the log go.
    """

    def __init__(self, folder: Path) -> None:
        self.connection_file = folder / f"connection-{os.getpid()}.json"
        self.log = folder / f"backend-{os.getpid()}.log"
        self._child: subprocess.Popen[bytes] | None = None
        self._last_start = -SECONDS_BETWEEN_STARTS
        self._failed_starts = 0

    @property
    def running(self) -> bool:
        """Whether the child runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """The child's process id."""
        return self._child.pid if self._child else None

    def may_start(self) -> bool:
        """Whether enough time has passed since the last start; starting too often only burns the processor."""
        return not self.running and time.monotonic() - self._last_start >= SECONDS_BETWEEN_STARTS

    def start(self, command: Sequence[str], device: str = "auto") -> None:
        """Start the backend.

        Args:
            command: what runs ``limner``.
            device: ``auto``, ``cpu`` or ``cuda``.

        Raises:
            LimnerError: ``BACKEND_START_FAILED`` when it cannot be started, or failed to start too often.
        """
        if self.running:
            return
        if self._failed_starts >= STARTS_BEFORE_GIVING_UP:
            raise LimnerError("BACKEND_START_FAILED", f"The backend ended {self._failed_starts} times while starting. "
                              f"{self.last_words()}", f"Read {self.log}, run `limner doctor`, press Start Backend.")
        self._last_start = time.monotonic()
        self._failed_starts += 1  # until it has welcomed us
        self.connection_file.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
        arguments = [*command, "serve", "--connection-file", str(self.connection_file), "--device", device,
                     "--parent-pid", str(os.getpid())]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(self.log, "ab") as log:
                log.write(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')} {arguments}\n".encode())
                log.flush()
                self._child = self._spawn(arguments, environment, log)
        except OSError as error:
            raise LimnerError("BACKEND_START_FAILED", f"{command[0]} cannot be started ({error.strerror}).",
                              "Check the backend's path in the extension's preferences.") from error

    def _spawn(self, arguments: Sequence[str], environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        # a group of its own, so that Ctrl-C in the terminal that Blender was started from does not reach it
        group = {"start_new_session": True} if os.name == "posix" else {
            "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP  # type: ignore[attr-defined]
        }
        return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                env=environment, **group)

    def welcomed(self) -> None:
        """The backend has answered: it did start."""
        self._failed_starts = 0

    def forgive(self) -> None:
        """Forget failed starts, because the user asks for another."""
        self._failed_starts, self._last_start = 0, -SECONDS_BETWEEN_STARTS

    def last_words(self) -> str:
        """Why it ended, as far as its exit code and log tell."""
        code = self._child.poll() if self._child else None
        try:
            lines = self.log.read_text(errors="replace")[-LOG_TAIL:].splitlines()
        except OSError:
            lines = []
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"Exit code {code}; its last words: {words}" if code is not None else "It did not answer."

    def kill(self) -> None:
        """End a backend that does not answer, at once."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(timeout=5)

    def stop(self, patience: float = 2.0) -> None:
        """End the backend; one that does not end within ``patience`` seconds is killed."""
        if self._child is None:
            return
        if self.running:
            self._child.terminate()
            try:
                self._child.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait(timeout=5)
        self._child = None
        self.connection_file.unlink(missing_ok=True)
