"""The head fit: known heads come back, real faces fit, and left is never mixed up with right."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.capture.correspondence import LANDMARKS, correspondence, shaded_view
from backend.capture.detection import FaceLandmarks, detect_face
from backend.capture.detection_mirror import MIRRORED as MIRRORED_MARKS
from backend.capture.fit import ACTIONS, HeadFit, fit_heads, fit_pose, measure_head_rotation
from backend.head.model import head_model
from backend.head.normals import vertex_normals
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES, mirrored
from shared.camera import Camera
from tests.capture.media import astronaut, found

SIZE = (640, 480)
MIRRORED = [ARKIT_INDEX[mirrored(name)] for name in ARKIT_NAMES]
TURNS = [(0, 0, 0), (0, 0, 28), (0, 0, -28), (12, 0, 10), (-12, 5, 0), (3, 15, -8)]


def landmarks(points: NDArray[np.float64]) -> FaceLandmarks:
    """Landmarks [478, 2] in pixels as detection gives them; depth is not looked at but for the first guess."""
    marks = np.concatenate([points, np.zeros((LANDMARKS, 1))], axis=1).astype(np.float32)
    low, high = marks[:, :2].min(axis=0), marks[:, :2].max(axis=0)
    across = marks[263] - marks[33]
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return FaceLandmarks(marks, box, 1.0, float((high - low).max()), float(np.arctan2(across[1], across[0])))


def seen(
    identity: NDArray[np.float64],
    values: Mapping[str, float] | None = None,
    turn: tuple[float, ...] = (0, 0, 0),
    size: tuple[int, int] = SIZE,
    aside: tuple[float, float] = (0.0, 0.0),
) -> FaceLandmarks:
    """Exact landmarks of a made head: actions by name, turn in degrees, metres beside the camera's axis."""
    model = head_model()
    coefficients = np.zeros(ACTIONS)
    for name, value in (values or {}).items():
        coefficients[ARKIT_INDEX[name]] = value
    places = correspondence().on(model.expressed(model.neutral(identity), coefficients))
    places = Rotation.from_euler("xyz", turn, degrees=True).apply(places)
    look = np.array([[1.0, 0, 0, aside[0]], [0, 0, -1, aside[1]], [0, 1, 0, 1.1], [0, 0, 0, 1]])
    focal = 1900.0
    view = Camera(np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]]), look, *size)
    return landmarks(view.project(places)[:, :2])


def fit(face: FaceLandmarks, size: tuple[int, int] = SIZE) -> HeadFit:
    return fit_heads([face], [size])[0]


@lru_cache
def real(name: str) -> HeadFit:
    rgb, face = found(name)
    return fit(face, (rgb.shape[1], rgb.shape[0]))


def person(seed: int, spread: float = 0.6) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, spread, 80)


def degrees_apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.degrees((Rotation.from_matrix(a).inv() * Rotation.from_matrix(b)).magnitude()))


def turn_error(result: HeadFit, turn: tuple[float, ...]) -> float:
    return degrees_apart(result.head_to_world[:3, :3], Rotation.from_euler("xyz", turn, degrees=True).as_matrix())


def along_the_ray(result: HeadFit) -> NDArray[np.float64]:
    """[3, 3] The head's rotation against the ray that leads to it: the same wherever it stands in a frame."""
    ray = result.camera.world_to_camera[:3, 3]
    yaw, pitch = np.arctan2(ray[0], ray[2]), np.arctan2(ray[1], np.hypot(ray[0], ray[2]))
    to_ray = Rotation.from_euler("ZX", (yaw, pitch)).as_matrix()
    return to_ray @ result.head_to_world[:3, :3]


def values(result: HeadFit, *names: str) -> NDArray[np.float64]:
    return result.coefficients[[ARKIT_INDEX[name] for name in names]]


@pytest.mark.parametrize("turn", TURNS)
def test_the_mean_head_comes_back_exactly(turn: tuple[float, ...]) -> None:
    result = fit(seen(np.zeros(80), turn=turn, aside=(0.03, -0.02)))
    assert turn_error(result, turn) < 1.0
    assert result.coefficients.max() < 0.03 and np.abs(result.identity).max() < 0.1
    assert result.residual < 2e-3
    distance = np.linalg.norm(result.neutral - head_model().mean, axis=1)
    assert np.percentile(distance, 95) < 1.5e-3


@pytest.mark.parametrize("seed", range(5))
def test_a_neutral_stranger_is_neutral(seed: int) -> None:
    """Another person's shape is identity, not expression."""
    turn = tuple(np.random.default_rng(seed).uniform((-10, -8, -20), (10, 8, 20)))
    result = fit(seen(person(seed), turn=turn))
    assert result.coefficients.max() < 0.2 and np.sort(result.coefficients)[-5] < 0.1
    assert result.residual < 0.01
    assert turn_error(result, turn) < 6


