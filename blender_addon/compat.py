"""Everything that differs between Blender 4.5 and 5.x, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy_extras import anim_utils

# slots came with 4.4; the action's own list of curves went with 5.0, when the helper that makes the new list came
HAS_CHANNELBAG_HELPER = hasattr(anim_utils, "action_ensure_channelbag_for_slot")
# the short strip names came with 5.1, when the frame_* names began to be marked as deprecated
HAS_SHORT_STRIP_NAMES = "left_handle" in bpy.types.Strip.bl_rna.properties


def action_fcurves(owner: bpy.types.ID, name: str) -> Any:
    """The F-curves of the action that animates an ID, both made where missing.

    Args:
        owner: an object, a shape key block, or anything else with animation data.
        name: the name of an action that has to be made.

    Returns:
        A collection with ``new(data_path, index=)``, ``find`` and ``remove``.
    """
    animation = owner.animation_data_create()
    if animation.action is None:
        animation.action = bpy.data.actions.new(name)
    action = animation.action
    if animation.action_slot is None:
        fitting = [slot for slot in action.slots if slot.target_id_type in (owner.id_type, "UNSPECIFIED")]
        animation.action_slot = fitting[0] if fitting else action.slots.new(id_type=owner.id_type, name=owner.name)
    if HAS_CHANNELBAG_HELPER:
        return anim_utils.action_ensure_channelbag_for_slot(action, animation.action_slot).fcurves
    if not action.layers:
        action.layers.new("Layer")
    layer = action.layers[0]
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(animation.action_slot, ensure=True).fcurves


def curves_of(owner: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The F-curves that animate an ID, none where it has no action."""
    animation = owner.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return []
    bag = anim_utils.action_get_channelbag_for_slot(animation.action, animation.action_slot)
    return list(bag.fcurves) if bag else []


def strip_start(strip: bpy.types.Strip) -> int:
    """First frame that a strip shows."""
    return int(strip.left_handle if HAS_SHORT_STRIP_NAMES else strip.frame_final_start)


def strip_duration(strip: bpy.types.Strip) -> int:
    """How many frames a strip shows."""
    return int(strip.duration if HAS_SHORT_STRIP_NAMES else strip.frame_final_duration)


def set_strip_end(strip: bpy.types.Strip, end: int) -> None:
    """Cut a strip before a frame."""
    if HAS_SHORT_STRIP_NAMES:
        strip.right_handle = end
    else:
        strip.frame_final_end = end


def show_in_sequencer(scene: bpy.types.Scene) -> None:
    """Let sequencers that show no scene show this one; since 5.0 a workspace chooses the scene its sequencers edit."""
    for workspace in bpy.data.workspaces:
        if getattr(workspace, "sequencer_scene", scene) is None:
            workspace.sequencer_scene = scene


def user_folder(package: str, name: str) -> Path:
    """A folder where the extension may keep files, made where missing; checkouts that are no extension get one, too."""
    try:
        folder = bpy.utils.extension_path_user(package, path=name, create=True)
    except ValueError:
        folder = bpy.utils.user_resource("DATAFILES", path=str(Path("limner", name)), create=True)
    return Path(folder)
