"""What each kind of job takes: the ``parameters`` of a ``Submit`` message, by kind.

A path is a path on the backend's machine, or ``"sha256:..."`` of a file that was uploaded or that a job wrote. Where
``output`` is a mere name (``"head.obj"``) or ``None``, the backend writes into a folder of its own, which it removes
when it ends: fetch the files that ``Done`` names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class ReconstructJob:
    """Photographs to an avatar. Result: ``avatar`` (path), ``report``.

    ``weights`` is what ``limner import-real3d`` wrote and ``bfm`` the folder of a Basel Face Model, on the backend's
    machine; only the kind ``real3d`` takes them. ``refine`` is the number of steps in which ``zera`` learns the person
    from several pictures; 0 does without.
    """

    references: tuple[str, ...]
    kind: Literal["zera", "real3d"] = "zera"
    weights: str | None = None
    bfm: str | None = None
    references_kept: int = 4
    refine: int = 0
    output: str | None = None


@dataclass(frozen=True)
class PublishedSpeech:
    """What the published audio-to-motion network needs, on the backend's machine.

    ``weights`` is what ``limner import-real3d`` wrote, ``hubert`` and ``bfm`` are folders of HuBERT and the Basel Face
    Model.
    """

    weights: str
    hubert: str
    bfm: str


@dataclass(frozen=True)
class AnimateJob:
    """Speech, video or Live Link Face CSV to a motion clip; in a video, the face is followed.

    Result: ``fps``, ``frames``, ``output``, ``sound`` (whether the source has any) and ``note`` (what the user should
    know, if anything); parts ``coefficients`` [T, 52], ``rotation`` and ``location`` [T, 3] float32. With
    ``published``, speech, a video's too, is heard by Real3D-Portrait's network instead.
    """

    source: str
    fps: float = 25.0
    seed: int = 0
    published: PublishedSpeech | None = None
    output: str | None = None


@dataclass(frozen=True)
class RenderJob:
    """An avatar and a clip to frames. Result: ``frames`` (paths). Each finished frame comes in a ``Progress`` message.

    The clip is a ``.npz`` file, or parts ``coefficients`` [T, 52], ``rotation`` [T, 3] and ``location`` [T, 3] with
    ``fps``; without one it is the photograph's own expression, one frame.
    """

    avatar: str
    clip: str | None = None
    fps: float = 25.0
    first: int | None = None  # 1-based, inclusive
    last: int | None = None
    size: int = 512
    quality: Literal["preview", "final"] = "final"
    background: str = "keep"
    passes: tuple[str, ...] = ("rgba",)
    camera: dict[str, Any] | tuple[dict[str, Any], ...] | None = None  # Camera.to_json(), or one a frame
    audio: str | None = None
    output: str | None = None  # a folder, .mp4 or .png
    resume: bool = False


@dataclass(frozen=True)
class MeshJob:
    """An avatar to a mesh file; result: ``output``. The clip as in ``RenderJob``, without one the photograph's."""

    avatar: str
    output: str | None = None
    surface: Literal["head", "volume"] = "head"
    resolution: int = 192
    frame: int | None = None
    clip: str | None = None
    fps: float = 25.0


@dataclass(frozen=True)
class HeadJob:
    """What the add-on builds the avatar object from.

    Result: ``kind``, ``camera`` (``Camera.to_json()``), ``coefficients`` [52], ``head_to_world`` [4][4]; parts
    ``vertices`` [V, 3] float32, ``faces`` [F, 3] int32, ``shape_keys`` [52, V, 3] float32, ``uv`` [F, 3, 2] float32,
    ``texture`` [T, T, 3] uint8.
    """

    avatar: str


JOB_PARAMETERS: dict[str, type] = {
    "reconstruct": ReconstructJob,
    "animate": AnimateJob,
    "render": RenderJob,
    "mesh": MeshJob,
    "head": HeadJob,
}
