"""What a ``zera`` avatar without learned weights consists of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backend.avatars.zera.relief import Shell
from backend.capture.lids import BLINKS, fitted_actions, shut
from backend.head.clearance import clear_of_lips
from backend.head.model import HeadModel, head_model
from shared.camera import Camera


@dataclass(frozen=True, eq=False)
class HeadCanvas:
    """What a photograph shows of the head model's surface.

    Args:
        camera: its picture is that of the canvas.
        skin: [H, W, 3] uint8 face, ears, neck, continued where something hides them.
        cut: [H, W, 5] uint8 the person's matte; where the photograph shows the eyeballs, the inside of the mouth, and
            clothes; and the hull, the matte with some room: nothing of the person projects outside it.
        depth: [H, W] float16 metres, the fitted head's surface relative to the head's origin along the camera's axis,
            ``NO_SURFACE`` where the head is not.
    """

    camera: Camera
    skin: NDArray[np.uint8]
    cut: NDArray[np.uint8]
    depth: NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class Canvas(HeadCanvas):
    """The photograph with a margin all round, taken apart into layers; every layer goes on where it is hidden.

    Args:
        margin: pixels added on every side.
        hair: [H, W, 4] uint8 colour and front-sheet opacity of hair and whatever the head model does not cover.
        body: [H, W, 4] uint8 clothes, neck, chest.
        plate: [H, W, 3] uint8 the scene without the person.
        lids: [2 h, w, 4] uint8 both eyes shut, on charts of their own (``zera.closed_lids``).
    """

    margin: int
    hair: NDArray[np.uint8]
    body: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    lids: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SkinAppearance:
    """How the head model's surface is coloured, per vertex.

    Args:
        cosine: [V] of the angle between the normal and the direction to the photograph's camera.
        fallback: [V, 3] sRGB 0..1, smooth, where the photograph does not show it.
        smooth: [V, 3] sRGB 0..1, the photograph's colours there without their detail.
        iris: [2, 3] unit vectors from each eyeball's centre to its iris's in the neutral head, right eye first.
        iris_angle: radians, the iris's radius seen from the eyeball's centre.
        eye_profile: [32, 3] sRGB 0..1 from the pupil outward, up to ``EYE_PROFILE_REACH`` iris radii.
    """

    cosine: NDArray[np.float32]
    fallback: NDArray[np.float32]
    smooth: NDArray[np.float32]
    iris: NDArray[np.float32]
    iris_angle: float
    eye_profile: NDArray[np.float32]


EYE_PROFILE_REACH = 3.2
NO_SURFACE = 10.0


@dataclass(frozen=True, eq=False)
class Reference:
    """One photograph of a head, put on the head model.

    Args:
        neutral: [V, 3] metres, head frame, neutral expression.
        coefficients: [52] the photograph's expression.
        head_to_world: [4, 4].
        canvas: colours.
    """

    neutral: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    head_to_world: NDArray[np.float64]
    canvas: HeadCanvas

    @property
    def model(self) -> HeadModel:
        """The head model all heads share."""
        return head_model()

    @cached_property
    def actions(self) -> NDArray[np.float32]:
        """[52, V, 3] the model's facial actions, the blinks fitted to this person's eyes."""
        return fitted_actions(self.neutral)

    def expressed(self, coefficients: NDArray[np.floating]) -> NDArray[np.float32]:
        """[52] in [0, 1] -> [V, 3] the unturned head with that expression, head frame."""
        return clear_of_lips(self.model.expressed(self.neutral, coefficients, self.actions)).astype(np.float32)

    @cached_property
    def source_vertices(self) -> NDArray[np.float32]:
        """[V, 3] the head in the photograph, head frame."""
        return self.expressed(self.coefficients)

    def to_world(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Head frame of the photograph's head to the world, [N, 3]."""
        return points @ self.head_to_world[:3, :3].T + self.head_to_world[:3, 3]


@dataclass(frozen=True, eq=False)
class Person(Reference):
    """One photograph, taken apart and put on the head model, and others that lend what it does not show.

    Args:
        canvas: colours.
        skin: appearance of the head model's surface.
        hair: what moves with the head.
        body: what stays with the torso.
        lenders: further photographs of the same head.
    """

    canvas: Canvas
    skin: SkinAppearance
    hair: Shell
    body: Shell
    lenders: tuple[Reference, ...] = ()

    @property
    def camera(self) -> Camera:
        """The photograph's own camera."""
        canvas, margin = self.canvas.camera, self.canvas.margin
        intrinsics = canvas.intrinsics.copy()
        intrinsics[:2, 2] -= margin
        return Camera(intrinsics, canvas.world_to_camera, canvas.width - 2 * margin, canvas.height - 2 * margin)

    @property
    def closed_vertices(self) -> NDArray[np.float32]:
        """[V, 3] the head in the photograph with its lids shut, head frame."""
        return self.expressed(shut(self.coefficients))

    def lids_shut(self, moved: NDArray[np.floating]) -> NDArray[np.float64]:
        """[2] how far from the photograph's state to shut the upper lids, left and right, are when vertices have moved.

        Args:
            moved: [V, 3] metres from ``source_vertices``, head frame.
        """
        blinks = self.actions[list(BLINKS)]
        blinks = blinks * (blinks[..., 2:] < 0)  # lower lids rise
        on_the_way = (moved * blinks).sum(axis=(1, 2)) / (blinks**2).sum(axis=(1, 2))
        return np.clip(on_the_way / np.maximum(1 - self.coefficients[list(BLINKS)], 0.2), 0, 1)
