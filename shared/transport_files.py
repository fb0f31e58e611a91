"""Files to and from the backend's machine, in chunks, named by content; interrupted ones go on where they were."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .errors import LimnerError
from .messages import CHUNK, Chunk, Fetch, FileInfo, Message, Offer, Parts, Stored

OUTSTANDING = 4  # chunks on the way at once: keeps the line busy and other messages quick

Outgoing = list[tuple[Message, dict[str, np.ndarray] | None]]


class Upload:
    """A file on its way to the backend. Made by ``Client.upload``.

    Attributes:
        sha256: the content's hash, empty until it is known.
        size: bytes.
        done: whether it ended, well or with ``error``.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.sha256 = ""
        self.size = 0
        self.done = False
        self.error: LimnerError | None = None
        self._hash = hashlib.sha256()
        self._offered = False
        self._arrived, self._sent = 0, -1  # -1: until the backend has said what it has
        self._file: BinaryIO | None = None
        try:
            self._file = open(path, "rb")  # noqa: SIM115 - read over many polls
            self.size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            self.fail(LimnerError("FILE_NOT_FOUND", f"{path} cannot be read ({error.strerror}).", "Check the path."))

    @property
    def reference(self) -> str:
        """How jobs name the file once it has arrived."""
        return f"sha256:{self.sha256}"

    @property
    def fraction(self) -> float:
        """How much has arrived, 0 to 1."""
        return self._arrived / self.size if self.size else float(self.done)

    @property
    def hashing(self) -> bool:
        """Whether the hash is not known yet."""
        return not self.sha256 and not self.done

    def hash_more(self) -> bool:
        """Hash one more megabyte; False when the hash is known or the file failed."""
        data = self._read(CHUNK)
        if data:
            self._hash.update(data)
        elif not self.done:
            self.sha256 = self._hash.hexdigest()
        return bool(data)

    def due(self) -> Outgoing:
        """The messages to send now."""
        if self.done or self.hashing:
            return []
        if not self._offered:
            self._offered = True
            return [(Offer(self.sha256, self.size, self.path.name), None)]
        messages: Outgoing = []
        while self._sent >= 0 and self._sent < min(self.size, self._arrived + OUTSTANDING * CHUNK):
            assert self._file is not None
            self._file.seek(self._sent)
            data = self._read(CHUNK)
            if not data:
                if not self.done:
                    cause = f"{self.path} became shorter while it was sent."
                    self.fail(LimnerError("TRANSFER_FAILED", cause, "Try again."))
                break
            messages.append((Chunk(self.sha256, self._sent, self.size), {"data": np.frombuffer(data, np.uint8)}))
            self._sent += len(data)
        return messages

    def stored(self, answer: Stored) -> None:
        """The backend has so much."""
        if answer.sha256 != self.sha256 or self.done:
            return
        self._arrived = answer.received
        self._sent = max(self._sent, answer.received)
        if answer.received >= self.size:
            self._close()

    def restart(self) -> None:
        """Ask again how much the backend has."""
        self._offered, self._sent = False, -1

    def fail(self, error: LimnerError) -> None:
        """End with an error."""
        if not self.done:
            self.error = error
            self._close()

    def abandon(self) -> None:
        """End without a word."""
        self._close()

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size) if self._file else b""
        except OSError as error:
            self.fail(LimnerError("TRANSFER_FAILED", f"{self.path} cannot be read ({error.strerror}).", "Try again."))
            return b""

    def _close(self) -> None:
        self.done = True
        if self._file:
            self._file.close()
            self._file = None


class Download:
    """A file on its way from the backend, written beside its place and renamed into it. Made by ``Client.download``.

    Attributes:
        path: where it will be.
        done: whether it ended, well or with ``error``.
    """

    def __init__(self, file: FileInfo, destination: Path) -> None:
        self.path = Path(destination)
        self.sha256 = file.sha256
        self.size = file.size
        self.done = False
        self.error: LimnerError | None = None
        self._hash = hashlib.sha256()
        self._received = self._asked = 0
        self._temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        self._file: BinaryIO | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._temporary, "wb")  # noqa: SIM115 - written over many polls
        except OSError as error:
            self._not_writable(error)
        if not self.size:
            self._finish()

    @property
    def fraction(self) -> float:
        """How much has arrived, 0 to 1."""
        return self._received / self.size if self.size else 1.0

    def due(self) -> Outgoing:
        """The messages to send now."""
        messages: Outgoing = []
        while not self.done and self._asked < min(self.size, self._received + OUTSTANDING * CHUNK):
            messages.append((Fetch(self.sha256, self._asked), None))
            self._asked += CHUNK
        return messages

    def received_chunk(self, chunk: Chunk, parts: Parts) -> None:
        """Bytes have come."""
        if chunk.sha256 != self.sha256 or self.done or self._file is None or chunk.offset != self._received:
            return
        data = parts.get("data", np.zeros(0, np.uint8))
        try:
            self._file.write(data.tobytes())
        except OSError as error:
            self._not_writable(error)
            return
        self._hash.update(data.tobytes())
        self._received += len(data)
        if not len(data) or self._received > self.size:
            self._changed()
        elif self._received == self.size:
            self._finish()

    def restart(self) -> None:
        """Ask again for what has not come."""
        self._asked = self._received

    def fail(self, error: LimnerError) -> None:
        """End with an error; no partial file stays."""
        if not self.done:
            self.error = error
            self.abandon()

    def abandon(self) -> None:
        """End without a word."""
        self.done = True
        if self._file:
            self._file.close()
            self._file = None
            self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._file is None:
            return
        if self._hash.hexdigest() != self.sha256:
            self._changed()
            return
        try:
            self._file.close()
            os.replace(self._temporary, self.path)
            self._file = None
            self.done = True
        except OSError as error:
            self._not_writable(error)

    def _changed(self) -> None:
        cause = f"{self.path.name} changed on the backend's machine."
        self.fail(LimnerError("TRANSFER_FAILED", cause, "Run the job again."))

    def _not_writable(self, error: OSError) -> None:
        self.fail(LimnerError("OUTPUT_NOT_WRITABLE", f"{self.path} cannot be written ({error.strerror}).",
                              "Choose another folder or free some space."))
