"""What every avatar kind offers: a frame is a pure function of motion values, camera, size and quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from shared.arkit import ARKIT_NAMES
from shared.camera import Camera
from shared.motion import MotionClip

Quality = Literal["preview", "final"]
# "keep": the photograph's own background plate; "transparent"; [3] uint8 colour; or [H, W, 3] uint8 picture
Background = str | np.ndarray
# of the first picture, the second and so on in the mixer pass; after the last come those after the first again
REFERENCE_COLOURS = np.array(
    [[0.90, 0.62, 0], [0.34, 0.71, 0.91], [0, 0.62, 0.45], [0.80, 0.47, 0.65], [0.94, 0.89, 0.26], [0.84, 0.37, 0]]
)
FIRST_REFERENCE = REFERENCE_COLOURS[0]
PASS_NAMES = ("rgba", "depth", "head", "torso", "mixer")


@dataclass(frozen=True)
class FrameRequest:
    """One frame asked of an avatar.

    Args:
        coefficients: [52] ARKit values in [0, 1]; ``None`` is the photograph's own expression.
        rotation: [3] XYZ Euler angles in radians, head relative to the photograph's pose.
        location: [3] metres, head relative to the photograph's pose.
        camera: ``None`` is the photograph's camera.
        size: longer side of the picture in pixels; the camera's aspect is kept, both sides even.
        quality: ``preview`` trades samples for speed.
        background: see ``Background``.
        passes: which of ``PASS_NAMES`` to fill.
        expression: [64] the same as ``coefficients`` in those of the Basel Face Model: avatars that were made with it
            take them as they are, others do without.
    """

    coefficients: np.ndarray | None = None
    rotation: np.ndarray = field(default_factory=lambda: np.zeros(3, np.float32))
    location: np.ndarray = field(default_factory=lambda: np.zeros(3, np.float32))
    camera: Camera | None = None
    size: int = 512
    quality: Quality = "final"
    background: Background = "keep"
    passes: tuple[str, ...] = ("rgba",)
    expression: np.ndarray | None = None


@dataclass(frozen=True)
class Frame:
    """One rendered frame.

    Args:
        rgba: [H, W, 4] uint8 display-referred sRGB, straight alpha.
        depth: [H, W] float32 metres along the camera's axis, ``inf`` where nothing is.
        head: [H, W, 4] uint8, the head layer alone.
        torso: [H, W, 4] uint8, the torso layer alone.
        mixer: [H, W, 3] uint8, which reference each pixel came from.
    """

    rgba: np.ndarray
    depth: np.ndarray | None = None
    head: np.ndarray | None = None
    torso: np.ndarray | None = None
    mixer: np.ndarray | None = None


@dataclass(frozen=True)
class HeadMesh:
    """The fitted head and neck, neutral, with its 52 shape keys.

    Args:
        vertices: [V, 3] float32 metres, head frame (origin between the ears at eye height, Z up, face along -Y).
        faces: [F, 3] int32 triangles, counter-clockwise seen from outside.
        shape_keys: [52, V, 3] float32 offsets from ``vertices`` at coefficient 1, in the order of ``ARKIT_NAMES``.
        uv: [F, 3, 2] float32 texture coordinates of each triangle's corners, origin bottom left.
        texture: [T, T, 3] uint8 sRGB, baked from the photograph.
    """

    vertices: np.ndarray
    faces: np.ndarray
    shape_keys: np.ndarray
    uv: np.ndarray
    texture: np.ndarray

    def __post_init__(self) -> None:
        assert self.shape_keys.shape == (len(ARKIT_NAMES), *self.vertices.shape)


class Avatar(Protocol):
    """A person ready to be driven."""

    kind: str

    @property
    def camera(self) -> Camera:
        """The photograph's camera, at the photograph's size."""

    @property
    def coefficients(self) -> np.ndarray:
        """[52] The photograph's own expression."""

    @property
    def neutral(self) -> np.ndarray:
        """[V, 3] The fitted head without expression, head frame, metres, in the head model's topology."""

    @property
    def head_to_world(self) -> np.ndarray:
        """[4, 4] The head's pose in the photograph."""

    @property
    def fingerprint(self) -> str:
        """Of all that its frames hang on beside the request: where it is the same, so are they."""

    def render(self, request: FrameRequest) -> Frame:
        """Render one frame."""

    def head_mesh(self) -> HeadMesh:
        """The fitted head with shape keys and baked texture."""

    def signed_distance(self, points: np.ndarray, request: FrameRequest) -> np.ndarray:
        """[N, 3] world points, metres -> [N] float32 signed distance to the person's surface, negative inside."""

    def surface_color(self, points: np.ndarray, request: FrameRequest) -> np.ndarray:
        """[N, 3] world points near the surface -> [N, 3] uint8 sRGB."""

    def bounds(self, request: FrameRequest) -> tuple[np.ndarray, np.ndarray]:
        """[3], [3] Lower and upper corner in the world of the box that holds the person, metres."""

    def save(self, path: Path) -> None:
        """Write the ``.limner`` file, beside its place and renamed into it."""


def photographed(avatar: Avatar, fps: float = 25.0) -> MotionClip:
    """The photograph as a clip of one frame: its own expression and pose, what is rendered where no clip is given."""
    clip = MotionClip.still(1, fps)
    clip.coefficients[:] = avatar.coefficients
    return clip
