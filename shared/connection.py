"""The connection file: where a backend listens and the keys to talk to it. Whoever can read it may command it."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import secrets
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .errors import LimnerError
from .messages import read_fields

CHANNELS = ("control", "jobs", "view")


@dataclass(frozen=True)
class Connection:
    """Everything a client needs.

    Args:
        protocol: version of the wire.
        program: version of the backend.
        session: changes whenever the backend starts.
        pid: the backend's process.
        machine: the name of the machine it runs on.
        endpoints: ZeroMQ address of each of ``CHANNELS``.
        server_key: the backend's public CURVE key, Z85.
        client_public: the client's public CURVE key, the only one the backend lets in.
        client_secret: the client's secret CURVE key.
    """

    protocol: int
    program: str
    session: str
    pid: int
    machine: str
    endpoints: dict[str, str]
    server_key: str
    client_public: str
    client_secret: str = field(repr=False)

    @property
    def local(self) -> bool:
        """Whether the backend runs on this machine, so that paths mean the same on both sides."""
        return self.machine == platform.node()

    def write(self, path: Path) -> None:
        """Write the file readable by its owner only, beside its place and renamed into it.

        Raises:
            LimnerError: ``OUTPUT_NOT_WRITABLE``.
        """
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(vars(self), file, indent=1)
            os.replace(temporary, path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise LimnerError("OUTPUT_NOT_WRITABLE", f"{path} cannot be written ({error.strerror}).",
                              "Choose another place with --connection-file.") from error

    @classmethod
    def read(cls, path: Path) -> Connection:
        """Read a connection file.

        Raises:
            LimnerError: ``FILE_NOT_FOUND`` when there is none, ``CONNECTION_FILE_INVALID`` when it is malformed or when
                others than its owner can read it.
        """
        remedy = "Start the backend again; it writes a new one."
        try:
            with open(path, encoding="utf-8") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(65536)
        except FileNotFoundError as error:
            raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", "Start the backend.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise LimnerError("CONNECTION_FILE_INVALID", f"{path} cannot be read ({error}).", remedy) from error
        if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
            raise LimnerError("CONNECTION_FILE_INVALID", f"Others can read the keys in {path}.",
                              f"Run chmod 600 {path}, and start the backend again if somebody may have read them.")
        try:
            connection: Connection = read_fields(cls, json.loads(text))
        except (ValueError, RecursionError, LimnerError) as error:
            cause = f"{path} is not a connection file ({error})."
            raise LimnerError("CONNECTION_FILE_INVALID", cause, remedy) from error
        keys = (connection.server_key, connection.client_public, connection.client_secret)
        if set(CHANNELS) - set(connection.endpoints) or any(len(key) != 40 for key in keys):
            raise LimnerError("CONNECTION_FILE_INVALID", f"{path} lacks an endpoint or a key.", remedy)
        return connection


def default_connection_file() -> Path:
    """Where a backend started without ``--connection-file`` writes it; ``LIMNER_CONNECTION`` overrides."""
    if named := os.environ.get("LIMNER_CONNECTION"):
        return Path(named)
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local")))
    else:
        folder = Path(os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return folder / "limner" / "connection.json"


def process_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected by its parent does not."""
    if pid <= 0:
        return False
    if sys.platform == "win32":  # os.kill(pid, 0) would send it a Ctrl-C
        query, still_active = 0x1000, 259
        handle = ctypes.windll.kernel32.OpenProcess(query, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(handle)
        return code.value == still_active
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return True  # no /proc here
