"""``limner serve``: bind, write the connection file, serve, leave nothing behind."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import signal
import socket as network
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import zmq

from shared.connection import CHANNELS, Connection, default_connection_file, process_alive
from shared.errors import EXIT_DONE, LimnerError
from shared.messages import PROGRAM_VERSION, PROTOCOL_VERSION
from shared.transport import configure

from .authentication import Gatekeeper
from .files import FileStore
from .server import Lifetime, Server
from .worker_process import WorkerProcess, WorkerSettings

log = logging.getLogger(__name__)
OPERATIONS = "backend.server.operations"


def serve(
    connection_file: Path | None = None,
    bind: str = "127.0.0.1",
    device: str = "auto",
    parent_pid: int | None = None,
    *,
    idle_seconds: float | None = None,
    orphan_seconds: float = Lifetime.orphan_seconds,
    cancel_seconds: float = Lifetime.cancel_seconds,
    operations: str = OPERATIONS,
) -> int:
    """Run a backend until it is told to end, its parent is gone, or nobody has called for a while.

    Args:
        connection_file: where to write endpoints and keys; ``None`` is ``default_connection_file()``.
        bind: host name or address to listen at; whoever connects needs the keys in the connection file, wherever from.
        device: ``auto``, ``cpu`` or ``cuda``.
        parent_pid: the process to end with; ``None`` watches nobody.
        idle_seconds: without a call for so long it ends; ``None`` is LIMNER_IDLE_SECONDS or 900.
        orphan_seconds: see ``Lifetime``.
        cancel_seconds: see ``Lifetime``.
        operations: the module of what jobs can do; tests have their own.

    Returns:
        The exit status.

    Raises:
        LimnerError: ``BACKEND_START_FAILED`` when it cannot listen, ``OUTPUT_NOT_WRITABLE`` for the connection file.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if idle_seconds is None:
        idle_seconds = float(os.environ.get("LIMNER_IDLE_SECONDS", Lifetime.idle_seconds))
    place = Path(connection_file or default_connection_file()).absolute()
    session = str(uuid.uuid4())
    folder = _own_folder()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    workers: list[WorkerProcess] = []
    try:
        (server_public, server_secret), (client_public, client_secret), (worker_public, worker_secret) = (
            zmq.curve_keypair() for _ in range(3)
        )
        gatekeeper = Gatekeeper(context, {"clients": client_public, "workers": worker_public})
        sockets = {channel: _router(context, bind, "clients", server_secret) for channel in CHANNELS}
        sockets["workers"] = _router(context, "127.0.0.1", "workers", server_secret)
        settings = WorkerSettings(
            _endpoint(sockets["workers"]), server_public.decode(), worker_public.decode(),
            worker_secret.decode(), device, operations, str(folder / "jobs"), os.getpid(),
        )  # fmt: skip
        workers += (job_worker := WorkerProcess("jobs", settings)), (view_worker := WorkerProcess("view", settings))
        connection = Connection(
            PROTOCOL_VERSION, PROGRAM_VERSION, session, os.getpid(), platform.node(),
            {channel: _announced(sockets[channel], bind) for channel in CHANNELS},
            server_public.decode(), client_public.decode(), client_secret.decode(),
        )  # fmt: skip
        lifetime = Lifetime(parent_pid, orphan_seconds, idle_seconds, cancel_seconds)
        (folder / "uploads").mkdir()
        files = FileStore(folder / "uploads")
        server = Server(sockets, gatekeeper, session, job_worker, view_worker, files, lifetime)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: server.end(f"signal {number}"))
        connection.write(place)
        log.info("Limner backend %s listens at %s, see %s", PROGRAM_VERSION, connection.endpoints["control"], place)
        print(place, flush=True)
        reason = server.run()
        log.info("the backend ends: %s", reason)
        return EXIT_DONE
    finally:
        for worker in workers:
            worker.end()
        _remove_own(place, session)
        context.destroy(linger=300)  # the last words to clients
        shutil.rmtree(folder, ignore_errors=True)


def _router(context: zmq.Context[Any], host: str, domain: str, secret: bytes) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
    configure(socket)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)  # a client that comes back takes its old line's place
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
    socket.setsockopt(zmq.ZAP_DOMAIN, domain.encode())
    try:
        everywhere = host in ("*", "0.0.0.0")
        address = "*" if everywhere else str(network.getaddrinfo(host, None, type=network.SOCK_STREAM)[0][4][0])
        if ":" in address:
            socket.setsockopt(zmq.IPV6, 1)
            address = f"[{address}]"
        socket.bind(f"tcp://{address}:*")
    except (zmq.ZMQError, OSError) as error:
        raise LimnerError("BACKEND_START_FAILED", f"The backend cannot listen at {host} ({error}).",
                          "Give --bind an address of this machine, or leave it out.") from error
    return socket


def _endpoint(socket: zmq.Socket[bytes]) -> str:
    endpoint = socket.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(endpoint, bytes)
    return endpoint.rstrip(b"\0").decode()


def _announced(socket: zmq.Socket[bytes], host: str) -> str:
    """The endpoint as clients reach it: where every interface is bound, by the machine's name."""
    endpoint = _endpoint(socket)
    everywhere = host in ("*", "0.0.0.0", "::")
    return f"tcp://{platform.node()}:{endpoint.rpartition(':')[2]}" if everywhere else endpoint


def _own_folder() -> Path:
    """A new folder of this process alone; those that killed backends left behind are removed."""
    for old in Path(tempfile.gettempdir()).glob("limner-*-*"):
        pid = old.name.split("-")[1]
        if pid.isdigit() and not process_alive(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"limner-{os.getpid()}-"))


def _remove_own(place: Path, session: str) -> None:
    """Remove the connection file unless another backend has written its own there since."""
    try:
        if Connection.read(place).session == session:
            place.unlink()
    except (LimnerError, OSError):
        pass
