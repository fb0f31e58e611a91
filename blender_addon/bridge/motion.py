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
from . import avatars, cameras, plain


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
    """What an avatar does over some frames, and who looks at it.

    Where curves alone move it, they are read; otherwise the scene is played and stands afterwards where it stood.
    Either way curves, drivers, constraints, parents and the animation of the camera all count.

    Args:
        scene: the scene.
        head: the avatar's head object.
        first: first frame.
        last: last frame, included.

    Raises:
        LimnerError: ``WRONG_USE`` for a camera or an avatar that cannot be rendered with.
    """
    if plain.is_plain(scene, head):
        root = head.limner.root
        return Performance(plain.read_clip(scene, head, first, last), _seen([_view(scene, scene.camera, root)], head))
    return play(scene, head, first, last)


def play(scene: bpy.types.Scene, head: bpy.types.Object, first: int, last: int) -> Performance:
    """The same by evaluating the scene at every frame."""
    frames = range(first, last + 1)
    clip = MotionClip.still(len(frames), scene.render.fps / scene.render.fps_base)
    avatar = head.limner
    rest = Matrix(np.array(avatar.head_to_world).reshape(4, 4).tolist())
    views: list[Camera | None] = []
    angles = Euler()
    before = scene.frame_current, scene.frame_subframe
    layer = scene.view_layers[0] if bpy.context.scene != scene else bpy.context.view_layer
    try:
        for row, frame in enumerate(frames):
            scene.frame_set(frame)
            depsgraph = layer.depsgraph
            root = avatar.root.evaluated_get(depsgraph)
            pose = (root.matrix_world @ rest).inverted() @ avatar.control.evaluated_get(depsgraph).matrix_world
            clip.location[row] = pose.to_translation()
            angles = pose.to_euler("XYZ", angles)  # near the last ones: no jumps by a full turn
            clip.rotation[row] = angles
            read_expression(head.evaluated_get(depsgraph).data.shape_keys, clip.coefficients[row])
            views.append(_view(scene, scene.camera and scene.camera.evaluated_get(depsgraph), root))
    finally:
        scene.frame_set(before[0], subframe=before[1])
    return Performance(clip, _seen(views, head))


def _view(scene: bpy.types.Scene, camera: bpy.types.Object | None, root: bpy.types.Object) -> Camera | None:
    """What the scene's camera sees, in the avatar's own world."""
    return camera and relative_to(cameras.read_camera(camera, scene), np.array(root.matrix_world))


def _seen(views: list[Camera | None], head: bpy.types.Object) -> list[Camera] | Camera | None:
    """Views of all frames as ``Performance`` has them; without a camera the photograph's counts."""
    photograph = avatars.photograph_camera(head)
    there = [view or photograph for view in views]
    if all(same_view(view, photograph) for view in there):
        return None
    return there[0] if all(same_view(view, there[0], 1e-3) for view in there) else there


def read_expression(keys: bpy.types.Key, row: np.ndarray) -> None:
    """Fill [52] ARKit values from evaluated shape keys; muted and missing ones are zero."""
    for index, name in enumerate(ARKIT_NAMES):
        block = keys.key_blocks.get(name)
        row[index] = 0.0 if block is None or block.mute else min(1.0, max(0.0, block.value))
