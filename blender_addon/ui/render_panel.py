"""Frames out, onto the timeline."""

import bpy

from ..ops.job import active_job, latest_job
from ..ops.render import frame_range
from .main_panel import SidebarPanel
from .state import draw_job


class LIMNER_PT_render(SidebarPanel, bpy.types.Panel):
    """How to render, and the button that does."""

    bl_idname = "LIMNER_PT_render"
    bl_parent_id = "LIMNER_PT_main"
    bl_label = "Render"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw it."""
        layout, scene = self.layout, context.scene
        settings = scene.limner
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(settings, "size")
        layout.prop(settings, "quality")
        layout.prop(settings, "background")
        if settings.background == "color":
            layout.prop(settings, "background_color")
        layout.prop(settings, "folder")
        if not context.blend_data.filepath and settings.folder.startswith("//"):
            layout.label(text="Save the file to keep outputs beside it", icon="INFO")
        running = active_job("render")
        if running is None:
            row = layout.row()
            row.scale_y = 1.4
            row.operator("limner.render", icon="RENDER_ANIMATION")
            first, last = frame_range(scene)
            layout.label(text=f"Frames {first} to {last}")
        shown = running or latest_job("render")
        if shown is not None:
            draw_job(layout, context, shown)
            if shown.active and shown.frames:
                layout.label(text=f"{shown.context['shown']} of {shown.context['count']} frames on the sequencer")
