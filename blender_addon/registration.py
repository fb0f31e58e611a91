"""Every class of the extension, in the order Blender needs them."""

import bpy

from . import preferences, properties
from .bridge import handlers, pump
from .ops import animate, backend, create, job, mesh, render
from .ui import animate_panel, create_panel, main_panel, mesh_panel, render_panel

CLASSES = (
    properties.LimnerAvatar,
    properties.LimnerPicture,
    properties.LimnerScene,
    preferences.LimnerPreferences,
    job.LIMNER_OT_cancel,
    job.LIMNER_OT_bring_in,
    backend.LIMNER_OT_start_backend,
    backend.LIMNER_OT_stop_backend,
    backend.LIMNER_OT_open_log,
    backend.LIMNER_OT_doctor,
    create.LIMNER_OT_add_pictures,
    create.LIMNER_OT_remove_picture,
    create.LIMNER_OT_create_avatar,
    animate.LIMNER_OT_animate,
    render.LIMNER_OT_render,
    mesh.LIMNER_OT_extract_mesh,
    main_panel.LIMNER_PT_main,
    create_panel.LIMNER_PT_create,
    animate_panel.LIMNER_PT_animate,
    render_panel.LIMNER_PT_render,
    mesh_panel.LIMNER_PT_mesh,
)


def register() -> None:
    """Register everything; starts nothing and opens no connection."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.register()
    handlers.register()


def unregister() -> None:
    """End the backend and take everything away again."""
    pump.stop()
    handlers.unregister()
    properties.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
