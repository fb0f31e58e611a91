"""The panel in the 3D viewport's sidebar: who, and how the backend does."""

import bpy

from ..bridge import avatars, pump
from ..ops.job import explain
from .state import STATUS_ICONS, STATUS_WORDS, draw_text


class SidebarPanel:
    """Where Limner's panels are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Limner"


class LIMNER_PT_main(SidebarPanel, bpy.types.Panel):
    """The backend's state and the avatar to work on."""

    bl_idname = "LIMNER_PT_main"
    bl_label = "Limner"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw it."""
        layout = self.layout
        session = pump.present()
        status = session.status if session else "stopped"
        row = layout.row(align=True)
        device = f" ({session.device.split()[0]})" if session and status == "ready" and session.device else ""
        row.label(text=f"Backend {STATUS_WORDS[status]}{device}", icon=STATUS_ICONS[status])
        if status in ("stopped", "failed"):
            row.operator("limner.start_backend", text="", icon="PLAY")
        else:
            row.operator("limner.stop_backend", text="", icon="QUIT")
        row.operator("limner.open_log", text="", icon="TEXT")
        if session and session.error:
            box = layout.box()
            box.alert = True
            draw_text(box, context, explain(session.error), "ERROR")
        layout.prop(context.scene.limner, "avatar", text="Avatar")
        head = avatars.chosen(context)
        if head is not None and head != context.scene.limner.avatar:
            layout.label(text=f"Selected: {head.name}", icon="RESTRICT_SELECT_OFF")
