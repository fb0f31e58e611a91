"""The avatar's head or its whole surface, as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from backend.avatars.interface import Avatar, FrameRequest
from shared.arkit import ARKIT_NAMES
from shared.errors import LimnerError
from shared.motion import MotionClip
from shared.progress import Progress, part, silent

from .gltf import write_glb
from .isosurface import batches, extract
from .model import Animation, Model
from .plain_formats import write_obj, write_ply
from .staging import staged
from .usd import require_usd, write_usdc

WRITERS: dict[str, Callable[[Model, Path], None]] = {
    ".glb": write_glb,
    ".obj": write_obj,
    ".ply": write_ply,
    ".usdc": write_usdc,
}
RESOLUTIONS = range(16, 1025)


def export_mesh(
    avatar: Avatar,
    path: Path,
    surface: Literal["head", "volume"] = "head",
    clip: MotionClip | None = None,
    frame: int | None = None,
    resolution: int = 192,
    progress: Progress = silent,
) -> Path:
    """Write a mesh of the avatar in the world's metres: Z up, but Y up in ``.glb`` and ``.obj``.

    ``head`` is the fitted head with its 52 shape keys and its texture; ``.glb`` and ``.usdc`` keep the keys and, when
    no ``frame`` is named, carry the clip as an animation; ``.obj`` and ``.ply`` are still. ``volume`` is the
    iso-surface of the whole person with vertex colours, always still. A still mesh shows ``frame`` of the clip, its
    first where none is named; without a clip the head is neutral and the volume has the photograph's expression.

    Args:
        avatar: the avatar.
        path: ``.glb``, ``.obj``, ``.ply`` or ``.usdc``; textures and materials go beside it as ``NAME_texture.png``
            and ``NAME.mtl``.
        surface: which of the two.
        clip: motion.
        frame: number of the frame, from 1.
        resolution: cells along the longest side of the volume, 16 to 1024.
        progress: told how far it is.

    Returns:
        ``path``.

    Raises:
        LimnerError: ``FORMAT_UNKNOWN``, ``WRONG_USE`` for a frame or resolution out of range, ``BACKEND_NOT_INSTALLED``
            for ``.usdc`` without usd-core, ``OUTPUT_NOT_WRITABLE``, ``DISK_FULL``.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise LimnerError(
            "FORMAT_UNKNOWN",
            f"{path.name} does not end in a mesh format.",
            f"End the name in one of {', '.join(WRITERS)}.",
        )
    if suffix == ".usdc":
        require_usd()
    if frame is not None and (clip is None or not 1 <= frame <= len(clip)):
        length = "there is no motion clip" if clip is None else f"the clip has frames 1 to {len(clip)}"
        raise LimnerError("WRONG_USE", f"Frame {frame} does not exist: {length}.", "Name a clip and one of its frames.")
    if resolution not in RESOLUTIONS:
        raise LimnerError("WRONG_USE", f"A resolution of {resolution} is not possible.", "Choose 16 to 1024.")
    progress(0.0, "making the head mesh" if surface == "head" else "making the person solid")
    model = (
        head_model(avatar, clip, frame)
        if surface == "head"
        else volume_model(avatar, clip, frame, resolution, part(progress, 0.0, 0.95))
    )
    progress(0.95, f"writing {path.name}")
    with staged(path) as folder:
        WRITERS[suffix](model, folder / path.name)
    progress(1.0, "done")
    return path


def head_model(avatar: Avatar, clip: MotionClip | None = None, frame: int | None = None) -> Model:
    """The fitted head with shape keys and texture, posed in the world; animated by a clip when no frame is named."""
    head = avatar.head_mesh()
    weights, pose, animation = None, np.asarray(avatar.head_to_world, np.float64), None
    if clip is not None and len(clip):
        poses = np.stack([head_pose(avatar, *motion) for motion in zip(clip.rotation, clip.location)])
        index = 0 if frame is None else frame - 1
        weights, pose = clip.coefficients[index], poses[index]
        if frame is None:
            animation = Animation(clip.fps, clip.coefficients, poses)
    return Model(
        "Head",
        head.vertices,
        head.faces,
        pose,
        uv=head.uv,
        texture=head.texture,
        shape_keys=head.shape_keys,
        key_names=ARKIT_NAMES,
        weights=weights,
        animation=animation,
    )


def head_pose(avatar: Avatar, rotation: NDArray[np.floating], location: NDArray[np.floating]) -> NDArray[np.float64]:
    """[4, 4] Head frame to world for a head turned and moved in its own frame from the photograph's pose."""
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xyz", rotation).as_matrix()
    motion[:3, 3] = location
    return np.asarray(avatar.head_to_world, np.float64) @ motion


def volume_model(
    avatar: Avatar,
    clip: MotionClip | None = None,
    frame: int | None = None,
    resolution: int = 192,
    progress: Progress = silent,
) -> Model:
    """The iso-surface of the whole person in the world, with vertex colours, at one frame."""
    request = FrameRequest()
    if clip is not None and len(clip):
        index = 0 if frame is None else frame - 1
        request = FrameRequest(
            clip.coefficients[index],
            clip.rotation[index],
            clip.location[index],
            expression=None if clip.expression is None else clip.expression[index],
        )
    low, high = (np.asarray(corner, np.float64) for corner in avatar.bounds(request))
    vertices, faces = extract(
        lambda points: avatar.signed_distance(points, request), low, high, resolution, part(progress, 0.0, 0.8)
    )
    # faces that only close the surface at the box run through the inside: they take the colour of their rim
    cap = np.any(np.isclose(vertices, low, atol=1e-6) | np.isclose(vertices, high, atol=1e-6), axis=1)
    skin = np.flatnonzero(~cap) if not cap.all() else np.arange(len(vertices))
    colors = np.empty((len(vertices), 3), np.uint8)
    for batch in batches(len(skin), "colouring the surface", part(progress, 0.8, 1.0)):
        colors[skin[batch]] = avatar.surface_color(vertices[skin[batch]], request)
    if cap.any() and not cap.all():
        colors[cap] = colors[skin[cKDTree(vertices[skin]).query(vertices[cap])[1]]]
    return Model("Person", vertices, faces, np.eye(4), colors=colors)