@pytest.mark.xfail(strict=True, reason="shape and turn trade places: up to 5 degrees wrong for a head unlike the mean")
def test_a_strangers_turn_is_measured_within_a_degree_and_a_half() -> None:
    errors = []
    for seed in range(5):
        turn = tuple(np.random.default_rng(seed).uniform((-10, -8, -20), (10, 8, 20)))
        errors.append(turn_error(fit(seen(person(seed), turn=turn)), turn))
    assert max(errors) < 1.5, np.round(errors, 1)


def test_a_change_of_turn_is_measured_well_on_anybody() -> None:
    """What identity adds to one turn it adds to the next: differences of turns are better than turns."""
    for seed in range(3):
        rotations = [fit(seen(person(seed), turn=(0, 0, yaw))).head_to_world[:3, :3] for yaw in (-15, 15)]
        turned = Rotation.from_matrix(rotations[1] @ rotations[0].T).as_euler("xyz", degrees=True)
        np.testing.assert_allclose(turned, (0, 0, 30), atol=3)


@pytest.mark.parametrize("turn", TURNS)
def test_the_pose_of_a_known_head_comes_back_with_its_expression(turn: tuple[float, ...]) -> None:
    """Exactly for a head that was fitted exactly; a stranger's is known from one side only."""
    smile = {"jawOpen": 0.4, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}
    for identity, most in ((np.zeros(80), 0.6), (person(0), 2.5)):
        head = fit(seen(identity, smile))
        face = seen(identity, smile, turn, aside=(0.03, -0.02))
        expected = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
        assert degrees_apart(head.head_to_world[:3, :3].T @ fit_pose(head, face)[:3, :3], expected) < most


@pytest.mark.parametrize("slid", [-0.04, 0.04])
def test_landmarks_on_skin_that_faces_away_do_not_turn_the_head(slid: float) -> None:
    """The detector cannot see them and puts them somewhere along the outline."""
    model, turn = head_model(), (0, 0, 35)
    normals = correspondence().on(vertex_normals(model.mean, model.faces))
    hidden = Rotation.from_euler("xyz", turn, degrees=True).apply(normals)[:, 1] > 0
    face = seen(np.zeros(80), turn=turn)
    points = face.points[:, :2].astype(np.float64)
    points[hidden, 0] += slid * face.side
    assert hidden.sum() > 30 and turn_error(fit(landmarks(points)), turn) < 2.7  # 3.2 with full trust in them


@pytest.mark.parametrize("opening", [0.2, 0.4, 0.6])
def test_an_open_jaw_comes_back(opening: float) -> None:
    result = fit(seen(person(1), {"jawOpen": opening}, (4, 0, 10)))
    assert values(result, "jawOpen")[0] == pytest.approx(opening, abs=0.18)
    others = np.delete(result.coefficients, ARKIT_INDEX["jawOpen"])
    assert others.max() < 0.8 * values(result, "jawOpen")[0]


PAIRS = {
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "pucker": ("mouthPucker",),
    "frowning brows": ("browDownLeft", "browDownRight"),
    "mouth to the left": ("mouthLeft",),
}


@pytest.mark.parametrize("names", PAIRS.values(), ids=PAIRS)
def test_the_action_shown_is_the_one_found(names: tuple[str, ...]) -> None:
    strengths = []
    for strength in (0.3, 0.6, 0.9):
        result = fit(seen(np.zeros(80), dict.fromkeys(names, strength)))
        strengths.append(float(values(result, *names).min()))
        others = np.delete(result.coefficients, [ARKIT_INDEX[name] for name in names])
        assert others.max() < strengths[-1], ARKIT_NAMES[int(result.coefficients.argmax())]
    assert strengths == sorted(strengths)


@pytest.mark.xfail(strict=True, reason="landmark = 0.035 is too weak against the priors: blink 0.8 is found as 0.18")
def test_actions_come_back_near_what_they_were() -> None:
    opened = fit(seen(person(1), {"jawOpen": 0.9}, (4, 0, 10)))  # 0.63
    assert values(opened, "jawOpen")[0] > 0.75
    for action in ("smile", "blink", "pucker"):
        found_again = values(fit(seen(np.zeros(80), dict.fromkeys(PAIRS[action], 0.8))), *PAIRS[action])
        np.testing.assert_allclose(found_again, 0.8, atol=0.35, err_msg=action)


