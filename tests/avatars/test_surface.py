"""The avatar as a solid and as a mesh agree with its pictures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.avatars.interface import FrameRequest, HeadMesh
from backend.avatars.zera.avatar import ZeraAvatar
from backend.capture.rasteriser import rasteriser
from backend.evaluation.metrics import psnr
from shared.arkit import ARKIT_INDEX

MILLIMETRE = 1e-3


@pytest.fixture(scope="module")
def seen(avatar: ZeraAvatar) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """World points that the photograph's camera sees on face and chest, from the depth pass, and their colours."""
    frame = avatar.render(FrameRequest(background="transparent", passes=("rgba", "depth")))
    assert frame.depth is not None
    row, column = (axis.ravel() for axis in np.mgrid[50:480:6, 60:330:6])
    solid = frame.rgba[row, column, 3] == 255
    around = np.stack([frame.depth[row + dy, column + dx] for dy in (-3, 0, 3) for dx in (-3, 0, 3)])
    solid &= np.ptp(np.nan_to_num(around, posinf=9), axis=0) < 0.008  # not at an outline
    row, column = row[solid], column[solid]
    rays = np.stack([column + 0.5, row + 0.5, np.ones(len(row))], 1) @ np.linalg.inv(avatar.camera.intrinsics).T
    in_camera = rays * frame.depth[row, column, None]
    pose = avatar.camera.world_to_camera
    return (in_camera - pose[:3, 3]) @ pose[:3, :3], frame.rgba[row, column, :3]


def test_what_is_seen_lies_on_the_surface(avatar: ZeraAvatar, seen: tuple[NDArray, NDArray]) -> None:
    points, _ = seen
    assert len(points) > 500
    distance = np.abs(avatar.signed_distance(points, FrameRequest()))
    assert np.median(distance) < 1.5 * MILLIMETRE and np.percentile(distance, 95) < 8 * MILLIMETRE


def test_in_front_is_outside_and_behind_is_inside(avatar: ZeraAvatar, seen: tuple[NDArray, NDArray]) -> None:
    points, _ = seen
    towards = avatar.camera.position - points
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    outside = avatar.signed_distance(points + 0.015 * towards, FrameRequest())
    inside = avatar.signed_distance(points - 0.015 * towards, FrameRequest())
    assert outside.dtype == np.float32
    assert (outside > 0).mean() > 0.97 and (inside < 0).mean() > 0.95


def test_inside_the_skull_and_far_away(avatar: ZeraAvatar) -> None:
    points = np.array([[0, 0, 0], [0, 0, 0.03], [1.0, 0, 0], [0, -1, 0], [0, 0, 2.0]])
    distance = avatar.signed_distance(points, FrameRequest())
    assert (distance[:2] < -0.02).all()
    assert (distance[2:] > 0.6).all() and distance[4] > 1.5


def test_colours_are_those_of_the_picture(avatar: ZeraAvatar, seen: tuple[NDArray, NDArray]) -> None:
    points, colours = seen
    found = avatar.surface_color(points, FrameRequest())
    assert found.dtype == np.uint8
    assert np.median(np.abs(found.astype(int) - colours).mean(axis=1)) < 16


def test_the_box_holds_the_person(avatar: ZeraAvatar, seen: tuple[NDArray, NDArray]) -> None:
    low, high = avatar.bounds(FrameRequest())
    assert (low < seen[0].min(axis=0)).all() and (high > seen[0].max(axis=0)).all()
    assert (high - low < 1.5).all()
    corners = np.array([low, high])
    assert (avatar.signed_distance(corners, FrameRequest()) > 0).all()


def test_the_solid_moves_with_the_request(avatar: ZeraAvatar) -> None:
    source = avatar.person.to_world(avatar.person.source_vertices)
    tip = source[avatar.person.source_vertices[:, 1].argmin()][None]
    away = FrameRequest(location=np.array([0, 0.05, 0]))
    assert abs(avatar.signed_distance(tip, FrameRequest())[0]) < 3 * MILLIMETRE
    assert avatar.signed_distance(tip, away)[0] > 0.02
    assert abs(avatar.signed_distance(tip, FrameRequest())[0]) < 3 * MILLIMETRE


@pytest.fixture(scope="module")
def mesh(avatar: ZeraAvatar) -> HeadMesh:
    avatar.render(FrameRequest())
    return avatar.head_mesh()


def test_the_mesh_is_in_the_head_frame(mesh: HeadMesh) -> None:
    assert np.isfinite(mesh.vertices).all() and mesh.faces.max() < len(mesh.vertices)
    nose = mesh.vertices[mesh.vertices[:, 1].argmin()]
    assert abs(nose[0]) < 0.008 and -0.16 < nose[1] < -0.08 and -0.07 < nose[2] < 0.01
    assert mesh.uv.shape == (len(mesh.faces), 3, 2) and mesh.uv.min() >= 0 and mesh.uv.max() <= 1
    assert mesh.texture.dtype == np.uint8 and mesh.texture.shape == (1024, 1024, 3)


def test_its_shape_keys_are_the_actions(mesh: HeadMesh) -> None:
    moves = np.linalg.norm(mesh.shape_keys, axis=2).max(axis=1)
    assert moves.min() > 2 * MILLIMETRE and moves.max() < 50 * MILLIMETRE
    smile = np.linalg.norm(mesh.shape_keys[ARKIT_INDEX["mouthSmileLeft"]], axis=1)
    assert (smile * mesh.vertices[:, 0]).sum() > 0  # the person's left is +X


def textured(avatar: ZeraAvatar, mesh: HeadMesh) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The mesh with its texture at the photograph's expression and pose in the photograph's camera."""
    posed = mesh.vertices + np.tensordot(avatar.coefficients, mesh.shape_keys, axes=1)
    world = posed @ avatar.head_to_world[:3, :3].T + avatar.head_to_world[:3, 3]
    hits = rasteriser().draw(world, mesh.faces, avatar.camera)
    corners = np.arange(len(mesh.faces) * 3).reshape(-1, 3)
    uv = hits.interpolate(corners, mesh.uv.reshape(-1, 2).astype(np.float32))
    size = len(mesh.texture)
    column = np.clip((uv[..., 0] * size).astype(int), 0, size - 1)
    row = np.clip(((1 - uv[..., 1]) * size).astype(int), 0, size - 1)
    return mesh.texture[row, column], hits.triangle >= 0


def test_the_texture_puts_the_photograph_on_the_mesh(
    avatar: ZeraAvatar, mesh: HeadMesh, photograph: NDArray[np.uint8]
) -> None:
    drawn, on_mesh = textured(avatar, mesh)
    face = np.zeros((512, 512), np.float32)
    face[75:170, 180:265] = 1
    assert on_mesh[75:160, 195:255].all()
    assert psnr(drawn, photograph, face * on_mesh) > 22


def test_the_texture_is_the_same_whatever_was_rendered_before(avatar: ZeraAvatar) -> None:
    avatar.render(FrameRequest())
    texture = avatar.head_mesh().texture
    avatar.render(FrameRequest(size=48))
    assert np.array_equal(avatar.head_mesh().texture, texture)
