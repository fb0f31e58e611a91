"""The published camera: poses are found again, follow the head's motion, and lay the head on the photograph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.avatars.real3d.camera import FOCAL_LENGTH, camera_labels
from backend.avatars.real3d.canonical import PublishedFrame
from backend.avatars.real3d.crop import Crop
from backend.avatars.real3d.pncc import DISTANCE, FOCAL
from backend.avatars.real3d.pose import Pose, PosedHead, keypoints
from backend.capture.correspondence import correspondence
from backend.capture.fit import fit_heads
from backend.head.model import head_model
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.camera import Camera
from tests.capture.media import found

OPENCV = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def person() -> NDArray[np.float64]:
    """[V, 3] somebody smiling."""
    coefficients = np.zeros(len(ARKIT_NAMES))
    coefficients[[ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]] = 0.6
    return head_model().expressed(head_model().neutral(np.random.default_rng(1).normal(0, 0.6, 80)), coefficients)


@pytest.fixture(scope="module")
def frame(person: NDArray[np.float64]) -> PublishedFrame:
    return PublishedFrame.of(person)


def published_view(frame: PublishedFrame, pose: Pose, size: int = 512) -> Camera:
    """The published camera in metres: what sees a head at the world's origin as the published one sees it posed."""
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = OPENCV @ pose.rotation @ frame.rotation
    world_to_camera[:3, 3] = OPENCV @ (pose.rotation @ frame.origin + pose.trans - (0, 0, DISTANCE)) / frame.scale
    focal = FOCAL * size
    return Camera(np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1.0]]), world_to_camera, size, size)


def ordinary_view(focal: float = 1400.0) -> Camera:
    """A photograph's camera as the head fit makes them, a metre away."""
    look = np.array([[1.0, 0, 0, 0.05], [0, 0, -1, 0.02], [0, 1, 0, 1.0], [0, 0, 0, 1]])
    return Camera(np.array([[focal, 0, 320], [0, focal, 320], [0, 0, 1]]), look, 640, 640)


@pytest.mark.parametrize("euler", [(0, 0, 0), (0.2, -0.3, 0.1), (-0.35, 0.7, -0.5)])
@pytest.mark.parametrize("trans", [(0, 0, 0), (0.4, -0.3, -5.0)])
def test_a_published_pose_is_found_again(
    person: NDArray[np.float64],
    frame: PublishedFrame,
    euler: tuple[float, float, float],
    trans: tuple[float, float, float],
) -> None:
    pose = Pose(np.array(euler), np.array(trans))
    solved = PosedHead.solve(person, frame, np.eye(4), published_view(frame, pose)).photographed
    np.testing.assert_allclose(solved.euler, euler, atol=1e-6)
    np.testing.assert_allclose(solved.trans, trans, atol=1e-5)


def test_rotations_are_about_x_then_y_then_z() -> None:
    """As the published label takes them apart: the camera's rotation is the head's, transposed, in OpenCV's axes."""
    pose = Pose(np.array([0.1, -0.4, 0.25]), np.zeros(3))
    x, y, z = (Rotation.from_euler(axis, angle).as_matrix() for axis, angle in zip("xyz", pose.euler, strict=True))
    np.testing.assert_allclose(pose.rotation, z @ y @ x, atol=1e-12)
    label = camera_labels(pose.euler, pose.trans)[:16].reshape(4, 4)
    np.testing.assert_allclose(label[:3, :3], pose.rotation.T @ OPENCV, atol=1e-6)


def test_the_person_looking_to_their_left_and_up_has_positive_yaw_and_negative_pitch(
    person: NDArray[np.float64], frame: PublishedFrame
) -> None:
    head = PosedHead.solve(person, frame, np.eye(4), ordinary_view())
    rest = head.photographed.euler
    # a FrameRequest's yaw turns the face to the picture's right; its pitch about X lifts the chin when negative
    turned = head.moved((0, 0, 0.3)).euler - rest
    assert turned[1] == pytest.approx(0.3, abs=0.02) and np.abs(turned[[0, 2]]).max() < 0.05
    nodded = head.moved((0.2, 0, 0)).euler - rest
    assert nodded[0] == pytest.approx(0.2, abs=0.02) and np.abs(nodded[1:]).max() < 0.05


def test_no_motion_is_the_photographs_pose(person: NDArray[np.float64], frame: PublishedFrame) -> None:
    head = PosedHead.solve(person, frame, np.eye(4), ordinary_view())
    still = head.moved()
    np.testing.assert_allclose(still.euler, head.photographed.euler, atol=1e-9)
    np.testing.assert_allclose(still.trans, head.photographed.trans, atol=1e-6)


