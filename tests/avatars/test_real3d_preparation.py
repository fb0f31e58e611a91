"""A photograph taken apart for the published networks: the crop, its classes, head, torso and background."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.avatars.real3d.classes import BACKGROUND, CLOTHES, FACE, HAIR, NECK
from backend.avatars.real3d.crop import FACE_SHARE, Crop, choose_crop
from backend.avatars.real3d.preparation import Preparation, prepare
from backend.avatars.real3d.torso_inpainting import NECK_REACH, inpainted_torso
from backend.capture.detection import FaceLandmarks
from backend.capture.masks import Masks
from shared.camera import Camera
from tests.capture.media import FACES, found, masks


@lru_cache
def prepared(name: str) -> Preparation:
    rgb, face = found(name)
    return prepare(rgb, face, masks(name))


def oval_face(x: float, y: float, height: float) -> FaceLandmarks:
    """Landmarks around an oval, three quarters as wide as high."""
    angle = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    points = np.stack([x + 0.375 * height * np.cos(angle), y + 0.5 * height * np.sin(angle), 0 * angle], axis=1)
    left, top, right, bottom = *points[:, :2].min(axis=0), *points[:, :2].max(axis=0)
    return FaceLandmarks(points.astype(np.float32), (left, top, right, bottom), 1.0, height, 0.0)


def face_share(face: FaceLandmarks, crop: Crop) -> float:
    return float(cv2.contourArea(cv2.convexHull(np.ascontiguousarray(face.points[:, :2])))) / crop.side**2


@pytest.mark.parametrize("name", ["astronaut", *FACES])
def test_the_crop_holds_head_and_torso_and_a_large_enough_face(name: str) -> None:
    _, face = found(name)
    made = prepared(name)
    assert FACE_SHARE - 0.002 <= face_share(face, made.crop) < 0.27
    corners = made.crop.to_canvas(np.reshape(face.box, (2, 2)))
    assert np.abs(corners).max() < 0.9 and np.abs(corners.mean(axis=0)).max() < 0.31
    labels = made.labels
    assert 0.12 < (labels == FACE).mean() < 0.45
    assert 0.02 < np.isin(labels, (NECK, CLOTHES)).mean() < 0.5
    # the top of the head is in the picture
    assert not np.isin(labels[0], (HAIR, FACE)).any()


@pytest.mark.parametrize("name", ["astronaut", "photo_woman", "painting_lady"])
def test_layers_are_the_crops_own_pixels_by_class(name: str) -> None:
    made = prepared(name)
    assert {layer.shape for layer in (made.picture, made.head, made.torso, made.background)} == {(512, 512, 3)}
    head, torso = np.isin(made.labels, (HAIR, FACE)), np.isin(made.labels, (NECK, CLOTHES))
    np.testing.assert_array_equal(made.head[head], made.picture[head])
    assert not made.head[~head].any()
    assert not made.torso[(made.labels == BACKGROUND) & ~near(torso | head, 3)].any()
    same = np.abs(made.torso[torso].astype(int) - made.picture[torso]).max(axis=1) == 0
    assert same.mean() > 0.85
    away = ~near(made.labels != BACKGROUND, 40)
    if away.any():
        assert np.abs(made.background[away].astype(int) - made.picture[away]).mean() < 3


def near(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)).astype(bool)


def test_the_background_shows_no_person() -> None:
    made = prepared("photo_man_glasses")  # dark hair before a plain wall
    hidden = made.labels == HAIR
    wall = np.median(made.picture[made.labels == BACKGROUND], axis=0)
    assert np.abs(made.picture[hidden] - wall).mean() > 50
    assert np.abs(made.background[hidden] - wall).mean() < 15


def test_pixels_go_to_the_crop_and_back() -> None:
    crop = Crop(-37, 12, 731, 512)
    points = np.random.default_rng(0).uniform(0, 800, (20, 2))
    np.testing.assert_allclose(crop.to_photograph(crop.to_crop(points)), points, atol=1e-9)
    np.testing.assert_allclose(crop.to_crop(np.array([-37.0, 12.0])), (0, 0))
    np.testing.assert_allclose(crop.to_canvas(np.array([-37 + 731.0, 12 + 731.0])), (1, 1))


def test_the_crops_camera_sees_what_the_crop_shows() -> None:
    camera = Camera(np.array([[900.0, 0, 330], [0, 900, 250], [0, 0, 1]]), np.eye(4), 640, 480)
    places = np.random.default_rng(0).normal(0, 0.1, (20, 3)) + (0, 0, 1)
    crop = Crop(120, -40, 300, 512)
    expected = crop.to_crop(camera.project(places)[:, :2])
    np.testing.assert_allclose(crop.camera(camera).project(places)[:, :2], expected, atol=1e-9)
    assert crop.camera(camera).width == crop.camera(camera).height == 512


def test_the_cut_picture_agrees_with_the_way_of_its_pixels() -> None:
    """A spot of the photograph lies in the cut square where the crop says."""
    picture = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(picture, (260, 140), 12, (255, 255, 255), -1)
    for crop in (Crop(150, 50, 200, 512), Crop(-50, -80, 420, 128), Crop(200, 90, 100, 100)):
        cut = crop.resized(crop.extended(picture))
        rows, columns = np.nonzero(cut[..., 0] > 127)
        middle = np.array([columns.mean(), rows.mean()]) + 0.5
        np.testing.assert_allclose(middle, crop.to_crop(np.array([260.5, 140.5])), atol=0.6)


def test_a_face_that_fills_the_photograph_gets_room_around_it() -> None:
    head = np.zeros((400, 300), np.float32)
    head[20:360, 30:270] = 1
    face = oval_face(150, 210, 300)
    crop = choose_crop(face, head)
    assert crop.side > 400 and crop.left < 0 and face_share(face, crop) == pytest.approx(0.26, abs=0.005)


def test_a_small_face_in_the_corner_is_not_pushed_to_the_edge() -> None:
    head = np.zeros((1000, 1000), np.float32)
    head[10:150, 5:110] = 1
    face = oval_face(60, 90, 110)
    crop = choose_crop(face, head)
    assert face_share(face, crop) == pytest.approx(FACE_SHARE, abs=0.005)
    assert np.abs(crop.to_canvas(np.array([60.0, 90.0]))).max() < 0.5


def test_beyond_the_photographs_edges_the_scene_goes_on_and_the_head_does_not() -> None:
    rgb = np.full((250, 260, 3), (90, 140, 200), np.uint8)
    rgb[0:170, 50:210] = (60, 30, 10)  # hair that the upper edge cuts off
    rgb[40:205, 70:190] = (220, 180, 160)
    rgb[205:230, 105:155] = (200, 160, 140)
    rgb[230:, 40:220] = (20, 120, 40)
    parts = {name: np.zeros(rgb.shape[:2], np.float32) for name in ("hair", "face", "neck", "clothes")}
    for name, colour in zip(parts, ((60, 30, 10), (220, 180, 160), (200, 160, 140), (20, 120, 40)), strict=True):
        parts[name][(rgb == colour).all(axis=2)] = 1
    made = prepare(rgb, oval_face(130, 110, 190), Masks(np.asarray(sum(parts.values())), **parts))
    crop = made.crop
    assert crop.top < -10
    above = [crop.to_crop(np.array(place)).astype(int) for place in ((130.0, -10.0), (60.0, -15.0))]
    assert [made.labels[row, column] for column, row in above] == [HAIR, BACKGROUND]
    column, row = above[0]
    np.testing.assert_allclose(made.picture[row, column], (60, 30, 10), atol=6)
    column, row = above[1]
    np.testing.assert_allclose(made.picture[row, column], (90, 140, 200), atol=12)
    # and clothes go on downwards
    assert made.labels[-1, 256] == CLOTHES and crop.top + crop.side > 255


def torso_drawing() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A head on a neck between shoulders, 512 pixels."""
    labels = np.zeros((512, 512), np.uint8)
    labels[400:, 100:412] = CLOTHES
    labels[320:420, 200:312] = NECK
    labels[100:340, 180:332] = FACE
    rgb = np.zeros((512, 512, 3), np.uint8)
    for part, colour in ((FACE, (250, 200, 180)), (NECK, (180, 120, 100)), (CLOTHES, (30, 60, 200))):
        rgb[labels == part] = colour
    return rgb, labels


