"""The avatar kind ``real3d``: the published networks behind the interface that all kinds share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from backend.allocator import give_back_freed_memory
from backend.avatars.file import contents_digest, write_limner
from backend.avatars.head_mesh import head_mesh
from backend.avatars.interface import FIRST_REFERENCE, Background, Frame, FrameRequest, HeadMesh
from backend.avatars.real3d.camera import camera_labels
from backend.avatars.real3d.classes import BACKGROUND
from backend.avatars.real3d.face import Vertices, face_of
from backend.avatars.real3d.network import PICTURE_SIZE
from backend.avatars.real3d.planes_world import PlanesWorld
from backend.avatars.real3d.portrait import BaselPortrait, Portrait
from backend.avatars.real3d.pose import Pose
from backend.avatars.real3d.renderer import Inputs, Painted, PortraitRenderer, network_picture
from backend.avatars.real3d.weights import PortraitWeights
from backend.capture.lids import fitted_actions
from backend.compositing.layers import cover
from backend.compositing.super_resolution import Background as PreparedBackground
from backend.nerf.plane_field import PlaneField
from shared.camera import Camera

SOLID_SIGMA = 10.0  # of what is inside the surface when a mesh is extracted
SURFACE_REACH = 0.02  # metres from the surface beyond which a signed distance says nothing
PREVIEW_SIZE = 256
LANDMARKS = 68


class Real3DAvatar:
    """A person rebuilt by the published networks; see ``backend.avatars.interface.Avatar``.

    The photograph is its square crop: what the networks see and give back.
    """

    kind = "real3d"

    def __init__(self, portrait: Portrait, planes: Tensor, weights: PortraitWeights, device: torch.device) -> None:
        self.portrait = portrait
        self._planes = planes.to(device)
        self._weights = weights
        self._device = device
        self._face = face_of(portrait)
        self._renderers: dict[bool, PortraitRenderer] = {}
        self._backgrounds: dict[tuple[bool, bytes], PreparedBackground] = {}

    @property
    def camera(self) -> Camera:
        """The crop's camera, at the crop's size."""
        return self.portrait.camera

    @property
    def coefficients(self) -> NDArray[np.float32]:
        """[52] The photograph's own expression."""
        return self.portrait.coefficients

    @property
    def neutral(self) -> NDArray[np.float32]:
        """[V, 3] The fitted head without expression, head frame."""
        return self.portrait.neutral

    @property
    def head_to_world(self) -> NDArray[np.float64]:
        """[4, 4] The head's pose in the photograph."""
        return self.portrait.head_to_world

    @property
    def person_mask(self) -> NDArray[np.float32]:
        """[S, S] 1 where the crop shows the person, otherwise 0."""
        return (self.portrait.labels != BACKGROUND).astype(np.float32)

    @cached_property
    def fingerprint(self) -> str:
        """Of the portrait, the weights and the face model, wherever these two lie."""
        basel = self.portrait.basel
        return contents_digest(
            {
                "kind": self.kind,
                "camera": self.camera.to_json(),
                "weights": self._weights.fingerprint,
                "face": [self._face.fingerprint, basel and basel.fit.to_json()],
            },
            {name: np.asarray(getattr(self.portrait, name)) for name in (*_PICTURES, *_ARRAYS)},
            {"planes": self._planes.cpu().numpy()},
        )

    def render(self, request: FrameRequest) -> Frame:
        """Render one frame: ``final`` as exactly as the published code, ``preview`` in a third of the time.

        The networks know square pictures of one lens: another camera's picture is painted as that lens shows the head
        from there, in the square around it.
        """
        camera = (request.camera or self.camera).fitted(request.size)
        square = _squared(camera)
        vertices = self._expressed(request)
        pose = self._face.head.moved(request.rotation, request.location, square)
        renderer = self._renderer(fast=request.quality == "preview")
        painted = renderer.paint(
            self._pncc(vertices),
            torch.from_numpy(camera_labels(pose.euler, pose.trans))[None].to(self._device),
            self._landmarks(vertices, pose),
            self._background(renderer, request),
        )
        return self._framed(painted, request, camera, square)

    def _framed(self, painted: Painted, request: FrameRequest, camera: Camera, square: Camera) -> Frame:
        """The asked passes of a painted square at the camera's size."""

        def shown(picture: Tensor) -> NDArray[np.float32]:
            """[1, C, s, s] -> [H, W, C]"""
            whole = _resized(picture[0].permute(1, 2, 0).float().cpu().numpy(), square.width)
            top, left = (square.height - camera.height) // 2, (square.width - camera.width) // 2
            return whole[top : top + camera.height, left : left + camera.width]

        rgb = _bytes((shown(painted.picture) + 1) / 2)
        person = shown(painted.person)
        opaque = not (_is_transparent(request))
        rgba = np.concatenate([rgb, np.full_like(rgb[..., :1], 255) if opaque else _bytes(person)], axis=2)
        extra: dict[str, NDArray] = {}
        head = shown(painted.head)
        if "head" in request.passes:
            extra["head"] = np.concatenate([rgb, _bytes(head)], axis=2)
        if "torso" in request.passes:  # what the head leaves of the person, so that head over torso is the whole
            torso = np.clip((person - head) / np.maximum(1 - head, 1e-3), 0, 1)
            extra["torso"] = np.concatenate([rgb, _bytes(torso)], axis=2)
        if "mixer" in request.passes:  # one reference: all of the person comes from it
            extra["mixer"] = _bytes(person * FIRST_REFERENCE)
        if "depth" in request.passes:
            depth = self._depth(shown(painted.rendered.depth)[..., 0], request, camera)
            extra["depth"] = np.where(head[..., 0] >= 0.5, depth, np.inf).astype(np.float32)
        return Frame(rgba, **extra)

    def _depth(self, distance: NDArray[np.float32], request: FrameRequest, camera: Camera) -> NDArray[np.floating]:
        """[H, W] distances in the planes' world -> metres along the camera's axis.

        Relief is true to scale about the head's origin, whose depth is the asked camera's.
        """
        world = self._world(request)
        origin = world.head_to_world[:3, 3]
        pose = self._face.head.moved(request.rotation, request.location, _squared(camera))
        label = camera_labels(pose.euler, pose.trans)[:16].reshape(4, 4).astype(np.float64)
        axis = label[:3, 2]
        in_planes = float((world.to_planes(origin[None])[0] - label[:3, 3]) @ axis)
        return camera.project(origin)[2] + (distance - in_planes) / world.metre

    def head_mesh(self) -> HeadMesh:
        """The fitted head and neck with 52 shape keys and a texture baked from the photograph."""
        return head_mesh(self.portrait.neutral, fitted_actions(self.portrait.neutral), self.portrait.texture)

    def bounds(self, request: FrameRequest) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner in the world of the box that holds the head, metres; the torso has no volume."""
        return self._world(request).box(self._weights.config.marching.box_size)

    def signed_distance(self, points: NDArray[np.floating], request: FrameRequest) -> NDArray[np.float32]:
        """[N, 3] world points, metres -> [N] zero where the density is ``SOLID_SIGMA``, negative inside."""
        places = self._world(request).to_planes(points)
        outside = (np.abs(places) > self._weights.config.marching.box_size / 2).any(axis=1)
        found = self._field(request).surface(self._tensor(places), SOLID_SIGMA, SURFACE_REACH)
        return np.where(outside, SURFACE_REACH, found.cpu().numpy()).astype(np.float32)

    def surface_color(self, points: NDArray[np.floating], request: FrameRequest) -> NDArray[np.uint8]:
        """[N, 3] world points near the surface -> [N, 3] uint8 sRGB, the raw picture's colours."""
        found = self._field(request).at(self._tensor(self._world(request).to_planes(points)))
        return _bytes(found.colour[:, :3].float().cpu().numpy())

    def save(self, path: Path) -> None:
        """Write the ``.limner`` file; the networks stay in their own."""
        portrait = self.portrait
        pictures = {name: getattr(portrait, name) for name in _PICTURES}
        pictures["preview"] = self.render(FrameRequest(size=PREVIEW_SIZE, quality="preview")).rgba
        tensors = {name: np.asarray(getattr(portrait, name)) for name in _ARRAYS}
        tensors["planes"] = self._planes.cpu().numpy()
        description: dict[str, Any] = {
            "kind": self.kind,
            "camera": portrait.camera.to_json(),
            "weights": self._weights.to_json(),
            "basel": portrait.basel and portrait.basel.to_json(),
        }
        write_limner(Path(path), description, tensors, pictures, {})

    @classmethod
    def from_parts(
        cls,
        description: Mapping[str, Any],
        tensors: Mapping[str, NDArray],
        pictures: Mapping[str, NDArray[np.uint8]],
        device: torch.device,
        beside: Path,
    ) -> Real3DAvatar:
        """The inverse of :meth:`save`.

        Raises:
            KeyError, ValueError: where parts are missing.
            LimnerError: ``WEIGHTS_NOT_FOUND`` and what reading the weights raises.
        """
        arrays: dict[str, Any] = {name: pictures[name] for name in _PICTURES}
        arrays |= {name: tensors[name] for name in _ARRAYS}
        basel = BaselPortrait.found(description["basel"], beside) if description.get("basel") else None
        portrait = Portrait(camera=Camera.from_json(description["camera"]), basel=basel, **arrays)
        weights = PortraitWeights.found(description["weights"], beside)
        return cls(portrait, torch.from_numpy(tensors["planes"]), weights, device)

    def _expressed(self, request: FrameRequest) -> Vertices:
        if request.coefficients is None:
            return self._face.photographed
        return self._face.expressed(np.asarray(request.coefficients), request.expression)

    def _world(self, request: FrameRequest) -> PlanesWorld:
        motion = np.eye(4)
        motion[:3, :3] = Rotation.from_euler("xyz", np.asarray(request.rotation, np.float64)).as_matrix()
        motion[:3, 3] = request.location
        return PlanesWorld(self._face.frame, self.portrait.head_to_world @ motion)

    def _field(self, request: FrameRequest) -> PlaneField:
        vertices = self._expressed(request)
        key = vertices.tobytes()
        if self._field_made is None or self._field_made[0] != key:
            self._field_made = key, self._renderer(fast=False).field(self._pncc(vertices))
        return self._field_made[1]

    _field_made: tuple[bytes, PlaneField] | None = None

    def _renderer(self, fast: bool) -> PortraitRenderer:
        if fast not in self._renderers:
            if self._device.type == "cpu":  # both at once take 0.5 GB more; a change of quality takes a second instead
                self._renderers.clear()
                give_back_freed_memory()
            with self._weights.network(self._device) as network:
                self._renderers[fast] = PortraitRenderer(network, self._inputs, fast)
        return self._renderers[fast]

    @cached_property
    def _inputs(self) -> Inputs:
        portrait = self.portrait
        face = self._face
        return Inputs(
            planes=self._planes,
            canonical=self._pncc(face.neutral),
            source=self._pncc(face.photographed),
            torso=network_picture(portrait.torso, self._device),
            labels=torch.from_numpy(portrait.labels.astype(np.int64)).to(self._device),
            keypoints=self._landmarks(face.photographed, face.head.photographed),
        )

    def _landmarks(self, vertices: Vertices, pose: Pose) -> Tensor:
        """[1, 68, 2] of which the torso's key points are known, the others 0."""
        landmarks = torch.zeros(1, LANDMARKS, 2, device=self._device)
        landmarks[0, list(self._weights.config.torso.keypoints)] = self._tensor(self._face.keypoints(vertices, pose))
        return landmarks

    def _background(self, renderer: PortraitRenderer, request: FrameRequest) -> PreparedBackground:
        """What stands behind the person, prepared; the last one is kept, for a sequence has one."""
        picture = self._backdrop(request.background)
        key = renderer.fast, picture.tobytes()
        if key not in self._backgrounds:
            self._backgrounds = {key: renderer.background(network_picture(picture, self._device))}
        return self._backgrounds[key]

    def _backdrop(self, background: Background) -> NDArray[np.uint8]:
        """[S, S, 3]; where the frame is to be see-through, the photograph's, which the person's edges match best."""
        if isinstance(background, np.ndarray):
            if background.ndim == 1:
                return np.broadcast_to(background.astype(np.uint8), self.portrait.background.shape)
            return cover(background, PICTURE_SIZE, PICTURE_SIZE)
        return self.portrait.background

    def _pncc(self, vertices: Vertices) -> Tensor:
        """[1, 3, S, S] what the networks see of an expression."""
        return self._tensor(self._face.pncc(vertices, PICTURE_SIZE)).permute(2, 0, 1)[None]

    def _tensor(self, values: NDArray) -> Tensor:
        return torch.as_tensor(np.asarray(values, np.float32), device=self._device)


_PICTURES = ("reference", "head", "torso", "background", "labels", "texture")
_ARRAYS = ("neutral", "coefficients", "head_to_world")
assert {*_PICTURES, *_ARRAYS, "camera", "basel"} == {field.name for field in fields(Portrait)}


def _squared(camera: Camera) -> Camera:
    """The camera with its shorter side extended evenly to a square."""
    side = max(camera.width, camera.height)
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, 2] += (side - camera.width) // 2, (side - camera.height) // 2
    return Camera(intrinsics, camera.world_to_camera, side, side)


def _is_transparent(request: FrameRequest) -> bool:
    """The photograph's background only fits the photograph's camera."""
    return isinstance(request.background, str) and (request.background != "keep" or request.camera is not None)


def _bytes(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """0..1 -> 0..255, truncated as the published code does."""
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


def _resized(picture: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """[s, s, C] -> [side, side, C], averaged where it shrinks."""
    if picture.shape[0] == side:
        return picture
    way = cv2.INTER_AREA if picture.shape[0] > side else cv2.INTER_CUBIC
    return cv2.resize(picture, (side, side), interpolation=way).reshape(side, side, -1)