@pytest.mark.parametrize(
    ("rotation", "location"),
    [((0, 0, 0.4), (0, 0, 0)), ((0.2, 0, -0.3), (0, 0, 0)), ((0, 0, 0), (0.03, 0, -0.02)), ((0, 0, 0), (0, -0.1, 0))],
)
def test_a_moved_head_is_where_the_photographs_camera_sees_it(
    person: NDArray[np.float64],
    frame: PublishedFrame,
    rotation: tuple[float, float, float],
    location: tuple[float, float, float],
) -> None:
    camera = ordinary_view()
    head = PosedHead.solve(person, frame, np.eye(4), camera)
    marks = head.marks @ Rotation.from_euler("xyz", rotation).as_matrix().T + location
    seen = camera.project(marks)[:, :2] * (512 / 640)
    got = (head.moved(rotation, location).project(frame.places(head.marks)) + 1) * 256
    # the cameras' perspectives differ by what a metre and one and a half do
    assert np.linalg.norm(got - seen, axis=1).max() < 6 and np.abs((got - seen).mean(axis=0)).max() < 1
    before = (head.photographed.project(frame.places(head.marks)) + 1) * 256
    assert np.linalg.norm(got - before, axis=1).max() > 10


def test_a_camera_that_goes_round_the_head_sees_it_turned_the_other_way(
    person: NDArray[np.float64], frame: PublishedFrame
) -> None:
    camera = ordinary_view()
    head = PosedHead.solve(person, frame, np.eye(4), camera)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", (0.1, 0, 0.3)).as_matrix()
    by_camera = head.moved(camera=replace(camera, world_to_camera=camera.world_to_camera @ turn))
    by_head = head.moved((0.1, 0, 0.3))
    np.testing.assert_allclose(by_camera.euler, by_head.euler, atol=1e-9)
    np.testing.assert_allclose(by_camera.trans, by_head.trans, atol=1e-6)
    smaller = head.moved(camera=camera.resized(320, 320))
    np.testing.assert_allclose(smaller.trans, head.photographed.trans, atol=1e-6)


def test_keypoints_are_the_jaws_ends_the_chin_and_the_noses_root(
    person: NDArray[np.float64], frame: PublishedFrame
) -> None:
    pose = Pose(np.zeros(3), np.array([0.0, 0.0, -5.0]))
    right, chin, left, root = keypoints(person, frame, pose)
    assert right[0] < root[0] < left[0] and right[0] == pytest.approx(-left[0], abs=0.05)
    assert chin[1] > root[1] and abs(chin[0]) < 0.05
    assert 0.5 < left[0] - right[0] < 0.9 and 0.4 < chin[1] - root[1] < 0.8
    aside = keypoints(person, frame, Pose(np.zeros(3), np.array([9.0, 0.0, -5.0])))
    assert aside.max() == 1
    jaw = np.zeros(len(ARKIT_NAMES))
    jaw[ARKIT_INDEX["jawOpen"]] = 1
    fallen = keypoints(head_model().expressed(person, jaw), frame, pose)
    assert fallen[1, 1] > chin[1] + 0.05 and np.abs(fallen[3] - root).max() < 0.01


def posed(name: str) -> tuple[PosedHead, NDArray[np.float64]]:
    """A portrait's head in a crop twice as large as the face, and its landmarks on it, pixels of 512."""
    rgb, face = found(name)
    fit = fit_heads([face], [(rgb.shape[1], rgb.shape[0])])[0]
    source = head_model().expressed(fit.neutral, fit.coefficients)
    left, top, right, bottom = face.box
    side = round(2 * face.side)
    crop = Crop(round((left + right - side) / 2), round((top + bottom - side) / 2), side, 512)
    head = PosedHead.solve(source, PublishedFrame.of(fit.neutral), fit.head_to_world, crop.camera(fit.camera))
    return head, crop.to_crop(face.points[:468, :2])


@pytest.mark.parametrize("name", ["astronaut", "photo_woman", "painting_pearl_earring", "photo_man_mouth_open"])
def test_the_head_lies_on_the_photograph(name: str) -> None:
    head, marks = posed(name)
    got = (head.photographed.project(head.frame.places(head.marks)) + 1) * 256
    error = np.linalg.norm(got - marks, axis=1)
    assert np.sqrt((error**2).mean()) < 2


@pytest.mark.parametrize("name", ["astronaut", "photo_man_glasses"])
def test_the_label_camera_sees_the_head_where_the_photograph_has_it(name: str) -> None:
    """The published label's focal length is 6 % below the 3DMM's: a head that much larger fills the same pixels."""
    head, marks = posed(name)
    label = camera_labels(head.photographed.euler, head.photographed.trans).astype(np.float64)
    to_world, intrinsics = label[:16].reshape(4, 4), label[16:].reshape(3, 3)
    world = 0.27 * FOCAL / FOCAL_LENGTH * head.frame.places(head.marks) + (0, 0.006, 0.161)
    in_camera = (world - to_world[:3, 3]) @ to_world[:3, :3]
    pixels = in_camera @ intrinsics.T
    got = 512 * pixels[:, :2] / pixels[:, 2:]
    error = np.linalg.norm(got - marks, axis=1)
    assert np.sqrt((error**2).mean()) < 4


def test_landmarks_not_vertices_decide(person: NDArray[np.float64], frame: PublishedFrame) -> None:
    """Shoulders may be anywhere: a body without landmarks does not move the pose."""
    shoulders = person.copy()
    used = np.unique(correspondence().vertices[:468])
    shoulders[np.setdiff1d(np.arange(len(person)), used)] += 1.0
    one = PosedHead.solve(person, frame, np.eye(4), ordinary_view()).photographed
    other = PosedHead.solve(shoulders, frame, np.eye(4), ordinary_view()).photographed
    np.testing.assert_array_equal(one.euler, other.euler)
