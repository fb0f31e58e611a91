"""What an avatar does in a scene, frame by frame, as a motion clip and cameras: whatever animates it counts."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Euler, Matrix

from ..core.camera import relative_to, same_view
from ..shared.arkit import ARKIT_NAMES
from ..shared.camera import Camera
from ..shared.motion import MotionClip
from . import avatars, cameras


@dataclass(frozen=True)
class Performance:
    """An avatar's motion over some frames, and who looks at it.

    Args:
        clip: one row a frame.
        views: one camera a frame in the avatar's own world, or one for all; ``None`` is the photograph's.
    """

    clip: MotionClip
    views: list[Camera] | Camera | None


def perform(scene: bpy.types.Scene, head: bpy.types.Object, first: int, last: int) -> Performance:
    """Play some frames of a scene and read off what the avatar does.

    The scene is evaluated at every frame, so curves, drivers, constraints, parents and the animation of the camera all
    count; afterwards it stands where it stood.

    Args:
        scene: the scene.
        head: the avatar's head object.
        first: first frame.
        last: last frame, included.

    Raises:
        LimnerError: ``WRONG_USE`` for a camera or an avatar that cannot be rendered with.
    """
    frames = range(first, last + 1)
    clip = MotionClip.still(len(frames), scene.render.fps / scene.render.fps_base)
    avatar, photograph = head.limner, avatars.photograph_camera(head)
    rest = Matrix(np.array(avatar.head_to_world).reshape(4, 4).tolist())
    views: list[Camera] = []
    angles = Euler()
    before = scene.frame_current, scene.frame_subframe
    layer = scene.view_layers[0] if bpy.context.scene != scene else bpy.context.view_layer
    try:
        for row, frame in enumerate(frames):
            scene.frame_set(frame)
            depsgraph = layer.depsgraph
            root = avatar.root.evaluated_get(depsgraph).matrix_world
            control = avatar.control.evaluated_get(depsgraph).matrix_world
            pose = (root @ rest).inverted() @ control
            clip.location[row] = pose.to_translation()
            angles = pose.to_euler("XYZ", angles)  # near the last ones: no jumps by a full turn
            clip.rotation[row] = angles
            read_expression(head.evaluated_get(depsgraph).data.shape_keys, clip.coefficients[row])
            if scene.camera is not None:
                views.append(relative_to(cameras.read_camera(scene.camera.evaluated_get(depsgraph), scene),
                                         np.array(root)))
    finally:
        scene.frame_set(before[0], subframe=before[1])
    if not views or all(same_view(view, photograph) for view in views):
        return Performance(clip, None)
    return Performance(clip, views[0] if all(same_view(view, views[0], 1e-3) for view in views) else views)


def read_expression(keys: bpy.types.Key, row: np.ndarray) -> None:
    """Fill [52] ARKit values from evaluated shape keys; muted and missing ones are zero."""
    for index, name in enumerate(ARKIT_NAMES):
        block = keys.key_blocks.get(name)
        row[index] = 0.0 if block is None or block.mute else min(1.0, max(0.0, block.value))
