"""Files a client sends in chunks and fetches in chunks, known by the SHA-256 of their content."""

from __future__ import annotations

import errno
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from shared.errors import LimnerError
from shared.messages import CHUNK, Chunk, Fetch, FileInfo, Offer, Parts, Stored

MAXIMUM_ARRIVING = 16
_HASH = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@dataclass
class _Arriving:
    path: Path
    size: int
    file: BinaryIO
    received: int = 0
    hash: Any = field(default_factory=hashlib.sha256)


class FileStore:
    """The files of one session.

    Args:
        folder: where uploads are kept; exists, belongs to us alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Path] = {}
        self._arriving: dict[str, _Arriving] = {}

    def offer(self, offer: Offer) -> Stored:
        """Begin or continue an upload.

        Raises:
            LimnerError: ``MESSAGE_INVALID``, ``TRANSFER_FAILED`` when too many arrive at once, ``DISK_FULL``.
        """
        if not _HASH.fullmatch(offer.sha256) or not 0 <= offer.size < 2**40:
            raise LimnerError("MESSAGE_INVALID", "An upload is announced without a proper hash and size.", "Try again.")
        known = self._known.get(offer.sha256)
        if known and known.is_file():
            return Stored(offer.sha256, offer.size, offer.size)
        if offer.sha256 not in self._arriving:
            if len(self._arriving) >= MAXIMUM_ARRIVING:  # the oldest was given up by its client
                self._drop(next(iter(self._arriving)))
            suffix = Path(offer.name).suffix
            path = self._folder / (offer.sha256 + (suffix if _SUFFIX.fullmatch(suffix) else ""))
            temporary = path.with_name(path.name + ".part")
            file = open(temporary, "wb")  # noqa: SIM115 - open while chunks arrive
            self._arriving[offer.sha256] = _Arriving(path, offer.size, file)
            if offer.size == 0:
                self._complete(offer.sha256)
                return Stored(offer.sha256, 0, 0)
        return Stored(offer.sha256, self._arriving[offer.sha256].received, offer.size)

    def store(self, chunk: Chunk, parts: Parts) -> Stored:
        """Take bytes; a chunk that does not continue what is there is ignored, the answer says where to go on.

        Raises:
            LimnerError: ``TRANSFER_FAILED`` when the whole has another hash or was never announced, ``DISK_FULL``.
        """
        arriving = self._arriving.get(chunk.sha256)
        if arriving is None:
            if chunk.sha256 in self._known:
                return Stored(chunk.sha256, chunk.size, chunk.size)
            raise LimnerError("TRANSFER_FAILED", "A chunk came of a file that was not announced.", "Send it again.")
        data = parts.get("data", np.zeros(0, np.uint8)).tobytes()
        if chunk.offset == arriving.received and len(data) <= arriving.size - arriving.received:
            try:
                arriving.file.write(data)
            except OSError as error:
                self._drop(chunk.sha256)
                code = "DISK_FULL" if error.errno == errno.ENOSPC else "OUTPUT_NOT_WRITABLE"
                raise LimnerError(code, f"The backend cannot keep the file ({error.strerror}).",
                                  f"Free space in {self._folder} on the backend's machine.") from error
            arriving.hash.update(data)
            arriving.received += len(data)
            if arriving.received == arriving.size:
                self._complete(chunk.sha256)
        return Stored(chunk.sha256, arriving.received, arriving.size)

    def add(self, file: FileInfo) -> None:
        """A job wrote this file: clients may fetch it."""
        self._known[file.sha256] = Path(file.path)

    def fetch(self, request: Fetch) -> tuple[Chunk, dict[str, np.ndarray]]:
        """Bytes of a file that a job wrote or that was uploaded, and of no other.

        Raises:
            LimnerError: ``FILE_NOT_FOUND``.
        """
        path = self._known.get(request.sha256)
        try:
            if path is None or request.offset < 0:
                raise FileNotFoundError
            with open(path, "rb") as file:
                file.seek(request.offset)
                data = file.read(CHUNK)
                size = path.stat().st_size
        except OSError as error:
            raise LimnerError("FILE_NOT_FOUND", f"The backend has no file {path or request.sha256[:12]} any more.",
                              "Run the job that writes it again.") from error
        return Chunk(request.sha256, request.offset, size), {"data": np.frombuffer(data, np.uint8)}

    def resolved(self, value: Any) -> Any:
        """JSON values with every ``"sha256:..."`` replaced by the path of that file.

        Raises:
            LimnerError: ``FILE_NOT_FOUND`` for a hash that is not here.
        """
        if isinstance(value, str) and value.startswith("sha256:"):
            path = self._known.get(value[7:])
            if path is None:
                raise LimnerError("FILE_NOT_FOUND", f"The backend has no file {value[:19]}.", "Upload it first.")
            return str(path)
        if isinstance(value, dict):
            return {key: self.resolved(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.resolved(item) for item in value]
        return value

    def close(self) -> None:
        """Give up what has not arrived whole."""
        for sha256 in list(self._arriving):
            self._drop(sha256)

    def _complete(self, sha256: str) -> None:
        arriving = self._arriving.pop(sha256)
        arriving.file.close()
        if arriving.hash.hexdigest() != sha256:
            Path(arriving.file.name).unlink()
            raise LimnerError("TRANSFER_FAILED", "A file arrived with another content than announced.", "Try again.")
        Path(arriving.file.name).replace(arriving.path)
        self._known[sha256] = arriving.path

    def _drop(self, sha256: str) -> None:
        arriving = self._arriving.pop(sha256)
        arriving.file.close()
        Path(arriving.file.name).unlink(missing_ok=True)
