"""A mesh out."""

import bpy

from ..ops.job import active_job, latest_job
from .main_panel import SidebarPanel
from .state import draw_job


class LIMNER_PT_mesh(SidebarPanel, bpy.types.Panel):
    """Which surface, and the button that extracts it."""

    bl_idname = "LIMNER_PT_mesh"
    bl_parent_id = "LIMNER_PT_main"
    bl_label = "Mesh"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw it."""
        layout, settings = self.layout, context.scene.limner
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(settings, "surface")
        if settings.surface == "volume":
            layout.prop(settings, "mesh_resolution")
        running = active_job("mesh")
        if running is None:
            row = layout.row()
            row.scale_y = 1.4
            row.operator("limner.extract_mesh", icon="MESH_DATA")
        shown = running or latest_job("mesh")
        if shown is not None:
            draw_job(layout, context, shown)
