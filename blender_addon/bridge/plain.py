"""A performance read straight off its F-curves, without playing the scene, where nothing but F-curves moves the avatar.

Playing a minute of a heavy scene may block Blender for long; most avatars are animated by curves alone.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

from .. import compat
from ..shared.arkit import ARKIT_NAMES
from ..shared.motion import MotionClip

CONTROL_PATHS = {"location", "rotation_euler"}


def is_plain(scene: bpy.types.Scene, head: bpy.types.Object) -> bool:
    """Whether curves on the shape keys and on the head control are all that moves the avatar and its view."""
    avatar, camera = head.limner, scene.camera
    root, control, keys = avatar.root, avatar.control, head.data.shape_keys
    standing = [thing for thing in (root, camera) if thing is not None]
    if any(thing.animation_data or thing.constraints or thing.parent not in (None, root) for thing in standing):
        return False
    if root.parent is not None or scene.animation_data or any(marker.camera for marker in scene.timeline_markers):
        return False
    if camera is not None and (camera.data.animation_data or camera.parent_type != "OBJECT"):
        return False
    if control.parent != root or control.parent_type != "OBJECT" or control.constraints:
        return False
    return (
        control.rotation_mode == "XYZ"
        and control.delta_rotation_euler == Euler()
        and control.delta_location == Vector()
        and keys.use_relative
        and _only_curves(keys, None)
        and _only_curves(control, CONTROL_PATHS)
    )


def read_clip(scene: bpy.types.Scene, head: bpy.types.Object, first: int, last: int) -> MotionClip:
    """The motion of an avatar for which :func:`is_plain` holds; see ``motion.perform``."""
    clip = MotionClip.still(last - first + 1, scene.render.fps / scene.render.fps_base)
    keys, control = head.data.shape_keys, head.limner.control
    curves = _curves(keys)
    for index, name in enumerate(ARKIT_NAMES):
        block = keys.key_blocks.get(name)
        if block is None or block.mute:
            continue
        curve = curves.get((f'key_blocks["{bpy.utils.escape_identifier(name)}"].value', 0))
        values = _values(curve, block.value, first, last)
        clip.coefficients[:, index] = np.clip(np.clip(values, block.slider_min, block.slider_max), 0, 1)
    curves = _curves(control)
    axes = [
        np.stack([_values(curves.get((path, axis)), getattr(control, path)[axis], first, last) for axis in range(3)], 1)
        for path in ("location", "rotation_euler")
    ]
    rest = Matrix(np.array(head.limner.head_to_world).reshape(4, 4).tolist())
    from_rest, angles = rest.inverted() @ control.matrix_parent_inverse, Euler()
    for row, (location, rotation) in enumerate(zip(*axes)):
        pose = from_rest @ Matrix.LocRotScale(Vector(location), Euler(rotation), control.scale)
        clip.location[row] = pose.to_translation()
        angles = pose.to_euler("XYZ", angles)
        clip.rotation[row] = angles
    return clip


def _only_curves(owner: bpy.types.ID, paths: set[str] | None) -> bool:
    data = owner.animation_data
    if data is None:
        return True
    if len(data.drivers) or len(data.nla_tracks) or data.use_tweak_mode or data.action_influence != 1:
        return False
    return paths is None or all(curve.data_path in paths for curve in compat.curves_of(owner))


def _curves(owner: bpy.types.ID) -> dict[tuple[str, int], Any]:
    return {(curve.data_path, curve.array_index): curve for curve in compat.curves_of(owner) if not curve.mute}


def _values(curve: Any, otherwise: float, first: int, last: int) -> np.ndarray:
    """A curve's values at some frames; ``otherwise`` where there is no curve."""
    if curve is None or not (len(curve.keyframe_points) or len(curve.modifiers)):
        return np.full(last - first + 1, otherwise, np.float32)
    return np.array([curve.evaluate(frame) for frame in range(first, last + 1)], np.float32)
