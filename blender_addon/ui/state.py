"""The backend's state in words and icons, and a job as a progress bar."""

import textwrap

import bpy

from ..bridge import outcomes
from ..core.jobs import Job, readable_duration
from ..ops.job import explain

STATUS_WORDS = {
    "stopped": "not running",
    "starting": "starting",
    "loading": "loading",
    "ready": "ready",
    "lost": "does not answer",
    "failed": "failed",
}
STATUS_ICONS = {
    "stopped": "RADIOBUT_OFF",
    "starting": "SORTTIME",
    "loading": "SORTTIME",
    "ready": "CHECKMARK",
    "lost": "ERROR",
    "failed": "ERROR",
}
POINTS_A_CHARACTER = 6.5  # of Blender's interface font, about


def draw_text(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """Text over as many lines as it needs in this region."""
    width = context.region.width / context.preferences.system.ui_scale
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, max(20, int((width - 60) / POINTS_A_CHARACTER)))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE")


def draw_job(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """A running job as a bar with its stage and a cancel button; a finished one as what became of it."""
    if job.active:
        row = layout.row(align=True)
        row.progress(factor=job.fraction, text=f"{job.fraction:.0%}  {job.describe()}")
        button = row.row(align=True)
        button.enabled = job.state != "cancelling"
        button.operator("limner.cancel", text="", icon="CANCEL").job = job.id
    elif job.error is not None:
        box = layout.box()
        box.alert = True
        draw_text(box, context, explain(job.error), "ERROR")
    elif job.state == "cancelled":
        layout.label(text="Cancelled", icon="CANCEL")
    elif outcomes.pending(job) and not outcomes.at_home(job):
        row = layout.row(align=True)
        row.label(text="Done, for another file", icon="INFO")
        row.operator("limner.bring_in", text="Bring In Here").job = job.id
    elif job.state == "done":
        layout.label(text=f"Done in {readable_duration(job.seconds)}", icon="CHECKMARK")
