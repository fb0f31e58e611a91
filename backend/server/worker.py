"""The worker's program: takes one task at a time, does it, tells the server how far it is, listens for a cancel."""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import logging
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import zmq

from backend.allocator import keep_freed_memory
from shared import messages as wire
from shared.connection import process_alive
from shared.errors import Cancelled, LimnerError
from shared.transport import configure

from .task import AvatarCache, Task
from .worker_process import WorkerSettings

log = logging.getLogger(__name__)
LISTEN_SECONDS = 0.02


class Worker:
    """One worker process.

    Args:
        settings: from the server.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._listened = 0.0
        self._ending = False
        self._job = ""
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        configure(self._socket)
        self._socket.setsockopt(zmq.LINGER, 1000)  # the last message before the end must leave
        self._socket.setsockopt(zmq.ROUTING_ID, settings.name.encode())
        self._socket.setsockopt(zmq.CURVE_SERVERKEY, settings.server_key.encode())
        self._socket.setsockopt(zmq.CURVE_PUBLICKEY, settings.public.encode())
        self._socket.setsockopt(zmq.CURVE_SECRETKEY, settings.secret.encode())
        self._socket.connect(settings.endpoint)

    def run(self) -> int:
        """Work until the server says or ceases to be; the exit status."""
        try:
            self._operations = importlib.import_module(self._settings.operations)
            self._device, described = self._operations.warm(self._settings.device)
        except Exception as error:
            self._send(wire.WorkerFailed(as_limner_error(error).to_json()))
            return 1
        self._avatars = AvatarCache(lambda path: self._operations.load_avatar(path, self._device))
        self._send(wire.WorkerReady(described, tuple(self._operations.OPERATIONS)))
        while not self._ending and process_alive(self._settings.parent):
            if self._socket.poll(500):
                message, parts = wire.decode(self._socket.recv_multipart(copy=False))
                if isinstance(message, wire.Submit):
                    self._do(message, parts)
                elif isinstance(message, wire.View):
                    self._view(message, parts)
        return 0

    def _do(self, submit: wire.Submit, parts: wire.Parts) -> None:
        """Run one job to its one end."""
        self._job = submit.job
        task = Task(submit.job, Path(self._settings.folder), self._avatars, self._device, self._send, self._listen)
        try:
            operation = self._operations.OPERATIONS.get(submit.kind)
            if operation is None:
                raise LimnerError("MESSAGE_INVALID", f"There is no kind of job called {submit.kind!r}.",
                                  "Update the backend, or choose one of its kinds: "
                                  f"{', '.join(self._operations.OPERATIONS)}.")
            result, arrays = operation(task, submit.parameters, parts)
            seconds = time.monotonic() - task.started
            self._send(wire.Done(submit.job, 0, result, tuple(task.files), seconds), arrays)
        except Cancelled:
            self._send(wire.JobCancelled(submit.job, 0))
        except Exception as error:
            self._send(wire.Failed(submit.job, 0, self._failure(error).to_json()))
        self._job = ""

    def _view(self, view: wire.View, parts: wire.Parts) -> None:
        """Render one picture."""
        started = time.monotonic()
        try:
            arrays = self._operations.view(self._avatars, view, parts)
            self._send(wire.Picture(view.sequence, time.monotonic() - started), arrays)
        except Exception as error:
            self._send(wire.ViewFailed(view.sequence, self._failure(error).to_json()))

    def _listen(self) -> None:
        """Hear a cancel; called from within the work, often."""
        now = time.monotonic()
        if now - self._listened < LISTEN_SECONDS:
            return
        self._listened = now
        self._ending = not process_alive(self._settings.parent)
        while self._socket.poll(0):
            message, _ = wire.decode(self._socket.recv_multipart(copy=False))
            if isinstance(message, wire.CancelJob) and message.job == self._job:
                raise Cancelled
        if self._ending:
            raise Cancelled

    def _send(self, message: wire.Message, parts: Mapping[str, np.ndarray] | None = None) -> None:
        self._socket.send_multipart(wire.encode(message, parts))

    def _failure(self, error: Exception) -> LimnerError:
        failure = as_limner_error(error)
        if failure.code == "OUT_OF_MEMORY":
            self._avatars.clear()
        return failure


def as_limner_error(error: Exception) -> LimnerError:
    """Any exception as a typed refusal; what nobody foresaw becomes ``INTERNAL`` and its trace goes to the log."""
    if isinstance(error, LimnerError):
        return error
    traceback.print_exception(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, for either device
        return LimnerError("OUT_OF_MEMORY", "There is not enough memory for this.",
                           "Choose a smaller size, or close other programs that use the GPU.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return LimnerError("DISK_FULL", f"The disk is full ({error.filename}).", "Free some space and try again.")
    return LimnerError("INTERNAL", f"{type(error).__name__}: {str(error)[:500]}",
                       "Report this with the backend's log; it is a fault in Limner.")


def main() -> int:
    """Read the settings from standard input and work."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server tells when to end
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlive a server that was killed
    keep_freed_memory()
    return Worker(WorkerSettings(**json.loads(sys.stdin.read()))).run()


if __name__ == "__main__":
    sys.exit(main())
