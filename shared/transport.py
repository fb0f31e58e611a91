"""The client's side of the wire: three sockets polled from one thread, never blocking, no threads of its own.

``Client.poll`` does all the work: call it from a timer. It connects, says hello, pings, sends again after a lost
connection whatever the backend may have missed, moves files, and returns what has arrived. Every submitted job gives
exactly one of ``Done``, ``Failed`` and ``JobCancelled``, also when the backend dies.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import zmq
from zmq.utils.monitor import recv_monitor_message

from . import messages as wire
from .connection import CHANNELS, Connection, process_alive
from .errors import LimnerError
from .transport_files import Download, Upload

PING_SECONDS = 1.0
SILENCE_SECONDS = 5.0  # without any answer: lost
CONNECT_SECONDS = 10.0
MAXIMUM_MESSAGE = 512 * 2**20
# "lost" heals by itself when the backend answers again; "refused", "gone" and "closed" are final
ClientState = Literal["connecting", "connected", "lost", "refused", "gone", "closed"]


class Received(NamedTuple):
    """One message from the backend with its arrays."""

    message: wire.Message
    parts: wire.Parts


@dataclass
class _OpenJob:
    submission: list[Any] | None  # sent again until the backend has accepted it
    event: int = 0  # the last one seen
    cancelling: bool = False


def configure(socket: zmq.Socket[bytes]) -> None:
    """Options common to both ends: nothing lingers, half-open connections are noticed, sizes are bounded."""
    socket.linger = 0
    socket.setsockopt(zmq.MAXMSGSIZE, MAXIMUM_MESSAGE)
    socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 10000)


class Client:
    """A connection to a backend.

    Args:
        connection: where it listens.
        name: who we are, in words, for the backend's log.

    Attributes:
        state: how the connection is.
        error: why it is lost, refused or gone.
        welcome: what the backend said of itself when we met.
        status: its last answer to a ping: device, running job, length of the queue.
    """

    def __init__(self, connection: Connection, name: str = "limner") -> None:
        self.connection = connection
        self.name = name
        self.state: ClientState = "connecting"
        self.error: LimnerError | None = None
        self.welcome: wire.Welcome | None = None
        self.status: wire.Pong | None = None
        self._open: dict[str, _OpenJob] = {}
        self._uploads: list[Upload] = []
        self._downloads: list[Download] = []
        self._sequence = 0
        self._ready: list[Received] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        identity = b"L" + uuid.uuid4().bytes  # the same on all three, so that the backend knows them as one
        self._sockets = {channel: self._dealer(channel, identity) for channel in CHANNELS}
        self._monitor = self._sockets["control"].get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        )
        for channel, socket in self._sockets.items():
            socket.connect(connection.endpoints[channel])
        self._poller = zmq.Poller()
        for socket in (self._monitor, *self._sockets.values()):
            self._poller.register(socket, zmq.POLLIN)
        self._outbox: dict[str, deque[list[Any]]] = {channel: deque() for channel in CHANNELS}
        now = time.monotonic()
        self._heard, self._polled, self._pinged, self._looked = now, now, now, now

    def _dealer(self, channel: str, identity: bytes) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        configure(socket)
        socket.setsockopt(zmq.IMMEDIATE, 1)  # a dead backend must not collect commands
        socket.setsockopt(zmq.ROUTING_ID, identity)
        socket.setsockopt(zmq.RECONNECT_IVL, 100)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.connection.server_key.encode())
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.connection.client_public.encode())
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.connection.client_secret.encode())
        if channel == "view":
            socket.setsockopt(zmq.RCVHWM, 4)
        return socket

    # ---- what a user of the class calls ----------------------------------------------------------------------------

    def poll(self, wait: float = 0.0, budget: float = 0.006) -> list[Received]:
        """Do what is due and return what has arrived, oldest first.

        Args:
            wait: seconds to wait for something to arrive; 0 in a timer of Blender.
            budget: stop receiving after so many seconds; the rest comes with the next call.
        """
        if self.state == "closed":
            return []
        started = time.monotonic()
        if started - self._polled > PING_SECONDS:  # nobody polled: the silence was ours
            self._heard += started - self._polled
        self._flush()
        if wait and not self._ready and not any(upload.hashing for upload in self._uploads):
            self._poller.poll(round(wait * 1000))
        self._watch_connection()
        end = time.monotonic() + budget
        for channel in CHANNELS:
            while self._receive(channel) and time.monotonic() < end:
                pass
        self._move_files(end)
        self._judge(time.monotonic())
        self._flush()
        self._polled = time.monotonic()
        ready, self._ready = self._ready, []
        return ready

    def submit(
        self,
        kind: str,
        parameters: Any = None,
        parts: Mapping[str, np.ndarray] | None = None,
        job: str | None = None,
    ) -> str:
        """Ask for a job and return its id.

        Args:
            kind: a key of ``messages_jobs.JOB_PARAMETERS``.
            parameters: that kind's dataclass or a dictionary of its fields.
            parts: its arrays.
            job: id to use; the same id is never run twice.

        Raises:
            LimnerError: ``MESSAGE_INVALID`` when something in it cannot travel.
        """
        job = job or str(uuid.uuid4())
        values = parameters if isinstance(parameters, dict) else vars(parameters) if parameters is not None else {}
        frames = wire.encode(wire.Submit(job, kind, values), parts)
        self._open[job] = _OpenJob(frames)
        if self.state in ("refused", "gone", "closed"):
            self._fail_open_jobs()
        else:
            self._outbox["jobs"].append(frames)
        return job

    def attach(self, job: str, after: int = 0) -> None:
        """Follow a job submitted earlier, perhaps by another client; if it has ended, its end arrives again."""
        self._open[job] = _OpenJob(None, after)
        self._send("jobs", wire.Attach(job, after))

    def cancel(self, job: str) -> None:
        """Ask a job to stop; it ends with ``JobCancelled``, unless it ended before."""
        record = self._open.get(job)
        if record:
            record.cancelling = True
        if record and any(record.submission is frames for frames in self._outbox["jobs"]):
            self._outbox["jobs"] = deque(frames for frames in self._outbox["jobs"] if frames is not record.submission)
            del self._open[job]  # it has not left: nothing to ask for
            self._ready.append(Received(wire.JobCancelled(job, 1), {}))
        elif record is None or record.submission is None:
            self._send("control", wire.CancelJob(job))
        # else it is on its way, and a cancel would overtake it: sent when it is accepted

    def list_jobs(self) -> None:
        """Ask for a ``JobList``."""
        self._send("control", wire.ListJobs())

    def shutdown(self) -> None:
        """Ask the backend to end."""
        self._send("control", wire.Shutdown())

    def view(self, request: wire.View, parts: Mapping[str, np.ndarray] | None = None) -> int:
        """Ask for a picture in place of any not yet begun; returns the sequence number its ``Picture`` will bear."""
        self._sequence += 1
        self._outbox["view"].clear()
        self._send("view", replace(request, sequence=self._sequence), parts)
        return self._sequence

    def upload(self, path: Path) -> Upload:
        """Bring a file to the backend's machine; when ``done``, name it in jobs by its ``reference``."""
        upload = Upload(path)
        self._uploads.append(upload)
        return upload

    def download(self, file: wire.FileInfo, destination: Path) -> Download:
        """Bring a file that a job wrote to this machine."""
        download = Download(file, destination)
        self._downloads.append(download)
        if self.state == "connected":
            self._resume_files()
        return download

    @property
    def open_jobs(self) -> tuple[str, ...]:
        """Jobs whose end has not arrived."""
        return tuple(self._open)

    @property
    def _transfers(self) -> list[Upload | Download]:
        return [*self._uploads, *self._downloads]

    def close(self) -> None:
        """Leave at once; jobs go on in the backend. The client cannot be used again."""
        if self.state != "closed":
            self.state = "closed"
            for transfer in self._transfers:
                transfer.abandon()
            self._sockets["control"].disable_monitor()
            self._context.destroy(linger=0)

    # ---- the connection --------------------------------------------------------------------------------------------

    def _watch_connection(self) -> None:
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._say_hello()
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self._end("refused", LimnerError("CONNECTION_FILE_INVALID", "The backend refuses our key.",
                                                 "Read its connection file again, or start the backend again."))
            elif self.state == "connected":
                self._lose("The connection to the backend broke.")

    def _say_hello(self) -> None:
        self._outbox["control"].clear()
        self._send("control", wire.Hello(client=self.name))

    def _judge(self, now: float) -> None:
        """Ping; notice silence and the death of a backend on this machine."""
        if self.state not in ("connecting", "connected", "lost"):
            return
        if now - self._pinged > PING_SECONDS and self.welcome and not self._outbox["control"]:
            self._pinged = now
            self._send("control", wire.Ping())
        silence = now - self._heard
        if self.state == "connected" and silence > SILENCE_SECONDS:
            self._lose(f"The backend has not answered for {silence:.0f} s.")
        if self.state == "connecting" and silence > CONNECT_SECONDS:
            self._lose(f"No backend answers at {self.connection.endpoints['control']}.")
        if self.state != "connected" and self.connection.local and now - self._looked > 0.2:
            self._looked = now
            if not process_alive(self.connection.pid):
                self._end("gone", LimnerError("BACKEND_LOST", "The backend process ended.",
                                              "Start it again and repeat the job; its log tells why it ended."))

    def _lose(self, cause: str) -> None:
        self.state = "lost"
        self.error = LimnerError("BACKEND_LOST", cause, "Wait for it to answer, or start the backend again.")

    def _end(self, state: Literal["refused", "gone"], error: LimnerError) -> None:
        if self.state in ("connecting", "connected", "lost"):
            self.state, self.error = state, error
            self._fail_open_jobs()

    def _fail_open_jobs(self) -> None:
        error = self.error or LimnerError("BACKEND_LOST", "The connection is closed.", "Connect again.")
        for job, record in self._open.items():
            self._ready.append(Received(wire.Failed(job, record.event + 1, error.to_json()), {}))
        self._open.clear()
        for transfer in self._transfers:
            transfer.fail(error)

    def _welcomed(self, welcome: wire.Welcome) -> None:
        if welcome.protocol != wire.PROTOCOL_VERSION:
            self._end("refused", LimnerError("VERSION_MISMATCH", f"The backend speaks protocol {welcome.protocol}, "
                      f"this add-on {wire.PROTOCOL_VERSION}.", "Install the same version of both."))
            return
        if self.welcome is not None and self.welcome.session != welcome.session:
            self._end("gone", LimnerError("BACKEND_LOST", "The backend was started anew.", "Repeat the job."))
            return
        self.welcome, self.state, self.error = welcome, "connected", None
        self.status = wire.Pong(welcome.state, welcome.device, welcome.kinds, error=welcome.error)
        self._outbox["jobs"].clear()
        for job, record in self._open.items():
            if record.submission is not None:
                self._outbox["jobs"].append(record.submission)
            else:
                self._send("jobs", wire.Attach(job, record.event))
                if record.cancelling:
                    self._send("control", wire.CancelJob(job))
        for transfer in self._transfers:
            transfer.restart()
        self._resume_files()

    # ---- messages --------------------------------------------------------------------------------------------------

    def _send(self, channel: str, message: wire.Message, parts: Mapping[str, np.ndarray] | None = None) -> None:
        self._outbox[channel].append(wire.encode(message, parts))

    def _flush(self) -> None:
        """Hand over what can go now; jobs and pictures wait until the backend has welcomed us."""
        for channel, outbox in self._outbox.items():
            while outbox and (channel == "control" or self.state == "connected"):
                try:
                    # a copying send: pyzmq's zero-copy send would start a Python thread inside Blender
                    self._sockets[channel].send_multipart(outbox[0], flags=zmq.NOBLOCK, copy=True)
                except zmq.Again:
                    break
                outbox.popleft()

    def _receive(self, channel: str) -> bool:
        """Take one message of a channel; False when there is none."""
        try:
            frames = self._sockets[channel].recv_multipart(flags=zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        self._heard = time.monotonic()
        try:
            message, parts = wire.decode(frames)
        except LimnerError as error:
            self._ready.append(Received(wire.Refusal("message", error.to_json()), {}))
            return True
        if self.state == "lost" and not isinstance(message, wire.Welcome):
            self.state, self.error = "connected", None  # it was only silent
        self._dispatch(message, parts)
        return True

    def _dispatch(self, message: wire.Message, parts: wire.Parts) -> None:
        if isinstance(message, wire.Welcome):
            self._welcomed(message)
        elif isinstance(message, wire.Pong):
            self.status = message
        elif isinstance(message, wire.Stored):
            for upload in self._uploads:
                upload.stored(message)
            self._resume_files()
        elif isinstance(message, wire.Chunk):
            for download in self._downloads:
                download.received_chunk(message, parts)
            self._resume_files()
        elif isinstance(message, (wire.Accepted, wire.Progress, wire.Done, wire.Failed, wire.JobCancelled)):
            self._job_event(message, parts)
        elif isinstance(message, wire.Refusal):
            self._refused(message)
        else:
            self._ready.append(Received(message, parts))

    def _job_event(
        self, message: wire.Accepted | wire.Progress | wire.Done | wire.Failed | wire.JobCancelled, parts: wire.Parts
    ) -> None:
        record = self._open.get(message.job)
        ended = isinstance(message, (wire.Done, wire.Failed, wire.JobCancelled))
        if ended:
            self._send("jobs", wire.Acknowledge(message.job))
        if record is None or message.event <= record.event:
            return  # already seen before the connection broke
        if record.cancelling and record.submission is not None and not ended:
            self._send("control", wire.CancelJob(message.job))
        record.event, record.submission = message.event, None
        if ended:
            del self._open[message.job]
        self._ready.append(Received(message, parts))

    def _refused(self, refusal: wire.Refusal) -> None:
        error = LimnerError.from_json(refusal.error)
        if refusal.subject == "Hello":
            self._end("refused", error)
        elif refusal.subject == "hello first":
            self._say_hello()
        else:
            for transfer in self._transfers:
                if transfer.sha256 == refusal.subject:
                    transfer.fail(error)
            self._ready.append(Received(refusal, {}))

    def _move_files(self, end: float) -> None:
        for upload in self._uploads:
            while upload.hashing and upload.hash_more():
                if time.monotonic() >= end:
                    break
        self._resume_files()
        self._uploads = [upload for upload in self._uploads if not upload.done]
        self._downloads = [download for download in self._downloads if not download.done]

    def _resume_files(self) -> None:
        if self.state == "connected":
            for transfer in self._transfers:
                for message, parts in transfer.due():
                    self._send("jobs", message, parts)
