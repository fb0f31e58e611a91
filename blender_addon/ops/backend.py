"""The backend by hand: start, stop, look at its log, ask the doctor."""

import json
import subprocess
from pathlib import Path

import bpy

from .. import __package__ as package
from .. import compat
from ..bridge import pump
from ..core.installation import backend_command
from ..shared.errors import LimnerError


class LIMNER_OT_start_backend(bpy.types.Operator):
    """Start the backend now; it is started by itself when there is work."""

    bl_idname = "limner.start_backend"
    bl_label = "Start Backend"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start it, whatever went wrong before."""
        pump.start()
        return {"FINISHED"}


class LIMNER_OT_stop_backend(bpy.types.Operator):
    """End the backend and free its memory; running jobs are cancelled."""

    bl_idname = "limner.stop_backend"
    bl_label = "Stop Backend"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop it."""
        session = pump.present()
        if session is not None:
            session.stop()
            pump.redraw()
        return {"FINISHED"}


class LIMNER_OT_open_log(bpy.types.Operator):
    """Open the backend's log."""

    bl_idname = "limner.open_log"
    bl_label = "Open Log"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be one."""
        cls.poll_message_set("The backend has not been started yet")
        session = pump.present()
        return session is not None and session.process.log.exists()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Open it with the system's program for text."""
        bpy.ops.wm.path_open(filepath=str(pump.session().process.log))
        return {"FINISHED"}


class LIMNER_OT_doctor(bpy.types.Operator):
    """Find out what works here and what does not, with remedies. Takes some seconds, without blocking."""

    bl_idname = "limner.doctor"
    bl_label = "Run Doctor"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start ``limner doctor``; a timer puts its answer into the preferences."""
        preferences = context.preferences.addons[package].preferences
        answer = compat.user_folder(package, "backend") / "doctor.json"
        try:
            command = [*backend_command(preferences.command), "doctor", "--json"]
            with open(answer, "wb") as file:
                doctor = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL)
        except (LimnerError, OSError) as error:
            preferences.doctor = complaint(str(error))
            return {"CANCELLED"}
        preferences.doctor = ""
        bpy.app.timers.register(lambda: await_doctor(doctor, answer), first_interval=0.5)
        return {"FINISHED"}


def await_doctor(doctor: subprocess.Popen[bytes], answer: Path) -> float | None:
    """Keep the doctor's answer in the preferences once it has ended; the seconds until it is worth another look."""
    if doctor.poll() is None:
        return 0.5
    addon = bpy.context.preferences.addons.get(package)
    if addon is not None:
        text = answer.read_text(encoding="utf-8", errors="replace")
        try:
            json.loads(text)
            addon.preferences.doctor = text
        except ValueError:
            addon.preferences.doctor = complaint(f"The doctor ended with {doctor.returncode} and no answer.")
        pump.redraw()
    return None


def complaint(text: str) -> str:
    """A finding as the doctor would report it."""
    return json.dumps([{"name": "doctor", "status": "fail", "detail": text, "remedy": ""}])
