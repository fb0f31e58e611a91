"""The person is cut out whole, without background; parts lie where they belong; filled layers are clean."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.capture.detection import detect_face
from backend.capture.masks import segment
from backend.capture.masks_fill import background_plate, decontaminate, fill_layer, spread
from backend.capture.masks_matting import person_matte
from tests.capture.media import FACES, found, masks

CHIN, FOREHEAD, NOSE_TIP, RIGHT_CHEEK, LEFT_CHEEK = 152, 10, 1, 50, 280
EVERY = [*FACES, "astronaut"]


def at(mask: np.ndarray, x: float, y: float, radius: int = 3) -> float:
    """The mask's mean around a point; only the part inside the picture."""
    row, column = int(np.clip(y, 0, mask.shape[0] - 1)), int(np.clip(x, 0, mask.shape[1] - 1))
    return float(mask[max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1].mean())


@pytest.mark.parametrize("name", EVERY)
def test_parts_sum_to_the_person(name: str) -> None:
    rgb, _ = found(name)
    parts = masks(name)
    for mask in (parts.person, parts.hair, parts.face, parts.neck, parts.clothes):
        assert mask.shape == rgb.shape[:2] and mask.dtype == np.float32
        assert mask.min() >= 0 and mask.max() <= 1.00001
    assert np.allclose(parts.hair + parts.face + parts.neck + parts.clothes, parts.person, atol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_the_face_is_face(name: str) -> None:
    _, face = found(name)
    parts = masks(name)
    for mark in (NOSE_TIP, LEFT_CHEEK, RIGHT_CHEEK):
        assert at(parts.face, *face.points[mark, :2]) > 0.9
    skin = np.zeros(parts.person.shape, np.uint8)
    cv2.fillConvexPoly(skin, cv2.convexHull(face.points[:468, :2].astype(np.int32)), 1)
    assert parts.person[skin > 0].mean() > 0.985
    up = (face.points[FOREHEAD, :2] - face.points[CHIN, :2]) / np.linalg.norm(
        face.points[FOREHEAD, :2] - face.points[CHIN, :2]
    )
    assert at(parts.hair, *(face.points[FOREHEAD, :2] + 0.22 * face.side * up)) > 0.6
    assert at(parts.hair + parts.face, *(face.points[CHIN, :2] - 0.12 * face.side * up)) < 0.35


@pytest.mark.parametrize("name", EVERY)
def test_corners_above_the_head_are_scene(name: str) -> None:
    rgb, _ = found(name)
    person = masks(name).person
    size = max(4, rgb.shape[1] // 12)
    assert person[:size, :size].max() < 0.02 and person[:size, -size:].max() < 0.02


def test_bottom_is_clothes_or_hair() -> None:
    for name in ("astronaut", "photo_bw_man", "photo_man_glasses", "painting_pearl_earring"):
        parts = masks(name)
        bottom = slice(int(0.93 * parts.person.shape[0]), None)
        assert parts.clothes[bottom].sum() > 0.95 * parts.person[bottom].sum()


def test_long_hair_reaches_below_the_chin() -> None:
    for name in ("photo_woman", "photo_woman_mouth_open", "painting_mona_lisa"):
        _, face = found(name)
        hair = masks(name).hair
        assert hair[int(face.points[CHIN, 1]) :].sum() > 0.05 * face.side**2
    for name in ("astronaut", "photo_bw_man", "photo_man_mouth_open"):
        _, face = found(name)
        hair = masks(name).hair
        assert hair[int(face.points[CHIN, 1] + 0.1 * face.side) :].sum() < 0.02 * face.side**2


@pytest.mark.parametrize(("colour", "overlap", "pixels"), [((90, 140, 190), 0.985, 0.5), ((245, 245, 245), 0.98, 0.8)])
@pytest.mark.parametrize("name", ["photo_man_glasses", "photo_bw_man"])
def test_outline_on_another_background(name: str, colour: tuple[int, int, int], overlap: float, pixels: float) -> None:
    """The same person before a wall of another colour has the same outline, within a pixel at 512."""
    rgb, _ = found(name)
    true = masks(name).person
    wall = decontaminate(rgb, true) * true[..., None] + np.array(colour) * (1 - true[..., None])
    wall += np.random.default_rng(0).normal(0, 3, wall.shape)
    picture = wall.clip(0, 255).astype(np.uint8)
    again = person_matte(picture, detect_face(picture))
    assert np.minimum(true, again).sum() / np.maximum(true, again).sum() > overlap
    kernel = np.ones((3, 3))
    outlines = [cv2.morphologyEx((m > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, kernel) for m in (true, again)]
    off = cv2.distanceTransform(1 - outlines[0], cv2.DIST_L2, 5)[outlines[1] > 0] * 512 / max(rgb.shape)
    assert off.mean() < pixels


def test_transparency_limits_the_person() -> None:
    rgb, face = found("astronaut")
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[300:] = 0
    assert segment(rgb, face, alpha).person[300:].max() == 0


def test_the_cheek_turned_away_is_no_neck() -> None:
    _, face = found("painting_pearl_earring")
    parts = masks("painting_pearl_earring")
    low, high = sorted(face.points[[RIGHT_CHEEK, CHIN], 1].astype(int))
    beside_mouth = slice(low, high - int(0.1 * face.side)), slice(0, int(face.points[NOSE_TIP, 0]))
    assert parts.face[beside_mouth].sum() > 1000 and parts.neck[beside_mouth].sum() < 20


def test_large_picture_is_cut_at_its_own_resolution() -> None:
    rgb, _ = found("photo_man_glasses")
    large = cv2.resize(rgb, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    person = segment(large, detect_face(large)).person
    small = cv2.resize(person, rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small - masks("photo_man_glasses").person).mean() < 0.01


def test_same_masks_every_time() -> None:
    rgb, face = found("photo_bw_man")
    assert np.array_equal(segment(rgb, face).hair, masks("photo_bw_man").hair)


def test_spread_keeps_the_known_and_stays_within_it() -> None:
    values = np.random.default_rng(0).random((70, 93, 3), np.float32)
    known = np.zeros((70, 93), np.float32)
    known[10:20, 30:60] = 1
    filled = spread(values, known)
    assert np.allclose(filled[10:20, 30:60], values[10:20, 30:60], atol=1e-5)
    assert filled.min() >= values[10:20, 30:60].min() - 1e-4 and filled.max() <= values[10:20, 30:60].max() + 1e-4


def test_plate_has_no_ghost() -> None:
    """Behind a person before a plain wall is plain wall."""
    rgb, _ = found("photo_man_glasses")
    person = masks("photo_man_glasses").person
    plate = background_plate(rgb, person, reach=30).astype(float)
    wall = rgb[person < 0.001].astype(float)
    behind = plate[person > 0.5]
    assert np.abs(behind.mean(axis=0) - wall.mean(axis=0)).max() < 12
    assert np.percentile(np.abs(behind - wall.mean(axis=0)).max(axis=1), 99) < 45
    far = cv2.dilate((person > 0.001).astype(np.uint8), np.ones((41, 41))) == 0
    assert np.array_equal(plate[far], rgb[far])


def test_decontaminated_edges_carry_no_wall() -> None:
    """Composed from known colours, the edge's own colour comes back."""
    person = cv2.GaussianBlur(np.pad(np.ones((60, 60), np.float32), 50), (0, 0), 3)
    front, wall = np.array([180.0, 120.0, 90.0]), np.array([20.0, 200.0, 40.0])
    picture = (front * person[..., None] + wall * (1 - person[..., None])).astype(np.uint8)
    own = decontaminate(picture, person)
    assert np.abs(own[person > 0.03] - front).max() < 12


def test_filled_layer_is_the_layer_inside_and_like_it_outside() -> None:
    rgb, _ = found("astronaut")
    clothes = masks("astronaut").clothes
    filled = fill_layer(rgb, clothes, reach=10)
    assert np.array_equal(filled[clothes >= 1], rgb[clothes >= 1])
    empty = fill_layer(rgb, np.zeros_like(clothes), reach=10)
    assert (empty == empty[0, 0]).all()
