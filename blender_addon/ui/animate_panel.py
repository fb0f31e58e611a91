"""Speech in, keys out."""

import bpy

from ..ops.job import active_job, latest_job
from .main_panel import SidebarPanel
from .state import draw_job


class LIMNER_PT_animate(SidebarPanel, bpy.types.Panel):
    """The speech, and the button that animates the avatar with it."""

    bl_idname = "LIMNER_PT_animate"
    bl_parent_id = "LIMNER_PT_main"
    bl_label = "Animation"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw it."""
        layout, settings = self.layout, context.scene.limner
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(settings, "speech")
        layout.prop(settings, "seed")
        running = active_job("animate")
        if running is None:
            row = layout.row()
            row.scale_y = 1.4
            row.operator("limner.animate", icon="SPEAKER", text=f"Animate from Frame {context.scene.frame_current}")
        shown = running or latest_job("animate")
        if shown is not None:
            draw_job(layout, context, shown)
