"""What has to happen when files are opened and saved."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from . import outcomes, pump

_file = ""  # the path of the open file


def _jobs() -> list:
    session = pump.present()
    return list(session.jobs.values()) if session else []


@persistent
def _load_post(*_: object) -> None:
    """Jobs of the file that was closed wait for it; jobs of the one that was opened find it again."""
    global _file
    outcomes.file_closed(_jobs(), _file)
    _file = bpy.data.filepath
    if pump.present() is not None:
        pump.run()  # a job may have ended while its file was closed
    elif not bpy.app.background and bpy.data.filepath:
        pump.recover()


@persistent
def _save_post(*_: object) -> None:
    """Jobs go with a file that was saved under another name."""
    global _file
    if bpy.data.filepath != _file:
        outcomes.file_renamed(_jobs(), _file, bpy.data.filepath)
        _file = bpy.data.filepath


def register() -> None:
    """Listen."""
    global _file
    _file = getattr(bpy.data, "filepath", "")  # Blender hides its data while it starts
    bpy.app.handlers.load_post.append(_load_post)
    bpy.app.handlers.save_post.append(_save_post)


def unregister() -> None:
    """Stop listening."""
    bpy.app.handlers.load_post.remove(_load_post)
    bpy.app.handlers.save_post.remove(_save_post)