def test_one_side_is_found_on_its_own_side() -> None:
    for name in ("eyeBlinkLeft", "mouthSmileRight", "browDownLeft"):
        result = fit(seen(np.zeros(80), {name: 0.9}))
        asked, other = values(result, name, mirrored(name))
        assert asked > other
    for name in ("jawLeft", "mouthRight"):
        result = fit(seen(np.zeros(80), {name: 0.9}))
        assert values(result, name)[0] > 0.1 + values(result, mirrored(name))[0]


def test_gaze_is_found_with_its_direction() -> None:
    left = fit(seen(np.zeros(80), {"eyeLookOutLeft": 0.7, "eyeLookInRight": 0.7}))
    right = fit(seen(np.zeros(80), {"eyeLookInLeft": 0.7, "eyeLookOutRight": 0.7}))
    assert values(left, "eyeLookOutLeft", "eyeLookInRight").min() > 0.05 + values(left, "eyeLookInLeft")[0]
    assert values(right, "eyeLookInLeft", "eyeLookOutRight").min() > 0.05 + values(right, "eyeLookOutLeft")[0]


@pytest.mark.parametrize("turn", TURNS[:5])
def test_rendered_heads_found_by_the_real_landmarker(turn: tuple[float, ...]) -> None:
    picture, _ = shaded_view(head_model(), head_model().mean, np.radians(turn))
    measured = np.degrees(measure_head_rotation(picture))
    np.testing.assert_allclose(measured, turn, atol=5.5)
    result = fit(detect_face(picture), picture.shape[1::-1])
    assert result.coefficients.max() < 0.12 and result.residual < 0.012


@pytest.mark.parametrize("yaw", [-65, 65])
def test_landmarks_stop_turning_before_the_head_does(yaw: float) -> None:
    """Why the evaluation measures no turn beyond 60 degrees: the fit could, but the landmarker cannot."""
    exact = Rotation.from_matrix(fit(seen(np.zeros(80), turn=(0, 0, yaw))).head_to_world[:3, :3])
    assert exact.as_euler("xyz", degrees=True)[2] == pytest.approx(yaw, abs=1.5)
    picture, _ = shaded_view(head_model(), head_model().mean, np.radians((0, 0, yaw)))
    assert abs(np.degrees(measure_head_rotation(picture)[2])) < 60


def test_a_mirrored_face_gives_mirrored_numbers() -> None:
    face = seen(person(2), {"mouthSmileLeft": 0.8, "jawOpen": 0.2, "eyeLookOutLeft": 0.5}, (3, 2, 12))
    flipped = face.points[MIRRORED_MARKS, :2].astype(np.float64) * (-1, 1) + (SIZE[0], 0)
    straight, mirror = fit(face), fit(landmarks(np.asarray(flipped, np.float64)))
    np.testing.assert_allclose(mirror.coefficients[MIRRORED], straight.coefficients, atol=0.05)
    reflect = np.diag([-1.0, 1, 1])
    assert degrees_apart(reflect @ mirror.head_to_world[:3, :3] @ reflect, straight.head_to_world[:3, :3]) < 1


def test_a_mirrored_photograph_gives_mirrored_numbers() -> None:
    rgb = np.ascontiguousarray(astronaut()[:, ::-1])
    mirror = fit(detect_face(rgb), (rgb.shape[1], rgb.shape[0]))
    np.testing.assert_allclose(mirror.coefficients[MIRRORED], real("astronaut").coefficients, atol=0.06)


@pytest.mark.parametrize(
    "name", ["astronaut", "photo_woman", "photo_man_mouth_open", "painting_mona_lisa"]
)
def test_real_faces_fit_within_two_hundredths_of_the_face(name: str) -> None:
    result = real(name)
    rgb, face = found(name)
    assert result.residual < 0.015
    assert (result.camera.width, result.camera.height) == (rgb.shape[1], rgb.shape[0])
    assert result.coefficients.min() >= 0 and result.coefficients.max() <= 1
    assert np.abs(result.identity).max() < 3
    # what the model misses its surface makes up for
    surface = head_model().expressed(result.neutral, result.coefficients)
    world = correspondence().on(surface) @ result.head_to_world[:3, :3].T + result.head_to_world[:3, 3]
    missed = np.linalg.norm(result.camera.project(world)[:, :2] - face.points[:, :2], axis=1) / face.side
    assert np.median(missed) < 0.004 and np.sqrt((missed**2).mean()) < result.residual


def test_what_real_faces_do_is_seen() -> None:
    assert values(real("astronaut"), "mouthSmileLeft", "mouthSmileRight").min() > 0.2
    assert np.ptp(values(real("astronaut"), "mouthSmileLeft", "mouthSmileRight")) < 0.05
    assert values(real("photo_man_mouth_open"), "jawOpen")[0] > 0.5
    assert values(real("photo_woman"), "jawOpen")[0] < 0.2
    _, _, yaw = Rotation.from_matrix(real("painting_mona_lisa").head_to_world[:3, :3]).as_euler("xyz", degrees=True)
    assert yaw < -10  # towards the left of the picture, her right


