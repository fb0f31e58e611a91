"""Pictures in, an avatar out."""

from pathlib import Path

import bpy

from ..ops.job import active_job, latest_job
from .main_panel import SidebarPanel
from .state import draw_job

TASKS = ("create", "build")


class LIMNER_PT_create(SidebarPanel, bpy.types.Panel):
    """Pictures, and the button that makes an avatar of them."""

    bl_idname = "LIMNER_PT_create"
    bl_parent_id = "LIMNER_PT_main"
    bl_label = "Create"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw it."""
        layout, settings = self.layout, context.scene.limner
        if settings.pictures:
            column = layout.box().column(align=True)
            for index, picture in enumerate(settings.pictures):
                row = column.row(align=True)
                row.label(text=Path(picture.path.replace("//", "", 1)).name, icon="IMAGE_DATA")
                row.operator("limner.remove_picture", text="", icon="X", emboss=False).index = index
            if len(settings.pictures) > 1:
                first = "Only the first is used" if settings.kind == "real3d" else "Others lend the first what it hides"
                column.label(text=first, icon="INFO")
        text = "Add Pictures" if settings.pictures else "Choose Pictures"
        layout.operator("limner.add_pictures", icon="ADD", text=text)
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(settings, "kind")
        if settings.kind == "zera" and len(settings.pictures) > 1:
            layout.prop(settings, "refine")
        layout.prop(settings, "match_scene")
        running = active_job(*TASKS)
        if running is None:
            row = layout.row()
            row.scale_y = 1.4
            row.enabled = bool(settings.pictures)
            row.operator("limner.create_avatar", icon="USER")
        shown = running or latest_job(*TASKS)
        if shown is not None:
            draw_job(layout, context, shown)
