"""The server: one thread, one loop, that owns every socket and never computes anything itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import zmq

from shared import messages as wire
from shared.connection import process_alive
from shared.errors import LimnerError

from .authentication import Gatekeeper
from .files import FileStore
from .jobs import Job, JobBook
from .views import ViewDesk, Wish
from .worker_process import WorkerProcess

log = logging.getLogger(__name__)
Socket = zmq.Socket[bytes]
FEATURES = ("view", "depth", "upload", "download", "attach")
TICK_MILLISECONDS = 100
MESSAGES_AT_ONCE = 64  # of one socket, before the others have their turn
KNOWN_CLIENTS = 256


@dataclass(frozen=True)
class Lifetime:
    """When the server ends by itself.

    Args:
        parent_pid: ends when this process is gone; ``None`` watches nobody.
        orphan_seconds: without a parent, so long after the last call, unless a job runs or its end was not seen.
        idle_seconds: so long after the last call of anybody, unless a job runs.
        cancel_seconds: a job that does not heed a cancel for so long is stopped by ending its process.
    """

    parent_pid: int | None = None
    orphan_seconds: float = 5.0
    idle_seconds: float = 900.0
    cancel_seconds: float = 5.0


class Server:
    """Answers clients, hands jobs and pictures to workers, passes on what they say.

    Args:
        sockets: bound ROUTERs named ``control``, ``jobs``, ``view`` and ``workers``.
        gatekeeper: answers for all of them.
        session: the id of this run.
        job_worker: does the jobs, and pictures while it has none; started at once.
        view_worker: renders pictures while a job runs; started when it is first needed, for it costs memory.
        files: uploads and results.
        lifetime: when to end.
    """

    def __init__(
        self,
        sockets: dict[str, Socket],
        gatekeeper: Gatekeeper,
        session: str,
        job_worker: WorkerProcess,
        view_worker: WorkerProcess,
        files: FileStore,
        lifetime: Lifetime,
    ) -> None:
        self._sockets = sockets
        self._gatekeeper = gatekeeper
        self._session = session
        self._job_worker = job_worker
        self._view_worker = view_worker
        self._files = files
        self._lifetime = lifetime
        self._jobs = JobBook()
        self._desk = ViewDesk()
        self._painter = view_worker  # who works on the picture in the making
        self._clients: dict[bytes, str] = {}
        self._called = time.monotonic()
        self._looked = 0.0
        self._parent_gone = False
        self._ending = ""
        self._end_deadline = 0.0
        self._handlers: dict[type, Callable[[bytes, Any, wire.Parts], None]] = {
            wire.Ping: self._on_ping,
            wire.CancelJob: self._on_cancel,
            wire.ListJobs: self._on_list,
            wire.Shutdown: self._on_shutdown,
            wire.Submit: self._on_submit,
            wire.Attach: self._on_attach,
            wire.Acknowledge: self._on_acknowledge,
            wire.Offer: lambda client, message, parts: self._send("jobs", client, self._files.offer(message)),
            wire.Chunk: lambda client, message, parts: self._send("jobs", client, self._files.store(message, parts)),
            wire.Fetch: lambda client, message, parts: self._send("jobs", client, *self._files.fetch(message)),
            wire.View: self._on_view,
        }

    def run(self) -> str:
        """Serve until told or due to end; the reason why it ended."""
        poller = zmq.Poller()
        for socket in (self._gatekeeper.socket, *self._sockets.values()):
            poller.register(socket, zmq.POLLIN)
        self._job_worker.start()
        while not (self._ending and (not self._jobs.unfinished or time.monotonic() > self._end_deadline)):
            waiting = dict(poller.poll(TICK_MILLISECONDS))
            if self._gatekeeper.socket in waiting:
                self._gatekeeper.answer()
            for channel, socket in self._sockets.items():
                if socket in waiting:
                    self._receive(channel, socket)
            self._watch_workers()
            self._hand_out()
            for job in self._jobs:
                self._deliver(job)
            self._watch_lifetime()
        return self._ending

    def end(self, reason: str) -> None:
        """Stop what runs and end soon."""
        if not self._ending:
            self._ending, self._end_deadline = reason, time.monotonic() + 3
            for job in self._jobs.unfinished:
                self._cancel(job)

    # ---- from clients ----------------------------------------------------------------------------------------------

    def _receive(self, channel: str, socket: Socket) -> None:
        for _ in range(MESSAGES_AT_ONCE):
            try:
                sender, *frames = socket.recv_multipart(flags=zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if channel == "workers":
                self._from_worker(sender.bytes, frames)
                continue
            self._called = time.monotonic()
            try:
                self._from_client(channel, sender.bytes, frames)
            except LimnerError as error:
                self._send(channel, sender.bytes, wire.Refusal("message", error.to_json()))
            except Exception as error:  # a fault of ours must not end the server for everybody
                log.exception("a message on %s could not be handled", channel)
                failure = LimnerError("INTERNAL", f"{type(error).__name__}: {error}", "Report this with the log.")
                self._send(channel, sender.bytes, wire.Refusal("message", failure.to_json()))

    def _from_client(self, channel: str, client: bytes, frames: list[Any]) -> None:
        message, parts = wire.decode(frames)
        if isinstance(message, wire.Hello):
            self._on_hello(channel, client, message)
            return
        handler = self._handlers.get(type(message))
        name = type(message).__name__
        if handler is None:
            raise LimnerError("MESSAGE_INVALID", f"{name} is not for the backend.", "Update the add-on.")
        if client not in self._clients:
            error = LimnerError("MESSAGE_INVALID", f"{name} came before Hello.", "Say hello on the control channel.")
            self._send(channel, client, wire.Refusal("hello first", error.to_json()))
            return
        try:
            handler(client, message, parts)
        except LimnerError as error:
            subject = getattr(message, "job", None) or getattr(message, "sha256", None) or name
            self._send(channel, client, wire.Refusal(subject, error.to_json()))

    def _on_hello(self, channel: str, client: bytes, hello: wire.Hello) -> None:
        if channel != "control":
            raise LimnerError("MESSAGE_INVALID", "Hello belongs on the control channel.", "Update the add-on.")
        if hello.protocol != wire.PROTOCOL_VERSION:
            error = LimnerError(
                "VERSION_MISMATCH",
                f"The add-on {hello.program} speaks protocol {hello.protocol}, "
                f"the backend {wire.PROGRAM_VERSION} protocol {wire.PROTOCOL_VERSION}.",
                "Install the same version of both.",
            )
            self._send("control", client, wire.Refusal("Hello", error.to_json()))
            return
        if client not in self._clients:
            log.info("hello from %s", hello.client[:100])
            if len(self._clients) >= KNOWN_CLIENTS:
                del self._clients[next(iter(self._clients))]
        self._clients[client] = hello.client
        pong = self._condition()
        self._send("control", client, wire.Welcome(
            self._session, wire.PROTOCOL_VERSION, wire.PROGRAM_VERSION, pong.state, pong.device, pong.kinds, FEATURES,
            pong.error,
        ))  # fmt: skip

    def _on_ping(self, client: bytes, message: wire.Ping, parts: wire.Parts) -> None:
        self._send("control", client, self._condition())

    def _condition(self) -> wire.Pong:
        worker, queued = self._job_worker, sum(job.state == "queued" for job in self._jobs)
        running = next((job.id for job in self._jobs.unfinished if job.state != "queued"), "")
        if worker.error:
            return wire.Pong("failed", queued=queued, error=worker.error.to_json())
        if worker.ready is None:
            return wire.Pong("loading", queued=queued)
        return wire.Pong("ready", worker.ready.device, worker.ready.kinds, running, queued)

    def _on_cancel(self, client: bytes, message: wire.CancelJob, parts: wire.Parts) -> None:
        job = self._jobs.get(message.job)
        self._cancel(job)
        self._send("control", client, job.info())

    def _on_list(self, client: bytes, message: wire.ListJobs, parts: wire.Parts) -> None:
        self._send("control", client, wire.JobList(self._session, tuple(job.info() for job in self._jobs)))

    def _on_shutdown(self, client: bytes, message: wire.Shutdown, parts: wire.Parts) -> None:
        self._send("control", client, wire.Goodbye("A client asked the backend to end."))
        self.end(f"shutdown asked by {self._clients[client][:100]}")

    def _on_submit(self, client: bytes, message: wire.Submit, parts: wire.Parts) -> None:
        job, new = self._jobs.submit(message, parts)
        job.readers[client] = 0
        if not new:
            return
        log.info("job %s: %s", job.id, job.kind)
        try:
            resolved = replace(message, parameters=self._files.resolved(message.parameters))
            job.submission = wire.encode(resolved, parts)
        except LimnerError as error:
            job.fail(error)
            return
        if self._ending:
            job.add(wire.JobCancelled(job.id, 0))
        else:
            self._job_worker.start()  # where it was given up, a new request is a new attempt

    def _on_attach(self, client: bytes, message: wire.Attach, parts: wire.Parts) -> None:
        try:
            self._jobs.get(message.job).readers[client] = message.after
        except LimnerError as error:
            self._send("jobs", client, wire.Failed(message.job, message.after + 1, error.to_json()))

    def _on_acknowledge(self, client: bytes, message: wire.Acknowledge, parts: wire.Parts) -> None:
        job = self._jobs.find(message.job)
        if job and job.ended:
            job.acknowledged = True

    def _on_view(self, client: bytes, message: wire.View, parts: wire.Parts) -> None:
        try:
            resolved = replace(message, avatar=self._files.resolved(message.avatar))
        except LimnerError as error:
            self._send("view", client, wire.ViewFailed(message.sequence, error.to_json()))
            return
        self._desk.ask(Wish(client, resolved, parts))
        self._job_worker.start()

    def _cancel(self, job: Job) -> None:
        if job.state == "queued":
            job.add(wire.JobCancelled(job.id, 0))
        elif job.state == "running":
            job.state = "cancelling"
            job.cancel_deadline = time.monotonic() + self._lifetime.cancel_seconds
            self._send("workers", self._job_worker.name, wire.CancelJob(job.id))

    # ---- to and from workers ---------------------------------------------------------------------------------------

    def _from_worker(self, name: bytes, frames: list[Any]) -> None:
        worker = next((worker for worker in (self._job_worker, self._view_worker) if worker.name == name), None)
        if worker is None:
            return  # last words of one that was replaced
        message, parts = wire.decode(frames)
        if isinstance(message, wire.WorkerReady):
            log.info("the %s worker is ready on %s", worker.role, message.device)
            worker.is_ready(message)
        elif isinstance(message, wire.WorkerFailed):
            worker.give_up(LimnerError.from_json(message.error))
        elif isinstance(message, (wire.Picture, wire.ViewFailed)):
            worker.task = ""
            if wish := self._desk.end():
                self._send("view", wish.client, message, parts)
        elif isinstance(message, (wire.Progress, wire.Done, wire.Failed, wire.JobCancelled)):
            self._job_event(worker, message, parts)

    def _job_event(
        self,
        worker: WorkerProcess,
        message: wire.Progress | wire.Done | wire.Failed | wire.JobCancelled,
        parts: wire.Parts,
    ) -> None:
        job = self._jobs.find(message.job)
        if isinstance(message, wire.Progress):
            if message.file:
                self._files.add(message.file)
        else:
            worker.task = ""
        for file in message.files if isinstance(message, wire.Done) else ():
            self._files.add(file)
        if job and not job.ended:
            job.add(message, parts)
            if job.ended:
                log.info("job %s: %s", job.id, job.state)

    def _watch_workers(self) -> None:
        now = time.monotonic()
        for job in self._jobs.unfinished:
            if job.cancel_deadline and now > job.cancel_deadline:
                job.cancel_deadline = None
                log.warning("job %s does not stop; its worker is ended", job.id)
                self._job_worker.kill()
        for worker in (self._job_worker, self._view_worker):
            task, death = worker.task, worker.poll_death()
            if death is None:
                continue
            worker.task = ""
            lost = self._jobs.find(task)
            if lost and lost.state == "cancelling":
                lost.add(wire.JobCancelled(lost.id, 0))
            elif lost:
                lost.fail(death)
            elif worker is self._painter and (wish := self._desk.end()):
                self._send("view", wish.client, wire.ViewFailed(wish.view.sequence, death.to_json()))
            if worker is self._job_worker and not worker.error and not self._ending:
                worker.start()

    def _hand_out(self) -> None:
        """Give idle workers their next task; where a worker was given up, tell those who wait."""
        if self._job_worker.error and not self._job_worker.running:
            for job in self._jobs.unfinished:
                job.fail(self._job_worker.error)
        if self._job_worker.idle and not self._ending and (following := self._jobs.next_queued()):
            following.state, self._job_worker.task = "running", following.id
            following.add(wire.Progress(following.id, 0, 0.0, "Starting"))
            self._send_frames("workers", self._job_worker.name, following.submission)
        if self._desk.waiting and not self._desk.making and not self._ending:
            self._hand_out_picture()

    def _hand_out_picture(self) -> None:
        workers = (self._view_worker, self._job_worker)
        idle = next((worker for worker in workers if worker.idle), None)
        error = next((worker.error for worker in workers if worker.error and not worker.running), None)
        if idle and (wish := self._desk.begin()):
            self._painter, idle.task = idle, f"picture {wish.view.sequence}"
            self._send("workers", idle.name, wish.view, wish.parts)
        elif error:
            while wish := self._desk.begin():
                self._desk.end()
                self._send("view", wish.client, wire.ViewFailed(wish.view.sequence, error.to_json()))
            self._view_worker.error = None  # the next request is a new attempt
        elif self._job_worker.task:
            self._view_worker.start()

    # ---- sending ---------------------------------------------------------------------------------------------------

    def _send(
        self, channel: str, receiver: bytes, message: wire.Message, parts: Mapping[str, np.ndarray] | None = None
    ) -> None:
        self._send_frames(channel, receiver, wire.encode(message, parts))

    def _send_frames(self, channel: str, receiver: bytes, frames: list[Any]) -> bool | None:
        """True when handed over, None when the line is full, False when nobody is at its other end."""
        try:
            self._sockets[channel].send_multipart([receiver, *frames], flags=zmq.NOBLOCK)
        except zmq.Again:
            return None
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True

    def _deliver(self, job: Job) -> None:
        """Send every reader what it has not had; what does not fit now waits for the next round."""
        for client, cursor in list(job.readers.items()):
            for number, _, frames in job.after(cursor):
                sent = self._send_frames("jobs", client, frames)
                if sent is False:
                    del job.readers[client]  # gone; the job goes on, and may be attached again
                if not sent:
                    break
                job.readers[client] = number
            else:
                if job.ended:
                    job.readers.pop(client, None)

    # ---- the end ---------------------------------------------------------------------------------------------------

    def _watch_lifetime(self) -> None:
        now = time.monotonic()
        if self._ending or now - self._looked < 0.25:
            return
        self._looked = now
        silence = now - self._called
        parent = self._lifetime.parent_pid
        if parent and not self._parent_gone and not process_alive(parent):
            self._parent_gone = True
            log.info("the process %d that started this backend is gone", parent)
        if self._parent_gone and silence > self._lifetime.orphan_seconds and not self._jobs.unseen:
            self.end("its parent is gone")
        elif silence > self._lifetime.idle_seconds and not self._jobs.unfinished:
            self.end(f"nobody called for {self._lifetime.idle_seconds:.0f} s")
