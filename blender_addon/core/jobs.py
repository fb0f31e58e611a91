"""One job as Blender sees it: what was asked, how far it is, how it ended."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..shared.errors import LimnerError
from ..shared.messages import Parts

State = Literal["waiting", "queued", "running", "cancelling", "done", "error", "cancelled"]

# which parameters of a kind are files on this machine that the backend reads
INPUTS: dict[str, tuple[str, ...]] = {
    "reconstruct": ("references",),
    "animate": ("source",),
    "render": ("avatar",),
    "mesh": ("avatar",),
    "head": ("avatar",),
}


@dataclass
class Job:
    """A job, from the press of the button to its end.

    Args:
        kind: what the backend does, a key of ``shared.messages_jobs.JOB_PARAMETERS``.
        parameters: that kind's parameters; paths are this machine's.
        parts: its arrays.
        task: what Blender does with the outcome, a key of ``bridge.tasks.TASKS``.
        context: what that needs to know: names of objects and scenes, frame numbers; JSON values.

    Attributes:
        state: ``waiting`` until the backend has accepted it.
        frames: finished frames of a render, by number.
        result: the backend's result once ``done``; its arrays are in ``result_parts``.
        error: why it ended in ``error``.
        applied: whether its outcome is in the Blender file.
        followed_by: the job that goes on with its result.
    """

    kind: str
    parameters: dict[str, Any]
    task: str
    parts: Parts = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: State = "waiting"
    fraction: float = 0.0
    stage: str = "Waiting for the backend"
    eta: float | None = None
    frames: dict[int, Path] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    result_parts: Parts = field(default_factory=dict)
    error: LimnerError | None = None
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    applied: bool = False
    followed_by: Job | None = None

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("waiting", "queued", "running", "cancelling")

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return (self.ended or time.monotonic()) - self.started

    def end(self, state: State, error: LimnerError | None = None) -> None:
        """Come to an end."""
        if self.active:
            self.state, self.error, self.ended, self.eta = state, error, time.monotonic(), None
            self.parts = {}  # may be many megabytes
            if state == "done":
                self.fraction = 1.0

    def describe(self) -> str:
        """How far it is, in words for the panel."""
        if self.state == "error" and self.error:
            return self.error.cause
        if not self.active:
            return {"done": "Done", "cancelled": "Cancelled"}.get(self.state, self.state)
        text = "Cancelling" if self.state == "cancelling" else self.stage
        if self.eta is not None and self.state == "running":
            text += f", {readable_duration(self.eta)} left"
        return text


def readable_duration(seconds: float) -> str:
    """Seconds as a person says them: ``8 s``, ``3 min 20 s``, ``1 h 5 min``."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
