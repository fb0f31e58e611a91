"""The backend by hand: start, stop, look at its log, ask the doctor."""

import json
import subprocess

import bpy

from .. import __package__ as package
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
    """Find out what works here and what does not, with remedies. Takes some seconds."""

    bl_idname = "limner.doctor"
    bl_label = "Run Doctor"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run ``limner doctor`` and keep its answer in the preferences."""
        preferences = context.preferences.addons[package].preferences
        try:
            command = [*backend_command(preferences.command), "doctor", "--json"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            json.loads(done.stdout)
            preferences.doctor = done.stdout
        except (LimnerError, OSError, ValueError, subprocess.TimeoutExpired) as error:
            preferences.doctor = ""
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}
