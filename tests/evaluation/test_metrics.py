"""Measures of pictures and faces against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from skimage.data import astronaut

from backend.evaluation import metrics


def test_psnr_of_a_constant_error() -> None:
    a = np.full((8, 8, 3), 100, np.uint8)
    assert metrics.psnr(a, a + 5) == pytest.approx(20 * np.log10(255 / 5))
    assert metrics.psnr(a, a) == float("inf")


def test_psnr_counts_only_what_the_mask_weighs() -> None:
    a = np.zeros((4, 8, 3), np.uint8)
    b = a.copy()
    b[:, 4:] = 200
    b[:, :4] = 10
    mask = np.zeros((4, 8), np.float32)
    mask[:, :4] = 1
    assert metrics.psnr(a, b, mask) == pytest.approx(20 * np.log10(255 / 10))
    mask[:, 4:] = 0.5  # half as much: mean of 100 and 40,000 weighed 2 to 1
    assert metrics.psnr(a, b, mask) == pytest.approx(10 * np.log10(255**2 / ((100 * 2 + 40000) / 3)))
    assert np.isnan(metrics.psnr(a, b, np.zeros_like(mask)))


def test_ssim_falls_with_noise_and_only_inside_the_mask() -> None:
    picture = astronaut()[:128, 160:288]
    noise = np.random.default_rng(0).integers(-60, 60, picture.shape)
    noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    half = picture.copy()
    half[:, 64:] = noisy[:, 64:]
    left = np.zeros(picture.shape[:2], np.float32)
    left[:, :54] = 1
    assert metrics.ssim(picture, picture) == pytest.approx(1)
    assert metrics.ssim(picture, half, left) == pytest.approx(1)
    assert metrics.ssim(picture, noisy) < metrics.ssim(picture, half) < 0.9


def face() -> np.ndarray:
    """Landmarks whose measures are known: eyes 60 px apart, 30 wide and 9 open, lips 12 apart, mouth 48 wide."""
    points = np.zeros((478, 3), np.float32)
    for side, middle in (("right", 70.0), ("left", 130.0)):
        for corner, x in zip(metrics.EYE_CORNERS[side], (-15, 15)):
            points[corner] = (middle + x, 100, 0)
        for (upper, lower), x in zip(metrics.EYE_LIDS[side], (-5, 5)):
            points[upper], points[lower] = (middle + x, 95.5, 0), (middle + x, 104.5, 0)
        points[list(metrics.BROWS[side])] = (middle, 80, 0)
    points[metrics.LIP_UPPER], points[metrics.LIP_LOWER] = (100, 160, 0), (100, 172, 0)
    points[metrics.MOUTH_CORNERS["right"]], points[metrics.MOUTH_CORNERS["left"]] = (76, 165, 0), (124, 165, 0)
    return points


def test_measures_of_a_face_do_not_hang_on_its_size_or_place() -> None:
    for points in (face(), face() * 3.5 + 40):
        assert metrics.lip_aperture(points) == pytest.approx(0.2)
        assert metrics.mouth_width(points) == pytest.approx(0.8)
        assert metrics.eye_aspect_ratio(points, "left") == pytest.approx(0.3)
        assert metrics.eye_aspect_ratio(points, "right") == pytest.approx(0.3)


def test_lips_that_overlap_are_more_shut_than_lips_that_touch() -> None:
    """A face in profile or tilted alike; guessed depth opens nothing."""
    tilt = Rotation.from_euler("z", 25, degrees=True)
    for points in (face(), (tilt.apply(face()) + (30, -20, 0)).astype(np.float32)):
        down = points[metrics.LIP_LOWER] - points[metrics.LIP_UPPER]
        for share, expected in ((1.0, 0.2), (0.0, 0.0), (-0.25, -0.05)):
            lips = points.copy()
            lips[metrics.LIP_LOWER] = points[metrics.LIP_UPPER] + share * down + (0, 0, 6)
            assert metrics.lip_aperture(lips) == pytest.approx(expected, abs=1e-6)


def test_travel_of_each_side() -> None:
    moved = face()
    moved[metrics.MOUTH_CORNERS["left"]] += (3, -4, 0)
    moved[list(metrics.BROWS["right"])] += (0, -6, 0)
    assert metrics.corner_travel(moved, face()) == pytest.approx({"left": 5 / 60, "right": 0})
    assert metrics.brow_travel(moved, face()) == pytest.approx({"left": 0, "right": 0.1})
    assert metrics.landmark_distance(face() + (6, 0, 50), face()) == pytest.approx(0.1)


def test_a_turn_is_measured_in_the_heads_own_frame() -> None:
    rest = Rotation.from_euler("xyz", (10, 5, -40), degrees=True)
    turned = rest * Rotation.from_euler("xyz", (0, 0, 30), degrees=True)
    turn = metrics.relative_turn(turned.as_euler("xyz"), rest.as_euler("xyz"))
    assert turn == pytest.approx((0, 0, 30), abs=1e-9)
    assert metrics.turn_error(turn, np.array([0, 0, 30])) == pytest.approx(0, abs=1e-5)
    assert metrics.turn_error(np.array([3.0, 0, 0]), np.array([0, 4.0, 0])) == pytest.approx(5, abs=0.01)


def test_off_axis_counts_the_rest_and_the_turn() -> None:
    assert metrics.off_axis(np.zeros(3), np.zeros(3)) == pytest.approx(0, abs=1e-5)
    assert metrics.off_axis(np.radians([0, 0, -36]), np.array([0, 0, -30])) == pytest.approx(66)
    assert metrics.off_axis(np.radians([0, 0, -36]), np.array([0, 0, 30])) == pytest.approx(6)
    assert metrics.off_axis(np.radians([0, 70, 0]), np.array([20, 0, 0])) == pytest.approx(20)  # rolled, it looks ahead


def test_a_real_face_measures_like_one() -> None:
    from backend.capture.detection import detect_face

    points = detect_face(astronaut()).points
    assert metrics.interocular_distance(points) == pytest.approx(42, abs=6)
    for side in ("left", "right"):
        assert 0.15 < metrics.eye_aspect_ratio(points, side) < 0.5
    assert 0.05 < metrics.lip_aperture(points) < 0.4, "she smiles with her teeth showing"
    assert points[metrics.MOUTH_CORNERS["left"], 0] > points[metrics.MOUTH_CORNERS["right"], 0]
