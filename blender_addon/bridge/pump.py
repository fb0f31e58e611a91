"""The one place where the add-on moves on: an ordinary function, called by Blender's timer, or in a loop by scripts."""

from __future__ import annotations

import atexit
import time
import traceback
from pathlib import Path

import bpy

from .. import __package__ as package
from .. import compat
from ..core.jobs import Job
from ..core.session import Session, Settings
from . import outcomes

BUDGET = 0.006  # seconds a tick may take from Blender
BUSY_INTERVAL, IDLE_INTERVAL = 1 / 30, 0.5

_session: Session | None = None


def session() -> Session:
    """The session of this Blender, made on first use; its settings are the preferences'."""
    global _session
    if _session is None:
        _session = Session(compat.user_folder(package, "backend"), f"Blender {bpy.app.version_string}")
        atexit.register(stop)
    addon = bpy.context.preferences.addons.get(package)
    if addon is not None:
        preferences = addon.preferences
        remote = bpy.path.abspath(preferences.connection_file) if preferences.use_remote else ""
        _session.configure(
            Settings(preferences.command, preferences.device, Path(remote) if remote else None, bpy.app.online_access)
        )
    return _session


def present() -> Session | None:
    """The session if there is one; drawing code looks here and starts nothing."""
    return _session


def submit(job: Job) -> Job:
    """Ask for a job and keep the pump going."""
    session().submit(job)
    run()
    return job


def start() -> None:
    """Start the backend, whatever went wrong before."""
    session().start()
    run()


def recover() -> None:
    """Follow the jobs of a Blender that crashed, so that their outcomes still arrive."""
    if session().adopt():
        run()


def run() -> None:
    """Let Blender's timer call :func:`tick`; it goes on by itself while there is a backend."""
    if not bpy.app.timers.is_registered(_timer):
        bpy.app.timers.register(_timer, persistent=True)


def tick(budget: float = BUDGET, wait: float = 0.0) -> list[Job]:
    """Move on: talk to the backend, bring what has arrived into Blender; returns the jobs with news.

    Args:
        budget: seconds to spend on the connection.
        wait: seconds to wait for news; 0 in the timer.
    """
    if _session is None:
        return []
    news = _session.update(budget, wait)
    for job in [*news, *(job for job in _session.jobs.values() if outcomes.pending(job) and job not in news)]:
        outcomes.take(job, submit)
    if news:
        redraw()
    return news


def wait(job: Job, seconds: float | None = None) -> Job:
    """Pump until a job, and what follows from it, has ended; returns the last of them.

    Args:
        job: a submitted job.
        seconds: give up after so long; ``None`` waits for ever.

    Raises:
        TimeoutError: it takes longer.
    """
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        while job.followed_by is not None:
            job = job.followed_by
        if not job.active:
            return job
        if end is not None and time.monotonic() > end:
            raise TimeoutError(f"{job.kind} has not ended after {seconds} s, it is {job.state}: {job.stage}")
        tick(budget=0.05, wait=0.05)


def stop() -> None:
    """End the backend and forget the session."""
    global _session
    if _session is not None:
        _session.stop()
        _session = None


def _timer() -> float | None:
    try:
        tick()
    except Exception:  # an exception would end the timer, and with it every job
        traceback.print_exc()
    if _session is None:
        return None
    if _session.busy:
        return BUSY_INTERVAL
    return IDLE_INTERVAL if _session.status not in ("stopped", "failed") else None


def redraw() -> None:
    """Let the panels and the sequencer show the news."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES"):
                area.tag_redraw()
