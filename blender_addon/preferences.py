"""The extension's preferences: where the backend is, and how it does."""

import json

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from . import __package__ as package
from .bridge import pump
from .core.installation import installation_file
from .ui.state import STATUS_ICONS, STATUS_WORDS

FINDING_ICONS = {"ok": "CHECKMARK", "warn": "INFO", "fail": "ERROR"}


class LimnerPreferences(bpy.types.AddonPreferences):
    """Where the backend is."""

    bl_idname = package

    command: StringProperty(
        name="Backend",
        subtype="FILE_PATH",
        description="The backend's `limner` command, or the Python it is installed in; empty: what install.py left",
    )
    device: EnumProperty(
        name="Device",
        items=[
            ("auto", "Automatic", "A GPU if there is one that works"),
            ("cpu", "CPU", "The processor only"),
            ("cuda", "NVIDIA GPU", "An NVIDIA GPU"),
        ],
    )
    real3d_weights: StringProperty(
        name="Real3D-Portrait",
        subtype="FILE_PATH",
        description="The file that `limner import-real3d` made of your Real3D-Portrait checkpoint, "
        "on the backend's machine",
    )
    real3d_bfm: StringProperty(
        name="Basel Face Model",
        subtype="DIR_PATH",
        description="Your folder deep_3drecon/BFM of Real3D-Portrait, on the backend's machine; avatars of that kind "
        "then have this face model instead of Limner's",
    )
    real3d_hubert: StringProperty(
        name="HuBERT",
        subtype="DIR_PATH",
        description="Your folder of facebook/hubert-large-ls960-ft, on the backend's machine; with it and both above, "
        "Animate listens with the published network",
    )
    use_remote: BoolProperty(name="Backend on Another Machine", description="Use a backend that runs somewhere else")
    connection_file: StringProperty(
        name="Connection File",
        subtype="FILE_PATH",
        description="The connection file that `limner serve --bind ADDRESS` wrote there, copied to this machine. "
        "It holds the keys: keep it readable by you alone",
    )
    doctor: StringProperty(options={"HIDDEN"})  # the doctor's last answer, JSON

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings, the backend's state and what the doctor found."""
        layout = self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(self, "use_remote")
        if self.use_remote:
            layout.prop(self, "connection_file")
            if not bpy.app.online_access:
                layout.label(text="Another machine needs Allow Online Access in the system preferences", icon="ERROR")
        else:
            layout.prop(self, "command", placeholder="as installed")
            layout.prop(self, "device")
            if not self.command and not installation_file().is_file():
                layout.label(text="No backend is installed: run `python install.py` in Limner's folder", icon="ERROR")
        layout.prop(self, "real3d_weights", placeholder="only for avatars of this kind")
        layout.prop(self, "real3d_bfm", placeholder="optional, for avatars of this kind")
        layout.prop(self, "real3d_hubert", placeholder="optional, for speech by the published network")
        session = pump.present()
        status = session.status if session else "stopped"
        row = layout.row(align=True)
        row.label(text=f"Backend: {STATUS_WORDS[status]}", icon=STATUS_ICONS[status])
        row.operator("limner.start_backend" if status in ("stopped", "failed") else "limner.stop_backend")
        row.operator("limner.open_log")
        row.operator("limner.doctor")
        if self.doctor:
            draw_findings(layout.box(), self.doctor)


def draw_findings(layout: bpy.types.UILayout, answer: str) -> None:
    """Draw what the doctor found, remedies included."""
    column = layout.column(align=True)
    for finding in json.loads(answer):
        column.label(text=f"{finding['name']}: {finding['detail']}", icon=FINDING_ICONS.get(finding["status"], "DOT"))
        if finding["remedy"]:
            column.label(text=finding["remedy"], icon="BLANK1")
