"""Motion clips to F-curves, in bulk."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from .. import compat
from ..shared.arkit import ARKIT_NAMES
from ..shared.motion import MotionClip

LINEAR = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value


def write_clip(head: bpy.types.Object, clip: MotionClip, start: int) -> None:
    """Key an avatar with a clip, one key a frame; keys before and after it stay.

    Args:
        head: the avatar's head object.
        clip: at the scene's rate.
        start: the scene frame of the clip's first row.
    """
    keys = head.data.shape_keys
    curves = compat.action_fcurves(keys, f"{head.name} Face")
    for index, name in enumerate(ARKIT_NAMES):
        if name in keys.key_blocks:
            path = f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'
            write_curve(curves, path, 0, start, clip.coefficients[:, index])
    control = head.limner.control
    curves = compat.action_fcurves(control, control.name)
    for axis in range(3):
        write_curve(curves, "rotation_euler", axis, start, clip.rotation[:, axis])
        write_curve(curves, "location", axis, start, clip.location[:, axis])


def write_curve(curves: Any, path: str, index: int, start: int, values: np.ndarray) -> None:
    """Put one key a frame into a curve, made where missing; keys outside these frames stay.

    Args:
        curves: the collection of an action's curves.
        path: data path.
        index: which axis.
        start: the first value's frame.
        values: [T].
    """
    curve = curves.find(path, index=index) or curves.new(path, index=index)
    points = curve.keyframe_points
    old = np.empty(2 * len(points), np.float32)
    points.foreach_get("co", old)
    old = old.reshape(-1, 2)
    shapes = np.empty(len(points), np.int32)
    points.foreach_get("interpolation", shapes)
    new = np.column_stack([np.arange(start, start + len(values)), values]).astype(np.float32)
    before, after = old[:, 0] < start - 0.5, old[:, 0] > start + len(values) - 0.5
    points.clear()
    keys = np.concatenate([old[before], new, old[after]])
    points.add(len(keys))
    points.foreach_set("co", keys.ravel())
    points.foreach_set(
        "interpolation", np.concatenate([shapes[before], np.full(len(new), LINEAR, np.int32), shapes[after]])
    )
    curve.update()
