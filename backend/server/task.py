"""What an operation sees of the job it works on, and the avatars a worker keeps loaded."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared import messages as wire
from shared.errors import LimnerError

KEPT_AVATARS = 4
REPORT_SECONDS = 0.1


class AvatarCache:
    """The avatars used last, by path and time of change.

    Args:
        load: reads an avatar from a path.
        kept: how many stay loaded.
    """

    def __init__(self, load: Callable[[Path], Any], kept: int = KEPT_AVATARS) -> None:
        self._load = load
        self._kept = kept
        self._avatars: OrderedDict[tuple[str, int, int], Any] = OrderedDict()

    def get(self, path: str) -> Any:
        """The avatar in a file, loaded again when it has changed; raises ``FILE_NOT_FOUND`` or what loading does."""
        try:
            file = Path(path).resolve(strict=True)
            status = file.stat()
        except OSError as error:
            raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", "Create the avatar again.") from error
        key = (str(file), status.st_mtime_ns, status.st_size)
        if key not in self._avatars:
            for old in [old for old in self._avatars if old[0] == key[0]]:
                del self._avatars[old]
            while len(self._avatars) >= self._kept:
                self._avatars.popitem(last=False)
            self._avatars[key] = self._load(file)
        self._avatars.move_to_end(key)
        return self._avatars[key]

    def clear(self) -> None:
        """Free their memory."""
        self._avatars.clear()


class Task:
    """A running job.

    Args:
        job: its id.
        folder: where it writes when no output was named; made when first asked for.
        avatars: the worker's loaded avatars.
        device: ``cpu`` or ``cuda``.
        send: sends a message to the server.
        listen: raises ``Cancelled`` when the job shall stop.
    """

    def __init__(
        self,
        job: str,
        folder: Path,
        avatars: AvatarCache,
        device: str,
        send: Callable[[wire.Message], None],
        listen: Callable[[], None],
    ) -> None:
        self.avatars = avatars
        self.device = device
        self.files: list[wire.FileInfo] = []
        self.started = time.monotonic()
        self._job = job
        self._folder = folder
        self._send = send
        self._listen = listen
        self._reported = 0.0
        self._stage = ""
        self._fraction = 0.0

    @property
    def folder(self) -> Path:
        """A folder of the backend's own for this job."""
        folder = self._folder / hashlib.sha256(self._job.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def output(self, wanted: str | None, default: str) -> Path:
        """Where a result goes: an absolute path as it is, anything else inside the job's own folder.

        Raises:
            LimnerError: ``WRONG_USE`` for a relative path that leaves the folder.
        """
        path = Path(wanted or default)
        if path.is_absolute():
            return path
        if ".." in path.parts:
            cause = f"The output {wanted} leaves the job's folder."
            raise LimnerError("WRONG_USE", cause, "Give a whole path or a name.")
        return self.folder / path

    def progress(self, fraction: float, stage: str) -> None:
        """Tell how far the job is, as a ``shared.progress.Progress``; raises ``Cancelled`` to stop it."""
        self._listen()
        now = time.monotonic()
        self._fraction = min(max(fraction, 0.0), 1.0)
        if now - self._reported >= REPORT_SECONDS or stage != self._stage:
            self._reported, self._stage = now, stage
            self._send(wire.Progress(self._job, 0, self._fraction, stage, self._eta(now)))

    def frame(self, number: int, path: Path) -> None:
        """Tell that a frame is finished."""
        self._send(wire.Progress(self._job, 0, self._fraction, self._stage, self._eta(time.monotonic()), number,
                                 self.wrote(path)))

    def wrote(self, path: Path) -> wire.FileInfo:
        """Name a file as a result; a client on another machine may fetch it by its hash."""
        path = Path(path).absolute()
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        info = wire.FileInfo(str(path), path.stat().st_size, digest)
        self.files = [known for known in self.files if known.path != info.path] + [info]
        return info

    def _eta(self, now: float) -> float | None:
        elapsed = now - self.started
        if self._fraction < 0.01 or elapsed < 0.5:
            return None
        return elapsed * (1 - self._fraction) / self._fraction
