"""Frames of the default avatar: the photograph comes back, requests are pure, cameras, backgrounds and passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, binary_fill_holes

from backend.avatars.interface import FrameRequest
from backend.avatars.zera.avatar import ZeraAvatar
from backend.capture.detection import detect_face
from backend.capture.fit import measure_head_rotation
from backend.compositing.layers import cover
from backend.evaluation.metrics import interocular_distance, psnr, relative_turn
from shared.camera import Camera
from shared.errors import LimnerError
from tests.avatars.stage import Stage, orbited

FACE = (slice(75, 172), slice(190, 255))  # rows and columns of the astronaut's face at 512 pixels
GREY = np.full(3, 128, np.uint8)
ALL_PASSES = ("rgba", "depth", "head", "torso")


def test_the_photograph_comes_back(stage: Stage, photograph: NDArray[np.uint8], avatar: ZeraAvatar) -> None:
    rendered = stage.picture()
    assert psnr(rendered, photograph) > 26
    assert psnr(rendered, photograph, avatar.person_mask) > 26


def test_what_the_photograph_shows_aslant_hides_as_much_as_there(avatar: ZeraAvatar) -> None:
    """Hair turns away from the camera towards its outline; the background must not shine through it."""
    margin = avatar.person.canvas.margin
    hair = avatar.person.canvas.hair[margin:-margin, margin:-margin, 3] > 250
    solid = hair & (avatar.person_mask > 0.98)
    alpha = avatar.render(FrameRequest(background="transparent")).rgba[..., 3] / 255
    assert solid.sum() > 5000 and 1 - alpha[solid].mean() < 0.001  # 0.024 where it fades by the angle of view alone


def test_its_own_expression_is_what_none_asks_for(avatar: ZeraAvatar, stage: Stage) -> None:
    assert np.array_equal(avatar.render(FrameRequest()).rgba[..., :3], stage.picture())


def test_the_same_request_gives_the_same_pixels_whatever_comes_between(avatar: ZeraAvatar, stage: Stage) -> None:
    asked = FrameRequest(stage.coefficients(jawOpen=0.4), np.array([0.05, 0.02, 0.2]), size=200, passes=ALL_PASSES)
    first = avatar.render(asked)
    for other in (
        replace(asked, size=80),
        replace(asked, camera=orbited(avatar.camera, 40, nearer=0.3), background="transparent"),
        replace(asked, size=512, coefficients=None, rotation=np.zeros(3)),
    ):
        avatar.render(other)
    avatar.signed_distance(np.zeros((1, 3)), asked)
    again = avatar.render(asked)
    for name in ALL_PASSES:
        assert np.array_equal(getattr(first, name), getattr(again, name)), name


def test_the_number_of_threads_does_not_matter(avatar: ZeraAvatar) -> None:
    request = FrameRequest(rotation=np.array([0, 0, 0.3]), size=160)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = avatar.render(request).rgba
        torch.set_num_threads(4)
        assert np.abs(avatar.render(request).rgba.astype(int) - one).max() <= 1
    finally:
        torch.set_num_threads(threads)


def test_what_is_asked_is_not_changed(avatar: ZeraAvatar, stage: Stage) -> None:
    coefficients, rotation, location = stage.coefficients(jawOpen=0.3), np.array([0.1, 0, 0.2]), np.array([0.01, 0, 0])
    picture = np.zeros((20, 30, 3), np.uint8)
    arrays: tuple[NDArray[Any], ...] = (coefficients, rotation, location, picture, avatar.coefficients)
    before = [array.copy() for array in arrays]
    avatar.render(FrameRequest(coefficients, rotation, location, size=64, background=picture))
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, before, strict=True))


@pytest.mark.parametrize("size", [2, 3, 33, 64, 129, 301])
def test_any_size(avatar: ZeraAvatar, size: int) -> None:
    frame = avatar.render(FrameRequest(size=size, passes=ALL_PASSES))
    height, width = frame.rgba.shape[:2]
    assert height == width and height % 2 == 0 and abs(height - size) <= 1
    assert frame.depth is not None and frame.depth.shape == (height, width)


def test_a_smaller_frame_is_the_larger_one_made_small(avatar: ZeraAvatar, stage: Stage) -> None:
    small = avatar.render(FrameRequest(size=128)).rgba[..., :3]
    large = stage.picture().reshape(128, 4, 128, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    assert psnr(small, large) > 26


@pytest.mark.parametrize(("width", "height"), [(400, 300), (300, 500), (64, 999)])
def test_a_cameras_aspect_is_kept(avatar: ZeraAvatar, width: int, height: int) -> None:
    own = avatar.camera
    intrinsics = own.intrinsics.copy()
    intrinsics[:2, 2] = width / 2, height / 2
    frame = avatar.render(FrameRequest(camera=Camera(intrinsics, own.world_to_camera, width, height), size=100))
    rows, columns = frame.rgba.shape[:2]
    assert max(rows, columns) == 100 and rows % 2 == columns % 2 == 0
    assert columns / rows == pytest.approx(width / height, abs=2 / min(rows, columns))


def test_the_background_is_off_for_any_camera_but_the_photographs(avatar: ZeraAvatar, stage: Stage) -> None:
    given = avatar.render(FrameRequest(camera=avatar.camera)).rgba
    assert np.array_equal(given, stage.alone())
    assert given[0, 0, 3] == 0 and given[-1, 256, 3] > 250


def test_transparent_frames(stage: Stage, avatar: ZeraAvatar) -> None:
    alpha = stage.alone()[..., 3].astype(float) / 255
    assert alpha[:8].max() < 0.05 and alpha[FACE].mean() > 0.99
    assert np.abs(alpha - avatar.person_mask).mean() < 0.03
    assert (stage.picture().shape, stage.shot((0, 0, 0), "keep", ()).rgba[..., 3].min()) == ((512, 512, 3), 255)


def test_a_colour_fills_the_background_and_mixes_at_the_outline(avatar: ZeraAvatar, stage: Stage) -> None:
    colour = np.array([10, 200, 90], np.uint8)
    rgba = avatar.render(FrameRequest(background=colour)).rgba
    alone = stage.alone().astype(float)
    assert (rgba[..., 3] == 255).all()
    alpha = alone[..., 3:] / 255
    assert (rgba[alpha[..., 0] == 0][:, :3] == colour).mean() > 0.999
    mixed = alpha * alone[..., :3] + (1 - alpha) * colour
    assert np.abs(rgba[..., :3] - mixed).max() <= 3


@pytest.mark.parametrize("shape", [(40, 90, 3), (900, 200, 3), (512, 512, 3)])
def test_a_picture_covers_the_background(avatar: ZeraAvatar, stage: Stage, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    rgba = avatar.render(FrameRequest(background=picture)).rgba
    behind = stage.alone()[..., 3] == 0
    assert behind.mean() > 0.2
    assert np.array_equal(rgba[behind][:, :3], cover(picture, 512, 512)[behind])


def test_only_the_passes_asked_for_are_made(avatar: ZeraAvatar) -> None:
    frame = avatar.render(FrameRequest(size=64))
    assert frame.depth is frame.head is frame.torso is frame.mixer is None
    frame = avatar.render(FrameRequest(size=64, passes=("depth", "torso")))
    assert frame.depth is not None and frame.torso is not None and frame.head is None


def test_the_mixer_pass_shows_the_reference(avatar: ZeraAvatar) -> None:
    assert avatar.render(FrameRequest(size=64, passes=("mixer",))).mixer is not None


def test_depth_is_metres_along_the_cameras_axis(avatar: ZeraAvatar) -> None:
    frame = avatar.render(FrameRequest(background="transparent", passes=ALL_PASSES))
    assert frame.depth is not None
    depth, alpha = frame.depth, frame.rgba[..., 3]
    assert depth.dtype == np.float32
    assert np.isfinite(depth[alpha > 140]).all() and np.isinf(depth[alpha < 115]).all()
    distance = avatar.camera.world_to_camera[2, 3]
    found = depth[np.isfinite(depth)]
    assert distance - 0.35 < found.min() and found.max() < distance + 0.35
    nose = detect_face(np.ascontiguousarray(frame.rgba[..., :3])).points[1, :2].astype(int)
    at_nose, at_cheeks = depth[nose[1], nose[0]], depth[nose[1], [nose[0] - 30, nose[0] + 30]]
    assert 0.07 < distance - at_nose < 0.15 and (at_cheeks - at_nose > 0.015).all()


def test_head_and_torso_are_the_person(avatar: ZeraAvatar, stage: Stage) -> None:
    frame = avatar.render(FrameRequest(background="transparent", passes=ALL_PASSES))
    assert frame.head is not None and frame.torso is not None
    head, torso = frame.head[..., 3].astype(float) / 255, frame.torso[..., 3].astype(float) / 255
    whole = frame.rgba[..., 3].astype(float) / 255
    # where soft edges of both meet, over is not exact
    assert np.abs(1 - (1 - head) * (1 - torso) - whole).mean() < 0.002
    assert head[FACE].mean() > 0.99 and head[300:].max() < 0.1
    assert torso[300:500, 100:200].min() > 0.9 and torso[75:140, 190:255].max() < 0.1
    assert np.abs(frame.head[FACE].astype(int) - frame.rgba[FACE]).mean() < 1


def test_the_head_pass_ends_where_the_head_does(avatar: ZeraAvatar) -> None:
    frame = avatar.render(FrameRequest(background="transparent", passes=("head", "torso")))
    assert frame.head is not None and frame.torso is not None
    both = (frame.head[195:, :, 3] > 128) & (frame.torso[195:, :, 3] > 128)  # rows below the collar
    assert both.sum() < 200, both.sum()


@pytest.mark.parametrize("values", [{}, {"jawOpen": 0.6}, {"mouthFunnel": 1.0}], ids=["source", "open", "funnel"])
def test_the_background_does_not_shine_through_the_face(stage: Stage, values: dict[str, float]) -> None:
    alpha = stage.alone(**values)[FACE][..., 3]
    assert (alpha < 128).sum() == 0, (alpha < 128).sum()


def test_a_camera_carried_round_sees_the_head_turned(avatar: ZeraAvatar, stage: Stage) -> None:
    """Once round for the camera is the other way round for the head; and the head is where it was."""
    rest = measure_head_rotation(stage.picture())
    for yaw in (-20, 20):
        rgba = avatar.render(FrameRequest(camera=orbited(avatar.camera, yaw), background=GREY)).rgba
        turned = relative_turn(measure_head_rotation(np.ascontiguousarray(rgba[..., :3])), rest)
        in_the_middle = avatar.camera.project(np.zeros((1, 3)))[0, :2]
        face = detect_face(np.ascontiguousarray(rgba[..., :3])).points[168, :2]
        assert turned[2] == pytest.approx(yaw, abs=5)
        assert np.linalg.norm(face - in_the_middle) < 90


def test_a_longer_lens_shows_a_larger_face(avatar: ZeraAvatar, stage: Stage) -> None:
    own = avatar.camera
    intrinsics = own.intrinsics.copy()
    at = own.project(np.zeros((1, 3)))[0, :2]
    intrinsics[:2] *= 2
    intrinsics[:2, 2] += 256 - 2 * at  # the head in the middle
    longer = Camera(intrinsics, own.world_to_camera, 512, 512)
    rgba = avatar.render(FrameRequest(camera=longer, background=GREY)).rgba
    points = detect_face(np.ascontiguousarray(rgba[..., :3])).points
    assert interocular_distance(points) == pytest.approx(2 * interocular_distance(stage.landmarks()), rel=0.03)


@pytest.mark.parametrize("yaw", [90, 180, 270])
def test_from_anywhere_the_person_is_whole(avatar: ZeraAvatar, yaw: float) -> None:
    rgba = avatar.render(FrameRequest(camera=orbited(avatar.camera, yaw), size=256)).rgba
    assert 0.1 < (rgba[..., 3] > 128).mean() < 0.9
    if yaw == 180:
        with pytest.raises(LimnerError):
            detect_face(np.ascontiguousarray(rgba[..., :3]))


def test_a_camera_that_looks_away_sees_nothing(avatar: ZeraAvatar) -> None:
    pose = np.diag([-1.0, 1, -1, 1]) @ avatar.camera.world_to_camera
    away = Camera(avatar.camera.intrinsics, pose, 512, 512)
    frame = avatar.render(FrameRequest(camera=away, size=64, passes=ALL_PASSES))
    assert not frame.rgba.any() and frame.depth is not None and np.isinf(frame.depth).all()


@pytest.mark.parametrize("nearer", [0.0, 0.05, 0.15, 20])
def test_from_inside_and_from_afar(avatar: ZeraAvatar, nearer: float) -> None:
    frame = avatar.render(FrameRequest(camera=orbited(avatar.camera, 5, nearer=nearer), size=64, passes=ALL_PASSES))
    assert frame.rgba.shape == (64, 64, 4)


@pytest.mark.parametrize("turn", [(0, 0, -30), (0, 0, 30), (-10, 0, 0), (10, 0, 0), (0, 12, 0)])
def test_no_holes_in_a_turned_head(stage: Stage, turn: tuple[float, float, float]) -> None:
    alpha = stage.alone(turn)[..., 3]
    # 8 pixels within the outline everything is solid, from the hair to below the chin
    filled = binary_erosion(binary_fill_holes(alpha > 128), iterations=8)[:200]
    assert filled.sum() > 3000
    assert (filled & (alpha[:200] < 200)).sum() <= 0.004 * filled.sum()
