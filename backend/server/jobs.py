"""The jobs of a session: their queue, and what happened to each as a numbered list that any client can read on from."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from shared import messages as wire
from shared.errors import LimnerError

ENDED = ("done", "error", "cancelled")
KEPT_JOBS = 64
KEPT_BYTES = 256 * 2**20
JobEvent = wire.Accepted | wire.Progress | wire.Done | wire.Failed | wire.JobCancelled


@dataclass
class Job:
    """One job.

    Args:
        id: chosen by the client.
        kind: what it does.
        digest: of everything submitted, to tell a repetition from a clash of ids.
        submission: the frames of its ``Submit`` message for the worker.
    """

    id: str
    kind: str
    digest: str
    submission: list[Any]
    state: wire.JobState = "queued"
    fraction: float = 0.0
    stage: str = ""
    acknowledged: bool = False
    cancel_deadline: float | None = None
    events: list[tuple[int, bool, list[Any]]] = field(default_factory=list)  # number, whether it must be kept, frames
    readers: dict[bytes, int] = field(default_factory=dict)  # client -> number of the last event sent to it
    bytes: int = 0  # that the events hold, known at the end
    _number: int = 0

    @property
    def ended(self) -> bool:
        """Whether it came to its one end."""
        return self.state in ENDED

    def add(self, event: JobEvent, parts: wire.Parts | None = None) -> None:
        """Append an event, numbered; nothing follows the end."""
        if self.ended:
            return
        self._number += 1
        keep = not (isinstance(event, wire.Progress) and event.frame is None)
        if self.events and not self.events[-1][1]:
            self.events.pop()  # only the newest mere progress matters
        self.events.append((self._number, keep, wire.encode(replace(event, event=self._number), parts)))
        if isinstance(event, wire.Progress):
            self.fraction, self.stage = event.fraction, event.stage
        elif isinstance(event, wire.Done):
            self.state, self.fraction = "done", 1.0
        elif isinstance(event, wire.Failed):
            self.state = "error"
        elif isinstance(event, wire.JobCancelled):
            self.state = "cancelled"
        if self.ended:
            self.submission = []
            self.bytes = sum(memoryview(frame).nbytes for _, _, frames in self.events for frame in frames)

    def after(self, number: int) -> list[tuple[int, bool, list[Any]]]:
        """The events that follow this one."""
        return self.events[bisect_right(self.events, number, key=lambda event: event[0]):]

    def fail(self, error: LimnerError) -> None:
        """End with an error."""
        self.add(wire.Failed(self.id, 0, error.to_json()))

    def info(self) -> wire.JobInfo:
        """The job as a list shows it."""
        return wire.JobInfo(self.id, self.kind, self.state, self.fraction, self.stage, self.acknowledged)


class JobBook:
    """All jobs of a session, in the order they came."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._forgotten: OrderedDict[str, None] = OrderedDict()

    def __iter__(self) -> Any:
        return iter(list(self._jobs.values()))

    def submit(self, message: wire.Submit, parts: wire.Parts) -> tuple[Job, bool]:
        """The job of this id, and whether it is new.

        Raises:
            LimnerError: ``WRONG_USE`` when the id already means something else, ``JOB_UNKNOWN`` when it was forgotten.
        """
        frames = wire.encode(message, parts)
        digest = hashlib.sha256(b"".join(frames)).hexdigest()
        known = self._jobs.get(message.job)
        if known:
            if known.digest != digest:
                raise LimnerError("WRONG_USE", f"The job id {message.job} is already another job.", "Choose a new id.")
            return known, False
        if message.job in self._forgotten:
            raise _unknown(message.job)
        self._forget_old()
        job = self._jobs[message.job] = Job(message.job, message.kind, digest, frames)
        job.add(wire.Accepted(job.id, 0, job.kind))
        return job, True

    def find(self, job: str) -> Job | None:
        """A job by its id, if it is known."""
        return self._jobs.get(job)

    def get(self, job: str) -> Job:
        """A job by its id; raises ``JOB_UNKNOWN``."""
        if job not in self._jobs:
            raise _unknown(job)
        return self._jobs[job]

    def next_queued(self) -> Job | None:
        """The job whose turn it is."""
        return next((job for job in self._jobs.values() if job.state == "queued"), None)

    @property
    def unfinished(self) -> list[Job]:
        """Jobs that have not ended."""
        return [job for job in self._jobs.values() if not job.ended]

    @property
    def unseen(self) -> bool:
        """Whether a job runs or ended without any client having seen its end."""
        return any(not (job.ended and job.acknowledged) for job in self._jobs.values())

    def _forget_old(self) -> None:
        """Keep a bounded number of ended jobs, those whose end nobody saw longest."""
        ended = sorted((job for job in self._jobs.values() if job.ended), key=lambda job: not job.acknowledged)
        held = sum(job.bytes for job in ended)
        while ended and (len(ended) > KEPT_JOBS or (held > KEPT_BYTES and len(ended) > 1)):
            job = ended.pop(0)
            held -= job.bytes
            del self._jobs[job.id]
            self._forgotten[job.id] = None
        while len(self._forgotten) > 100_000:
            self._forgotten.popitem(last=False)


def _unknown(job: str) -> LimnerError:
    cause = f"The backend knows no job {job}."
    return LimnerError("JOB_UNKNOWN", cause, "It may have been started anew since; submit the job again.")


