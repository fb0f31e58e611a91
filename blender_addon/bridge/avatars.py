"""The avatar as Blender objects: a root, a head control, the head mesh with its shape keys, the photograph's camera."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..shared.arkit import ARKIT_NAMES
from ..shared.camera import Camera
from ..shared.errors import LimnerError
from . import cameras, images, meshes


def build(
    scene: bpy.types.Scene,
    identity: str,
    name: str,
    path: Path,
    head: Mapping[str, Any],
    parts: Mapping[str, np.ndarray],
    photograph: bpy.types.Image,
) -> bpy.types.Object:
    """Build an avatar's objects into a collection of their own and return its head.

    Args:
        scene: where to.
        identity: what :func:`find` will find it by.
        name: what its objects are called.
        path: its ``.limner`` file.
        head: the result of a ``head`` job.
        parts: that job's arrays.
        photograph: shown behind what the camera sees.
    """
    pose = np.asarray(head["head_to_world"], np.float64)
    view = Camera.from_json(head["camera"])
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)

    def add(suffix: str, data: bpy.types.ID | None, parent: bpy.types.Object | None) -> bpy.types.Object:
        thing = bpy.data.objects.new(f"{name} {suffix}".strip(), data)
        collection.objects.link(thing)
        thing.parent = parent
        return thing

    root = add("", None, None)
    root.empty_display_type, root.empty_display_size = "ARROWS", 0.1
    control = add("Head Control", None, root)
    control.empty_display_type, control.empty_display_size = "SPHERE", 0.13
    control.rotation_mode = "XYZ"
    control.matrix_parent_inverse = Matrix(pose.tolist())  # at rest it is where the photograph shows the head

    mesh = meshes.mesh_from_arrays(f"{name} Head", parts["vertices"], parts["faces"], parts["uv"])
    mesh.materials.append(
        meshes.textured_material(f"{name} Skin", images.image_from_pixels(f"{name} Skin", parts["texture"]))
    )
    thing = add("Head", mesh, control)
    meshes.add_shape_keys(thing, ARKIT_NAMES, parts["vertices"], parts["shape_keys"])
    set_expression(thing, np.asarray(head["coefficients"]))

    camera = add("Camera", bpy.data.cameras.new(f"{name} Camera"), root)
    cameras.write_camera(camera, view)
    cameras.show_behind(camera, photograph)

    properties = thing.limner
    properties.id, properties.path = identity, str(path)
    properties.root, properties.control, properties.camera = root, control, camera
    for part in (root, control, camera):
        part.limner.head = thing
    properties.photograph = json.dumps(head["camera"])
    properties.head_to_world = pose.ravel().tolist()
    return thing


def find(identity: str) -> bpy.types.Object | None:
    """The head of an avatar in this file, whatever it is called by now."""
    return next((thing for thing in bpy.data.objects if identity and thing.limner.id == identity), None)


def identify(head: bpy.types.Object) -> str:
    """What :func:`find` finds this avatar by; a copy made in Blender gets an identity of its own."""
    if find(head.limner.id) != head:
        head.limner.id = str(uuid.uuid4())
    return str(head.limner.id)


def chosen(context: bpy.types.Context) -> bpy.types.Object | None:
    """The avatar to work on: the active object's, else the one chosen in the panel."""
    active = context.object
    if active is not None:
        head = active if active.limner.id else active.limner.head
        if head is not None and head.limner.id and context.scene.objects.get(head.name) == head:
            return head
    picked = context.scene.limner.avatar
    return picked if picked is not None and context.scene.objects.get(picked.name) == picked else None


def require(head: bpy.types.Object) -> Path:
    """The ``.limner`` file of an avatar whose objects are whole.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` or ``AVATAR_UNREADABLE``.
    """
    require_objects(head)
    path = Path(bpy.path.abspath(head.limner.path))
    if not path.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{head.name}'s avatar file {path} does not exist.",
                          "Put it back, or create the avatar again.")
    return path


def require_objects(head: bpy.types.Object) -> None:
    """Check that an avatar's objects are whole; raises ``LimnerError`` ``AVATAR_UNREADABLE``."""
    avatar = head.limner
    if avatar.root is None or avatar.control is None or head.data.shape_keys is None:
        raise LimnerError("AVATAR_UNREADABLE", f"{head.name} lacks its root, its head control or its shape keys.",
                          "Undo the deletion, or create the avatar again.")


def set_expression(head: bpy.types.Object, coefficients: np.ndarray) -> None:
    """Set a head's shape keys to [52] ARKit values; keys that were deleted are passed over."""
    keys = head.data.shape_keys.key_blocks
    for name, value in zip(ARKIT_NAMES, coefficients):
        if name in keys:
            keys[name].value = float(value)


def photograph_camera(head: bpy.types.Object) -> Camera:
    """The photograph's camera in the avatar's own world."""
    return Camera.from_json(json.loads(head.limner.photograph))
