"""The face model behind a portrait: what the PNCC pictures, the torso's key points and the head's pose come from."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.avatars.real3d.bfm import BaselModel, load_basel_model
from backend.avatars.real3d.bfm_actions import BaselActions
from backend.avatars.real3d.bfm_fit import BaselFit
from backend.avatars.real3d.canonical import PublishedFrame
from backend.avatars.real3d.pncc import BACKGROUND, pncc, published_camera
from backend.avatars.real3d.portrait import Portrait
from backend.avatars.real3d.pose import OF_68, Pose, PosedHead, keypoints
from backend.capture.lids import fitted_actions
from backend.capture.rasteriser import rasteriser
from backend.head.model import head_model
from shared.camera import Camera

Vertices = NDArray[np.floating]  # [V, 3] of a face model's own topology, in its own frame and units


class FaceModel(Protocol):
    """A person's face, unturned and expressive.

    Args:
        frame: lays the head frame's metres on published units.
        head: the photographed head in the published camera.
        neutral: the person without expression.
        photographed: the person as photographed.
    """

    frame: PublishedFrame
    head: PosedHead
    neutral: Vertices
    photographed: Vertices

    @property
    def fingerprint(self) -> str:
        """Of what the face is made of beside the portrait; empty for Limner's own head."""

    def expressed(self, coefficients: NDArray[np.floating], expression: NDArray[np.floating] | None = None) -> Vertices:
        """The person with facial actions.

        Args:
            coefficients: [52] ARKit values.
            expression: [64] the same in the Basel Face Model's coefficients, if known; who does not have it does
                without.
        """

    def pncc(self, vertices: Vertices, size: int) -> NDArray[np.float32]:
        """[size, size, 3] the picture of an expressed face, -1..1; see ``backend.avatars.real3d.pncc``."""

    def keypoints(self, vertices: Vertices, pose: Pose) -> NDArray[np.float32]:
        """[4, 2] the torso's key points on the canvas, -1..1, x right, y down."""


class AnnyFace:
    """Limner's own head, which needs nobody's file; its vertices are in metres in the head frame.

    Args:
        neutral: [V, 3] the person.
        coefficients: [52] the photograph's.
        head_to_world: [4, 4] the head's pose in the photograph.
        camera: of the photograph's square crop.
    """

    fingerprint = ""

    def __init__(
        self,
        neutral: NDArray[np.float32],
        coefficients: NDArray[np.float32],
        head_to_world: NDArray[np.float64],
        camera: Camera,
    ) -> None:
        self.neutral: Vertices = neutral
        self._actions = fitted_actions(neutral)
        self.frame = PublishedFrame.of(neutral)
        self.photographed = self.expressed(coefficients)
        self.head = PosedHead.solve(self.photographed, self.frame, head_to_world, camera)

    def expressed(self, coefficients: NDArray[np.floating], expression: NDArray[np.floating] | None = None) -> Vertices:
        """See :class:`FaceModel`."""
        return head_model().expressed(self.neutral, coefficients, self._actions).astype(np.float32)

    def pncc(self, vertices: Vertices, size: int) -> NDArray[np.float32]:
        """See :class:`FaceModel`."""
        return pncc(vertices, self.frame, size)

    def keypoints(self, vertices: Vertices, pose: Pose) -> NDArray[np.float32]:
        """See :class:`FaceModel`."""
        return keypoints(vertices, self.frame, pose)


class BaselFace:
    """The user's own Basel Face Model, as the published system has it; its vertices are in published units.

    Args:
        model: the user's.
        fit: of the photograph.
        coefficients: [52] the photograph's, of the head model. Facial actions move the face from there: the
            photograph's own give its fitted expression exactly.
        beneath: the same person in the head model, whose place in the world the face takes.
    """

    def __init__(self, model: BaselModel, fit: BaselFit, coefficients: NDArray[np.floating], beneath: AnnyFace) -> None:
        self._model = model
        self._actions = BaselActions.of(model)
        self._rest = fit.expression - self._actions.expressions(coefficients)
        self.neutral: Vertices = model.neutral(fit.identity)
        self.photographed: Vertices = model.expressed(self.neutral, fit.expression)
        places = np.asarray(self.photographed[model.marks[model.marked]], np.float64)
        self.frame = PublishedFrame.between(beneath.head.marks[model.marked], places)
        self.head = _posed(beneath.head, self.frame, places, model.marked, fit.pose)

    @property
    def fingerprint(self) -> str:
        """The model's."""
        return self._model.fingerprint

    def expressed(self, coefficients: NDArray[np.floating], expression: NDArray[np.floating] | None = None) -> Vertices:
        """See :class:`FaceModel`."""
        if expression is None:
            expression = self._rest + self._actions.expressions(coefficients)
        return self._model.expressed(self.neutral, expression)

    def pncc(self, vertices: Vertices, size: int) -> NDArray[np.float32]:
        """See :class:`FaceModel`; both sides of the surface show, as published.

        The published renderer loses the mesh's first triangle, which is a fault; this one does not.
        """
        values = 2 * self._model.colours - 1
        return rasteriser().draw_values(
            vertices, self._model.faces, values, published_camera(size), BACKGROUND, cull_back=False
        )

    def keypoints(self, vertices: Vertices, pose: Pose) -> NDArray[np.float32]:
        """See :class:`FaceModel`."""
        places = np.asarray(vertices[self._model.keypoints[OF_68]], np.float64)
        return np.clip(pose.project(places), -1, 1).astype(np.float32)


def face_of(portrait: Portrait) -> FaceModel:
    """The face model that the portrait was made with.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``, ``WEIGHTS_UNREADABLE`` for a Basel Face Model that is not where it was.
    """
    own = AnnyFace(portrait.neutral, portrait.coefficients, portrait.head_to_world, portrait.camera)
    if portrait.basel is None:
        return own
    return BaselFace(load_basel_model(portrait.basel.folder), portrait.basel.fit, portrait.coefficients, own)


def _posed(
    beneath: PosedHead, frame: PublishedFrame, places: NDArray[np.float64], marked: NDArray[np.int64], pose: Pose
) -> PosedHead:
    """The head that is where the head model's is, but seen in the photograph where the fitted face is.

    Args:
        beneath: the head model's.
        frame: of the face.
        places: [N, 3] its landmarks in published units, photographed expression.
        marked: [N] which landmarks they are.
        pose: of the face.
    """
    camera, head_to_world = beneath.camera, beneath.head_to_world
    world = beneath.marks[marked] @ head_to_world[:3, :3].T + head_to_world[:3, 3]
    depth = camera.project(world)[:, 2:]
    pixels = (pose.project(places) + 1) / 2 * (camera.width, camera.height)
    rays = np.concatenate([pixels, np.ones_like(depth)], axis=1) @ np.linalg.inv(camera.intrinsics).T
    to_head = np.linalg.inv(camera.world_to_camera @ head_to_world)
    marks = (rays * depth) @ to_head[:3, :3].T + to_head[:3, 3]
    return PosedHead(frame, marks, places, head_to_world, camera, pose)
