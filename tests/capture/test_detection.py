"""The face is found whatever the picture's size, shape and style; animals and furniture are refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.capture.detection import FaceLandmarks, detect_face, detect_faces
from backend.capture.image import load_image
from shared.errors import LimnerError
from tests.capture.media import FACES, astronaut, found, portrait

NOSE_TIP, CHIN, FOREHEAD = 1, 152, 10


def gap(a: FaceLandmarks, b: FaceLandmarks, scale: float = 1.0, shift: tuple[float, float] = (0, 0)) -> float:
    """Mean distance of landmarks in sides of the face, b taken to a's picture."""
    moved = b.points[:, :2] * scale + np.array(shift)
    return float(np.linalg.norm(a.points[:, :2] - moved, axis=1).mean() / a.side)


@pytest.mark.parametrize("name", [*FACES, "astronaut"])
def test_every_portrait(name: str) -> None:
    rgb, face = found(name)
    assert face.points.shape == (478, 3) and face.points.dtype == np.float32 and np.isfinite(face.points).all()
    assert face.score > 0.9 and face.side >= 96
    left, top, right, bottom = face.box
    assert -10 < left < right < rgb.shape[1] + 10 and -10 < top < bottom < rgb.shape[0] + 10
    assert face.points[FOREHEAD, 1] < face.points[NOSE_TIP, 1] < face.points[CHIN, 1]
    assert face.points[NOSE_TIP, 2] < face.points[CHIN, 2]


def test_dog_is_refused() -> None:
    rgb = load_image(portrait("no_face_dog")).rgb
    height, width = rgb.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 10, 1.0)
    for variant in (
        rgb, rgb[:, ::-1], cv2.resize(rgb, None, fx=0.5, fy=0.5), (rgb * 0.4).astype(np.uint8),
        rgb[:, : width * 3 // 4], cv2.GaussianBlur(rgb, (0, 0), 3e-3 * max(height, width)),
        cv2.warpAffine(rgb, turn, (width, height), borderMode=cv2.BORDER_REPLICATE),
    ):  # fmt: skip
        with pytest.raises(LimnerError) as caught:
            detect_face(np.ascontiguousarray(variant))
        assert caught.value.code == "FACE_NOT_FOUND" and caught.value.cause and caught.value.remedy


def test_half_turned_person_is_found() -> None:
    """An open mouth seen from the side contradicts itself as much as a dog does, but has human eyes."""
    from backend.avatars.interface import FrameRequest
    from backend.avatars.reconstruct import reconstruct

    avatar, _ = reconstruct([portrait("photo_man_mouth_open")])
    for yaw, pitch in ((-30, 0), (20, 0), (30, 15), (30, -15)):
        frame = avatar.render(FrameRequest(rotation=np.radians([pitch, 0, yaw]).astype(np.float32)))
        face = detect_face(np.ascontiguousarray(frame.rgba[..., :3]))
        assert 96 < face.side < 512, (yaw, pitch)


@pytest.mark.parametrize("kind", ["cat", "coffee", "rocket", "page", "brick"])
def test_no_face(kind: str) -> None:
    data = pytest.importorskip("skimage.data")
    rgb = getattr(data, kind)()
    if rgb.ndim == 2:
        rgb = np.stack([rgb] * 3, axis=2)
    assert detect_faces(rgb, thorough=True) == []


@pytest.mark.parametrize("fill", [0, 128, 255])
def test_flat_picture(fill: int) -> None:
    with pytest.raises(LimnerError):
        detect_face(np.full((200, 300, 3), fill, np.uint8))


def test_small_face_in_a_large_frame() -> None:
    rgb, face = found("astronaut")
    frame = np.full((1500, 2048, 3), 90, np.uint8)
    frame[900:1412, 1400:1912] = rgb
    again = detect_face(frame)
    assert gap(face, again, shift=(-1400, -900)) < 0.006


def test_any_aspect() -> None:
    rgb, face = found("astronaut")
    wide = cv2.copyMakeBorder(rgb, 0, 0, 1200, 300, cv2.BORDER_CONSTANT, value=(40, 60, 80))
    tall = cv2.copyMakeBorder(rgb, 1300, 0, 0, 0, cv2.BORDER_CONSTANT, value=(40, 60, 80))
    assert gap(face, detect_face(wide), shift=(-1200, 0)) < 0.006
    assert gap(face, detect_face(tall), shift=(0, -1300)) < 0.006


def test_pixel_centres_and_scale() -> None:
    """Twice the pixels, twice the coordinates: nothing is off by half a pixel."""
    rgb, face = found("photo_woman")
    large = detect_face(cv2.resize(rgb, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    assert gap(large, face, scale=2) < 0.006
    offset = (large.points[:, :2] / 2 - face.points[:, :2]).mean(axis=0)
    assert np.abs(offset).max() < 0.5


def test_mirror_image_gives_mirrored_points() -> None:
    from backend.capture.detection_mirror import MIRRORED

    rgb, face = found("photo_man_glasses")
    mirrored = detect_face(np.ascontiguousarray(rgb[:, ::-1]))
    back = mirrored.points[MIRRORED][:, :2] * (-1, 1) + (rgb.shape[1], 0)
    assert np.linalg.norm(back - face.points[:, :2], axis=1).mean() / face.side < 0.004
    assert (MIRRORED[MIRRORED] == np.arange(478)).all()


@pytest.mark.parametrize("degrees", [-35, 20])
def test_rolled(degrees: float) -> None:
    rgb, face = found("photo_woman")
    height, width = rgb.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1.0)
    rolled = detect_face(cv2.warpAffine(rgb, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))
    expected = (face.points[:, :2] - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
    assert np.linalg.norm(rolled.points[:, :2] - expected, axis=1).mean() / face.side < 0.012
    assert abs(np.degrees(rolled.roll - face.roll) + degrees) < 3


def test_same_points_whatever_came_before() -> None:
    rgb, face = found("astronaut")
    detect_face(found("photo_woman")[0])
    detect_faces(np.zeros((64, 64, 3), np.uint8))
    assert np.array_equal(detect_face(rgb).points, face.points)


def test_largest_face_or_the_one_asked_for() -> None:
    rgb, face = found("astronaut")
    woman, _ = found("photo_woman")
    frame = np.zeros((600, 1100, 3), np.uint8)
    frame[:512, :512] = rgb
    frame[:512, 560:1072] = woman
    assert detect_face(frame).box[0] > 560
    assert gap(face, detect_face(frame, face_index=1)) < 0.006
    with pytest.raises(LimnerError) as caught:
        detect_face(frame, face_index=2)
    assert caught.value.code == "FACE_NOT_FOUND" and "2" in caught.value.cause


def test_too_small_face_says_how_small() -> None:
    small = cv2.resize(astronaut(), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    with pytest.raises(LimnerError) as caught:
        detect_face(small)
    assert caught.value.code == "FACE_TOO_SMALL" and "96" in caught.value.cause and caught.value.exit_status == 3


def test_face_that_fills_the_frame() -> None:
    rgb, face = found("photo_man_mouth_open")
    left, top, right, bottom = (int(value) for value in face.box)
    close = np.ascontiguousarray(rgb[top:bottom, left:right])
    assert gap(face, detect_face(close), shift=(left, top)) < 0.03
