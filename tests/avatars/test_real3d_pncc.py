"""PNCC pictures in the published convention: upright, centred, eyes and mouth as holes, colours fast on the skin."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.avatars.real3d.canonical import MEAN_FRAME, PublishedFrame
from backend.avatars.real3d.pncc import BACKGROUND, pncc, published_camera
from backend.capture.correspondence import correspondence
from backend.capture.lids import fitted_actions
from backend.head.model import head_model
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES

SIZE = 256
EYES = {"Right": (33, 133), "Left": (362, 263)}


def expressed(**values: float) -> NDArray[np.float64]:
    mean = head_model().mean.astype(np.float64)
    coefficients = np.zeros(len(ARKIT_NAMES))
    for name, value in values.items():
        coefficients[ARKIT_INDEX[name]] = value
    return head_model().expressed(mean, coefficients, fitted_actions(mean))


def at(landmarks: list[int], vertices: NDArray[np.floating]) -> NDArray[np.float64]:
    """[N, 2] pixels of landmarks."""
    return published_camera(SIZE).project(MEAN_FRAME.places(correspondence().on(vertices)[landmarks]))[:, :2]


def eye_hole(picture: NDArray[np.float32], side: str) -> int:
    """Pixels of background between the corners of an eye."""
    (left, _), (right, _) = at(list(EYES[side]), head_model().mean)
    row = round(at(list(EYES[side]), head_model().mean)[:, 1].mean())
    around = picture[row - 12 : row + 12, round(left) - 2 : round(right) + 2]
    return int((around == BACKGROUND).all(axis=2).sum())


def test_the_camera_sees_the_published_field_of_view() -> None:
    camera = published_camera(512)
    view = 2 * np.degrees(np.arctan(256 / camera.intrinsics[0, 0]))
    assert view == pytest.approx(12.594, abs=1e-3)
    np.testing.assert_allclose(camera.project(np.zeros(3)), (256, 256, 10))
    # the person's left is to the right, up is up, forward is nearer
    column, row, depth = camera.project(np.array([0.5, 0.5, 0.5]))
    assert column > 256 and row < 256 and depth == pytest.approx(9.5)


def test_the_face_is_upright_in_the_middle_and_as_large_as_published() -> None:
    picture = pncc(head_model().mean, MEAN_FRAME, SIZE)
    assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.float32
    assert picture.min() == BACKGROUND and picture.max() <= 1
    rows, columns = np.nonzero((picture > BACKGROUND).any(axis=2))
    assert abs(columns.min() + columns.max() - SIZE) < 4
    assert 0.6 < np.ptp(columns) / SIZE < 0.68 and 0.75 < np.ptp(rows) / SIZE < 0.88
    right, left, nose, chin = at([33, 263, 4, 152], head_model().mean)
    assert right[0] < SIZE / 2 < left[0] and right[1] < nose[1] < chin[1]


def test_red_runs_to_the_persons_left_green_upwards_blue_forwards() -> None:
    picture = pncc(head_model().mean, MEAN_FRAME, SIZE)
    column, row = np.floor(at([116, 345, 4, 151, 199], head_model().mean)).astype(int).T
    right, left, nose, forehead, chin = picture[row, column]
    assert left[0] > right[0] + 1 and abs(left[0] + right[0]) < 0.05
    assert forehead[1] > nose[1] + 0.5 > chin[1] + 1
    assert nose[2] > 0.9 > forehead[2] > left[2]


def test_colours_are_smooth() -> None:
    picture = pncc(head_model().mean, MEAN_FRAME, SIZE)
    shown = (picture > BACKGROUND).any(axis=2)
    step = np.abs(np.diff(picture, axis=1)).max(axis=2)[shown[:, 1:] & shown[:, :-1]]
    assert np.quantile(step, 0.9) < 0.06 and np.median(step) < 0.02


def test_eyes_are_holes_and_blinking_closes_them() -> None:
    open_eyes = pncc(expressed(), MEAN_FRAME, SIZE)
    winking = pncc(expressed(eyeBlinkLeft=1), MEAN_FRAME, SIZE)
    half = pncc(expressed(eyeBlinkLeft=0.5), MEAN_FRAME, SIZE)
    assert min(eye_hole(open_eyes, side) for side in EYES) > 120
    assert eye_hole(winking, "Left") < 0.1 * eye_hole(open_eyes, "Left")
    assert eye_hole(winking, "Left") < eye_hole(half, "Left") < 0.8 * eye_hole(open_eyes, "Left")
    assert eye_hole(winking, "Right") == eye_hole(open_eyes, "Right")


def test_an_open_mouth_is_a_hole_without_teeth_or_tongue() -> None:
    middle = at([13, 14], expressed(jawOpen=0.8)).mean(axis=0).astype(int)
    assert (pncc(expressed(jawOpen=0.8, tongueOut=0.5), MEAN_FRAME, SIZE)[middle[1], middle[0]] == BACKGROUND).all()


def test_a_colour_stays_with_its_place_on_the_skin() -> None:
    marks = [4, 199, 205, 425, 61, 105]
    moved = expressed(jawOpen=0.6, mouthSmileLeft=0.7, browInnerUp=0.8)
    column, row = np.floor(at(marks, head_model().mean)).astype(int).T
    before = pncc(expressed(), MEAN_FRAME, SIZE)[row - 1, column]
    column, row = np.floor(at(marks, moved)).astype(int).T
    after = pncc(moved, MEAN_FRAME, SIZE)[row - 1, column]
    np.testing.assert_allclose(after, before, atol=0.05)


def test_a_persons_frame_takes_size_and_place_out_but_not_shape() -> None:
    mean = head_model().mean.astype(np.float64)
    frame = PublishedFrame.of(1.3 * mean + (0.01, -0.02, 0.03))
    np.testing.assert_allclose(frame.places(1.3 * mean + (0.01, -0.02, 0.03)), MEAN_FRAME.places(mean), atol=1e-6)
    person = head_model().neutral(np.random.default_rng(3).normal(0, 0.8, 80))
    own = PublishedFrame.of(person)
    np.testing.assert_allclose(own.rotation @ own.rotation.T, np.eye(3), atol=1e-6)
    apart = correspondence().on(own.places(person) - MEAN_FRAME.places(mean))[:468]
    assert np.abs(apart.mean(axis=0)).max() < 1e-6 and np.linalg.norm(apart, axis=1).mean() > 0.02


def test_only_what_the_published_mesh_covers_is_shown() -> None:
    """No ears, no neck: pixels beside the cheeks and below the chin are empty."""
    mean = head_model().mean
    picture = pncc(mean, MEAN_FRAME, SIZE)
    chin = at([152], mean)[0]
    assert (picture[round(chin[1]) + 4 :] == BACKGROUND).all()
    ears = published_camera(SIZE).project(MEAN_FRAME.places(mean[np.abs(mean[:, 0]) > 0.085]))[:, :2]
    inside = ears[(ears >= 0).all(axis=1) & (ears < SIZE).all(axis=1)].astype(int)
    assert len(inside) and (picture[inside[:, 1], inside[:, 0]] == BACKGROUND).all()
