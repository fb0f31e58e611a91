"""The backend as the rest of the add-on sees it: submit jobs, call :meth:`Session.update` often, read how they end.

The session starts the backend when there is work, connects, notices when it dies, tells the jobs that died with it, and
starts it again for the next one. No threads: everything happens inside ``update``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..shared import messages as wire
from ..shared.connection import Connection
from ..shared.errors import LimnerError
from ..shared.transport import Client
from .files import Transfers
from .installation import backend_command
from .jobs import Job
from .process import BackendProcess
from .recovery import find_orphan, remember

START_SECONDS = 60.0  # until a started backend must have written its connection file
LOST_SECONDS = 15.0  # a backend of ours that says nothing for longer is ended

BackendStatus = Literal["stopped", "starting", "loading", "ready", "lost", "failed"]


@dataclass
class Settings:
    """Which backend to use.

    Args:
        command: path of the ``limner`` command; empty to use the installed one.
        device: ``auto``, ``cpu`` or ``cuda``.
        remote: connection file of a backend that somebody else started; ``None`` to start one here.
        online: whether the user lets the add-on talk to other machines.
    """

    command: str = ""
    device: str = "auto"
    remote: Path | None = None
    online: bool = True


class Session:
    """Jobs and the backend that does them.

    Args:
        folder: for the connection file and the log.
        name: who we are, for the backend's log.

    Attributes:
        settings: see :meth:`configure`.
        jobs: every job of this session by id, oldest first.
        error: why there is no backend.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder
        self.settings = Settings()
        self.process = BackendProcess(folder)
        self.jobs: dict[str, Job] = {}
        self.error: LimnerError | None = None
        self._client: Client | None = None
        self._transfers = Transfers()
        self._wanted = False
        self._remembered: list[str] = []
        self._since = time.monotonic()  # when we began to start, or lost the connection

    # ---- what the add-on calls -------------------------------------------------------------------------------------

    @property
    def status(self) -> BackendStatus:
        """How the backend is, in one word."""
        client = self._client
        if client is not None:
            if client.state == "connected":
                return client.status.state if client.status else "loading"
            return "lost" if client.state == "lost" else "starting"
        if self.error is not None:
            return "failed"
        return "starting" if self.process.running or self._wanted else "stopped"

    @property
    def device(self) -> str:
        """What the backend computes on, empty while unknown."""
        return self._client.status.device if self._client and self._client.status else ""

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self._wanted or any(job.active for job in self.jobs.values())

    def configure(self, settings: Settings) -> None:
        """Use another backend from now on; while there is work, the present one stays."""
        if settings != self.settings and not self.busy:
            self.stop()
            self.process.forgive()
            self.settings = settings

    def start(self) -> None:
        """Ask for the backend to run, forgiving earlier failures."""
        self.process.forgive()
        self.error = None
        self._wanted = True

    def adopt(self) -> bool:
        """Follow the jobs of a Blender that crashed on this machine; returns whether there are any."""
        orphan = find_orphan(self.folder)
        if orphan is None or self._client is not None:
            return False
        self._client = Client(orphan.connection, self.name)
        for job in orphan.jobs:
            self.jobs[job.id] = job
            self._client.attach(job.id)
        return True

    def submit(self, job: Job) -> Job:
        """Ask for a job; the backend is started if need be."""
        self.jobs[job.id] = job
        self.error = None
        if self._client is not None:
            self._begin(job)
        return job

    def cancel(self, job: Job) -> None:
        """Stop a job; one that has not reached the backend ends at once."""
        if not job.active:
            return
        if self._client is None or self._transfers.drop(job):
            job.end("cancelled")
        else:
            job.state = "cancelling"
            self._client.cancel(job.id)

    def update(self, budget: float = 0.006, wait: float = 0.0) -> list[Job]:
        """Do what is due within ``budget`` seconds and return the jobs with news.

        Args:
            budget: seconds.
            wait: seconds to wait for news; 0 inside Blender's own loop.
        """
        before = {job.id: job.state for job in self.jobs.values() if job.active}
        touched: set[str] = set()
        try:
            self._keep_backend()
        except LimnerError as error:
            self._give_up(error)
        if self._client is not None:
            for message, parts in self._client.poll(wait, budget):
                touched |= self._receive(message, parts)
            touched |= self._transfers.update(self._client)
            self._watch_client(self._client)
        elif wait:
            time.sleep(min(wait, 0.02))
        touched |= {job for job, state in before.items() if self.jobs[job].state != state}
        self._remember()
        return [job for job in self.jobs.values() if job.id in touched]

    def _remember(self) -> None:
        """Note what a Blender that comes after a crash may want to follow."""
        open_jobs = [job.id for job in self.jobs.values() if job.active and self.settings.remote is None]
        if open_jobs != self._remembered:
            remember(self.folder, (self.jobs[job] for job in open_jobs))
            self._remembered = open_jobs

    def stop(self) -> None:
        """End the backend; open jobs end as cancelled."""
        for job in self.jobs.values():
            job.end("cancelled")
        self._wanted = False
        if self._client is not None and self.settings.remote is None:
            self._client.shutdown()
            self._client.poll()
        self._disconnect()
        self.process.stop()
        self._remember()
        self.error = None

    # ---- the backend -----------------------------------------------------------------------------------------------

    def _keep_backend(self) -> None:
        """Start and connect, one step at a time, as long as somebody wants the backend."""
        if self._client is not None or not self.busy:
            return
        if self.settings.remote is not None:
            connection = Connection.read(self.settings.remote)
            if not self.settings.online and not is_loopback(connection.endpoints["control"]):
                raise LimnerError("WRONG_USE", f"The backend is on another machine, {connection.machine}.",
                                  "Allow Online Access in Blender's system preferences to use it.")
            self._connect(connection)
        elif self.process.running:
            if self.process.connection_file.exists():
                self._connect(Connection.read(self.process.connection_file))
            elif time.monotonic() - self._since > START_SECONDS:
                self.process.kill()
        elif self.process.may_start():
            self.process.start(backend_command(self.settings.command), self.settings.device)
            self._since = time.monotonic()

    def _connect(self, connection: Connection) -> None:
        self._client = Client(connection, self.name)
        self._since = time.monotonic()
        for job in self.jobs.values():
            if job.active:
                self._begin(job)

    def _begin(self, job: Job) -> None:
        """Hand a job to the backend, its files first where the backend is on another machine."""
        client = self._client
        assert client is not None
        try:
            if client.connection.local:
                client.submit(job.kind, job.parameters, job.parts, job.id)
            else:
                self._transfers.send(client, job)
        except LimnerError as error:
            job.end("error", error)

    def _watch_client(self, client: Client) -> None:
        if client.state == "connected":
            if client.welcome:
                self.process.welcomed()
                self._wanted = False
            self._since = time.monotonic()
        elif client.state in ("refused", "gone"):
            self.error = self._explained(client.error) if client.error else None
            self._disconnect()
            if self.settings.remote is None:
                self.process.kill()
        elif client.state == "lost" and time.monotonic() - self._since > LOST_SECONDS and self.process.running:
            self.process.kill()  # it hangs; the client notices that it is gone and ends its jobs

    def _give_up(self, error: LimnerError) -> None:
        self.error = self._explained(error)
        self._wanted = False
        for job in self.jobs.values():
            job.end("error", self.error)

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self._transfers = Transfers()

    def _explained(self, error: LimnerError) -> LimnerError:
        """An error of the backend itself, with what its log says last and where the log is."""
        if error.code != "BACKEND_LOST" or self.settings.remote is not None:
            return error
        words = "" if self.process.running else f" {self.process.last_words()}"
        return LimnerError(error.code, error.cause + words, f"{error.remedy} Log: {self.process.log}")

    # ---- messages --------------------------------------------------------------------------------------------------

    def _receive(self, message: wire.Message, parts: wire.Parts) -> set[str]:
        """Take in one message; returns the ids of the jobs it is about."""
        name = message.subject if isinstance(message, wire.Refusal) else getattr(message, "job", "")
        job = self.jobs.get(name)
        if job is None or not job.active:
            return set()
        if isinstance(message, wire.Accepted):
            if job.state == "cancelling" and self._client is not None:
                self._client.cancel(job.id)  # the first request may have overtaken the job
            else:
                job.state, job.stage = "queued", "In the queue"
        elif isinstance(message, wire.Progress):
            if job.state != "cancelling":
                job.state = "running"
            job.fraction, job.stage, job.eta = message.fraction, message.stage, message.eta
            if message.frame is not None and message.file is not None:
                self._frame(job, message.frame, message.file)
        elif isinstance(message, wire.Done):
            job.result = message.result
            # the arrays are views of the message's memory; a copy lives as long as it is needed
            job.result_parts = {name: array.copy() for name, array in parts.items()}
            if self._client is None or self._client.connection.local:
                job.end("done")
            else:
                self._transfers.fetch(self._client, job, message.files)
        elif isinstance(message, wire.JobCancelled):
            job.end("cancelled")
        elif isinstance(message, (wire.Failed, wire.Refusal)):
            job.end("error", self._explained(LimnerError.from_json(message.error)))
        return {job.id}

    def _frame(self, job: Job, number: int, file: wire.FileInfo) -> None:
        if self._client is None or self._client.connection.local:
            job.frames[number] = Path(file.path)
        else:
            self._transfers.fetch_frame(self._client, job, number, file)


def is_loopback(endpoint: str) -> bool:
    """Whether a ZeroMQ address is this machine's own."""
    host = endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")