@pytest.mark.parametrize(
    "window", [(3, 400, 70, 401), (0, 333, 0, 512), (20, 221, 131, 332)], ids=["odd", "wide", "face alone"]
)
def test_a_crop_of_any_size_shows_the_same_head(window: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = window
    rgb = np.ascontiguousarray(astronaut()[top:bottom, left:right])
    result = fit(detect_face(rgb), (rgb.shape[1], rgb.shape[0]))
    np.testing.assert_allclose(result.coefficients, real("astronaut").coefficients, atol=0.08)
    assert degrees_apart(along_the_ray(result), along_the_ray(real("astronaut"))) < 4
    assert result.residual < 0.015


def test_scale_does_not_matter() -> None:
    """Twice the pixels: the same head at the same distance behind a camera of twice the focal length."""
    points = found("astronaut")[1].points[:, :2].astype(np.float64)
    large = fit(landmarks(points + points), (1024, 1024))
    once = fit(landmarks(points), (512, 512))
    np.testing.assert_allclose(large.coefficients, once.coefficients, atol=1e-3)
    np.testing.assert_allclose(large.head_to_world, once.head_to_world, atol=1e-3)
    np.testing.assert_allclose(large.camera.intrinsics[:2], 2 * once.camera.intrinsics[:2], rtol=1e-4)


def test_a_small_face_in_a_wide_picture_is_not_seen_from_aside() -> None:
    rgb = np.pad(astronaut(), ((0, 0), (0, 1101), (0, 0)))
    result = fit(detect_face(rgb), (rgb.shape[1], rgb.shape[0]))
    view = 2 * np.degrees(np.arctan(result.camera.width / 2 / result.camera.intrinsics[0, 0]))
    yaw = Rotation.from_matrix(result.head_to_world[:3, :3]).as_euler("xyz", degrees=True)[2]
    assert view < 75 and abs(yaw) < 25 and result.residual < 0.012, (view, yaw, result.residual)


def test_several_pictures_share_one_identity() -> None:
    who = person(3)
    shots = [({}, (0, 0, 0), (640, 480)), ({"jawOpen": 0.7}, (5, 0, 25), (501, 703)), ({}, (0, 0, -25), (333, 512))]
    results = fit_heads([seen(who, *shot) for shot in shots], [size for *_, size in shots])
    for result, (_, turn, size) in zip(results, shots, strict=True):
        assert np.array_equal(result.identity, results[0].identity)
        assert (result.camera.width, result.camera.height) == size
        assert turn_error(result, turn) < 4
    assert [round(float(values(result, "jawOpen")[0]), 1) > 0.4 for result in results] == [False, True, False]


def test_more_pictures_tell_more_about_the_shape() -> None:
    """Three sides of a head tell its shape better than its front alone, up to its size, which no picture tells."""
    who = person(4, 0.8)
    truth = correspondence().on(head_model().neutral(who))

    def error(turns: list[tuple[float, ...]]) -> float:
        result = fit_heads([seen(who, None, turn) for turn in turns], [SIZE] * len(turns))[0]
        got = correspondence().on(head_model().neutral(result.identity))
        got, want = got - got.mean(axis=0), truth - truth.mean(axis=0)
        return float(np.linalg.norm(got * (np.linalg.norm(want) / np.linalg.norm(got)) - want, axis=1).mean())

    assert error([(0, 0, 0), (0, 0, 35), (0, 0, -35)]) < error([(0, 0, 0)])


def test_the_same_landmarks_give_the_same_fit() -> None:
    face = found("astronaut")[1]
    first, second = fit(face, (512, 512)), fit(face, (512, 512))
    assert np.array_equal(first.coefficients, second.coefficients) and np.array_equal(first.neutral, second.neutral)


def test_the_picture_is_fitted_where_it_is() -> None:
    """The world's origin is the head's; the camera looks along +Y and sees the head where the landmarks are."""
    result = real("astronaut")
    assert np.array_equal(result.head_to_world[:3, 3], np.zeros(3))
    np.testing.assert_allclose(np.linalg.det(result.head_to_world), 1, atol=1e-9)
    assert np.array_equal(result.camera.world_to_camera[2, :3], [0, 1, 0])
    x, y, depth = result.camera.project(np.zeros((1, 3)))[0]
    left, top, right, bottom = found("astronaut")[1].box
    assert left < x < right and top < y < bottom and 0.5 < depth < 2
