"""What completion learns from: views of procedural people's avatars beside true pictures of the same moment."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from backend.avatars.interface import FrameRequest
from backend.avatars.zera.avatar import ZeraAvatar
from backend.evaluation.people import moved_alike
from backend.evaluation.reconstruction import reconstructed
from backend.networks.layer_completion import CHANNELS, SIGNED
from backend.people.expressions import draw_expression
from backend.people.person import make_person
from backend.people.photography import photograph
from backend.people.randomness import stream
from backend.people.render import render
from backend.people.scene import Layer, Person, Photography, Picture, Shot
from backend.people.shots import draw_shots
from shared.camera import Camera
from shared.errors import LimnerError
from shared.progress import silent

VIEWS = 8  # of a person
PICTURE_SIDE = 512  # pixels of the pictures that avatars are made of and compared with
SIDE = 256  # pixels of the views
TRUTH = 4  # channels: premultiplied colours and alpha of the true picture
ALL = CHANNELS + TRUTH
SOURCE_SIDE = SIDE // 2
# of a frame, its true picture, the photograph, and how much the frame differs from it
BYTES = ALL * SIDE * SIDE + CHANNELS * SOURCE_SIDE * SOURCE_SIDE + 1
OTHER_PERSON, MOST_TRIES = 200_000, 4  # seeds on from one of whose picture no avatar can be made
_MOST_TURN = np.radians(38)  # of a head against its torso


def person_views(seed: int) -> NDArray[np.uint8]:
    """[VIEWS, BYTES] of the person of that seed; of another one if no avatar can be made of their picture.

    Each row is a frame's view [16, SIDE, SIDE], the true picture [4, SIDE, SIDE], the photograph's view
    [16, SOURCE_SIDE, SOURCE_SIDE], and how far the frame differs from the photograph; see :func:`stored`.
    """
    for attempt in range(MOST_TRIES):
        random = stream(seed, f"completion {attempt}")
        person = make_person(seed + attempt * OTHER_PERSON)
        source = replace(draw_shots(person, person.seed, 1, PICTURE_SIDE)[0], photography=Photography())
        try:
            avatar = reconstructed([render(person, source).rgb], str(seed), silent)
        except LimnerError:
            continue  # turned away too far, or hidden by hair
        assert isinstance(avatar, ZeraAvatar)
        lifted = avatar.without_completion()
        own = stored(lifted.view(FrameRequest(size=PICTURE_SIDE), SOURCE_SIDE)[0])
        return np.stack([_row(person, lifted, source, own, random) for _ in range(VIEWS)])
    raise LimnerError("FACE_NOT_FOUND", f"No picture of person {seed} can be used.", "Choose other seeds.")


def _row(
    person: Person, avatar: ZeraAvatar, source: Shot, own: NDArray[np.uint8], random: np.random.Generator
) -> NDArray[np.uint8]:
    shot, turn = draw_moved(source, random)
    request = moved_alike(avatar, source, shot, PICTURE_SIDE)
    if turn is not None:
        request = replace(request, camera=orbited(avatar.camera, turn, avatar.head_to_world[:3, 3]))
    view, differs = avatar.view(request, SIDE)
    truth = premultiplied(render(person, shot))
    small = cv2.resize(truth, (SIDE, SIDE), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
    parts = (stored(view), (255 * small).round(), own, np.array([255 * differs]).round())
    return np.concatenate([part.reshape(-1) for part in parts]).astype(np.uint8)


def draw_moved(source: Shot, random: np.random.Generator) -> tuple[Shot, NDArray[np.float64] | None]:
    """Another moment of a shot: the head turned, the face moved, or seen by a camera elsewhere.

    Args:
        source: the shot.
        random: what decides.

    Returns:
        The shot, and the turn [3, 3] of the camera around the head by its own axes, ``None`` where it stays.
    """
    kind = random.choice(3, p=[0.65, 0.2, 0.15])  # turned, expression only, camera
    shot = source
    if kind == 1 or random.random() < 0.6:
        shot = replace(shot, coefficients=draw_expression(random))
    angles = np.radians([random.normal(0, 9), random.normal(0, 5), random.uniform(-40, 40)])  # pitch, roll, yaw
    if kind == 0:
        before = Rotation.from_euler("xyz", source.rotation)
        vector = (before * Rotation.from_euler("xyz", angles)).as_rotvec()
        vector *= min(1.0, _MOST_TURN / max(float(np.linalg.norm(vector)), 1e-9))
        shot = replace(shot, rotation=Rotation.from_rotvec(vector).as_euler("xyz").astype(np.float32))
    if kind != 2:
        return shot, None
    # OpenCV's axes: x right, y down
    turn = Rotation.from_euler("xyz", [angles[0], angles[2], angles[1]]).as_matrix()
    return replace(shot, camera=orbited(shot.camera, turn, np.zeros(3))), turn


def orbited(camera: Camera, turn: NDArray[np.float64], centre: NDArray[np.float64]) -> Camera:
    """A camera for which all it sees has turned by ``turn`` [3, 3], by its axes, around ``centre`` [3] in the world."""
    middle = camera.world_to_camera[:3, :3] @ centre + camera.world_to_camera[:3, 3]
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = turn, middle - turn @ middle
    return Camera(camera.intrinsics, moved @ camera.world_to_camera, camera.width, camera.height)


def premultiplied(picture: Picture) -> NDArray[np.float32]:
    """[H, W, 4] a picture's person over nothing: colours such that over the picture's own background they are its."""
    alpha = 1 - picture.masks[Layer.BACKGROUND].astype(np.float32) / 255
    nothing = np.zeros_like(picture.normals)
    behind = photograph(nothing, nothing[..., 0], picture.shot.background, picture.shot.photography)
    rgb = (picture.rgb - (1 - alpha[..., None]) * behind) / 255
    return np.concatenate([rgb.clip(0, 1), alpha[..., None]], axis=2).astype(np.float32)


def stored(view: Tensor) -> NDArray[np.uint8]:
    """[16, h, w] of a view as bytes: shares of 255, and 128 for 0 in the signed channels."""
    shares = (view.clamp(0, 1) * 255).round()
    shares[SIGNED] = (view[SIGNED].clamp(-1, 1) * 127).round() + 128
    return shares.to(torch.uint8).cpu().numpy()


def restored(views: Tensor) -> Tensor:
    """The inverse of :func:`stored` for [B, 16, h, w]."""
    shares = views.float() / 255
    shares[:, SIGNED] = (views[:, SIGNED].float() - 128) / 127
    return shares