def test_the_neck_is_drawn_on_upwards_under_the_head_ever_darker() -> None:
    rgb, labels = torso_drawing()
    torso = inpainted_torso(rgb, labels)
    column = torso[:, 256].astype(int)
    top = int(np.flatnonzero(column.any(axis=1)).min())
    start = 340 - 3 + 4  # the neck's top, grown by three and pushed down by four
    assert top == start - NECK_REACH + 1
    brightness = column[top + 3 : start, 0]
    assert (np.diff(brightness) >= 0).all()
    assert brightness[0] == pytest.approx(180 * 0.98 ** (start - top - 3), abs=3) and brightness[-1] > 170
    assert (column[start + 3 : 400] == (180, 120, 100)).all()


def test_only_columns_under_the_head_are_drawn_on() -> None:
    rgb, labels = torso_drawing()
    torso = inpainted_torso(rgb, labels)
    assert not torso[:400, :180].any() and not torso[:400, 332:].any()
    assert not inpainted_torso(rgb, np.where(labels == FACE, 0, labels).astype(np.uint8))[:339].any()


def test_clothes_right_under_the_head_are_drawn_on_a_little() -> None:
    rgb, labels = torso_drawing()
    labels[labels == NECK] = FACE
    torso = inpainted_torso(rgb, labels)
    assert int(np.flatnonzero(torso[:, 256].any(axis=1)).min()) == 420 - 9 + 1


def test_preparing_is_deterministic() -> None:
    rgb, face = found("astronaut")
    again = prepare(rgb, face, masks("astronaut"))
    for name in ("picture", "labels", "head", "torso", "background"):
        np.testing.assert_array_equal(getattr(again, name), getattr(prepared("astronaut"), name))
