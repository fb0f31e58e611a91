"""What the operators that ask the backend for something have in common, and the ones that deal with jobs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import __package__ as package
from .. import compat
from ..bridge import avatars, outcomes, pump
from ..core.jobs import Job
from ..shared.errors import LimnerError

BACKEND_CODES = {"BACKEND_START_FAILED", "BACKEND_LOST", "INTERNAL", "OUT_OF_MEMORY", "DEVICE_UNAVAILABLE"}


class JobOperator:
    """An operator that has two forms: buttons start the job and return, scripts wait until its outcome is in the file.

    ``bl_options`` stay empty: the step of undo is the outcome's, and adjusting the last operation would block.
    """

    task = ""
    wait: BoolProperty(
        name="Wait", default=True, options={"HIDDEN", "SKIP_SAVE"}, description="Return when the outcome is in the file"
    )

    def job(self, context: bpy.types.Context) -> Job:
        """The job to submit, from the scene's settings; raises ``LimnerError``."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start the job and return at once."""
        return self._start(context)[0]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start the job and, unless told not to wait, pump until it has ended."""
        status, job = self._start(context)
        if job is None or not self.wait:
            return status
        job = pump.wait(job)
        if outcomes.pending(job):
            try:
                outcomes.bring_in(job)
            except Exception as error:
                outcomes.fail(job, error)
        if job.error is not None:
            self.report({"ERROR"}, explain(job.error))  # type: ignore[attr-defined]
        return {"FINISHED"} if job.state == "done" else {"CANCELLED"}

    def _start(self, context: bpy.types.Context) -> tuple[set[str], Job | None]:
        running = active_job(self.task)
        try:
            if running is not None:
                raise LimnerError("WRONG_USE", f"{outcomes.TASKS[running.task].title} is already running.",
                                  "Wait for it, or cancel it.")
            return {"FINISHED"}, pump.submit(self.job(context))
        except LimnerError as error:
            self.report({"ERROR"}, explain(error))  # type: ignore[attr-defined]
            return {"CANCELLED"}, None


class AvatarJobOperator(JobOperator):
    """A job about the chosen avatar."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be an avatar."""
        cls.poll_message_set("Create an avatar first, or select one")
        return avatars.chosen(context) is not None


def active_job(*tasks: str) -> Job | None:
    """The job of one of these tasks that has not ended."""
    session = pump.present()
    return next((job for job in session.jobs.values() if job.task in tasks and job.active), None) if session else None


def latest_job(*tasks: str) -> Job | None:
    """The last job of these tasks."""
    session = pump.present()
    found = [job for job in session.jobs.values() if job.task in tasks] if session else []
    return found[-1] if found else None


def explain(error: LimnerError) -> str:
    """An error as the user reads it: cause, remedy, and the log where it may tell more."""
    text = f"{error.cause} {error.remedy}"
    session = pump.present()
    if session is not None and error.code in BACKEND_CODES and str(session.process.log) not in text:
        text += f" Log: {session.process.log}"
    return text


def output_folder(scene: bpy.types.Scene) -> Path:
    """Where a scene's outcomes are written; files that were never saved have a folder of the extension's.

    Raises:
        LimnerError: ``OUTPUT_NOT_WRITABLE``.
    """
    chosen = scene.limner.folder
    if not chosen or (chosen.startswith("//") and not bpy.data.filepath):
        return compat.user_folder(package, "unsaved")
    folder = Path(bpy.path.abspath(chosen))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LimnerError("OUTPUT_NOT_WRITABLE", f"{folder} cannot be made ({error.strerror}).",
                          "Choose another output folder in the Limner panel.") from error
    return folder


def file_name(name: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "limner"


class LIMNER_OT_cancel(bpy.types.Operator):
    """Stop this job; what it has finished stays."""

    bl_idname = "limner.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Cancel the job of the given id."""
        session = pump.present()
        if session is None or self.job not in session.jobs:
            return {"CANCELLED"}
        session.cancel(session.jobs[self.job])
        pump.redraw()
        return {"FINISHED"}


class LIMNER_OT_bring_in(bpy.types.Operator):
    """Bring the outcome of a finished job into this file."""

    bl_idname = "limner.bring_in"
    bl_label = "Bring In"
    bl_options = {"UNDO", "INTERNAL"}

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Apply the job of the given id to the open scene."""
        session = pump.present()
        job = session.jobs.get(self.job) if session else None
        if job is None:
            return {"CANCELLED"}
        if not outcomes.at_home(job):  # the user wants it here, in another file
            job.context.update(outcomes.home(context.scene))
        try:
            outcomes.apply(job)
        except Exception as error:
            outcomes.fail(job, error)
            assert job.error is not None
            self.report({"WARNING"}, explain(job.error))
        return {"FINISHED"}


def job_context(scene: bpy.types.Scene, **values: Any) -> dict[str, Any]:
    """The context of a job that belongs to a scene."""
    return {**outcomes.home(scene), **values}
