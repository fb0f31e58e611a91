"""The head's pose in the published 3DMM camera, and the key points that move the torso.

That camera stands 10 units before the origin, sees a square canvas with a focal length of 1015 for a side of 224, and
never moves: heads do. A published pose is Euler angles and a translation, ``v' = Rz Ry Rx v + trans``, in the frame of
:mod:`backend.avatars.real3d.canonical` (x the person's left, y up, z forward).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.avatars.real3d.canonical import PublishedFrame
from backend.avatars.real3d.pncc import DISTANCE, FOCAL
from backend.capture.correspondence import IRISES, correspondence
from shared.camera import Camera

# mediapipe's landmarks nearest to 0, 8, 16 and 27 of the 68: the jaw's right end, chin, its left end, the nose's root
KEYPOINTS = [127, 152, 356, 168]
OF_68 = [0, 8, 16, 27]
_STEPS = 12  # Gauss-Newton converges in four to six
# OpenCV's camera axes in the published camera's
_FROM_OPENCV = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Pose:
    """A head in the published camera.

    Args:
        euler: [3] radians about x, y and z.
        trans: [3] published units.
    """

    euler: NDArray[np.float64]
    trans: NDArray[np.float64]

    @property
    def rotation(self) -> NDArray[np.float64]:
        """[3, 3] Rz Ry Rx."""
        return Rotation.from_euler("xyz", self.euler).as_matrix()

    def project(self, places: NDArray[np.floating]) -> NDArray[np.float64]:
        """Published-frame places [N, 3], in units -> [N, 2] on the canvas, -1..1, x right, y down."""
        return projected(places @ self.rotation.T + self.trans)

    @classmethod
    def of(cls, rotation: NDArray[np.float64], trans: NDArray[np.float64]) -> Pose:
        """The pose of a rotation matrix [3, 3] and a translation [3]."""
        return cls(Rotation.from_matrix(rotation).as_euler("xyz"), trans)


@dataclass(frozen=True)
class PosedHead:
    """A photographed head in the published camera, ready to be moved.

    Args:
        frame: the person's.
        marks: [N, 3] metres in the head frame, landmarks of the photographed expression.
        places: [N, 3] the same in published units.
        head_to_world: [4, 4] the head's pose in the photograph.
        camera: of the photograph's square crop (:meth:`backend.avatars.real3d.crop.Crop.camera`).
        photographed: the pose that lays the landmarks on the photograph.
    """

    frame: PublishedFrame
    marks: NDArray[np.float64]
    places: NDArray[np.float64]
    head_to_world: NDArray[np.float64]
    camera: Camera
    photographed: Pose

    @classmethod
    def solve(
        cls,
        vertices: NDArray[np.floating],
        frame: PublishedFrame,
        head_to_world: NDArray[np.float64],
        camera: Camera,
    ) -> PosedHead:
        """Find the photograph's pose by least squares on the landmarks' projections.

        Args:
            vertices: [V, 3] metres in the head frame, the fitted head with the photograph's expression.
            frame: the person's.
            head_to_world: [4, 4] the head's pose in the photograph.
            camera: of the photograph's square crop.
        """
        marks = correspondence().on(np.asarray(vertices, np.float64))[: IRISES[0]]
        seen = _seen(marks, head_to_world, camera)
        start = _view_rotation(camera, head_to_world, frame)
        places = frame.places(marks)
        rotation, trans = _least_squares(places, seen, start, fixed_rotation=False)
        return cls(frame, marks, places, head_to_world, camera, Pose.of(rotation, trans))

    def moved(
        self,
        rotation: NDArray[np.floating] | tuple[float, float, float] = (0.0, 0.0, 0.0),
        location: NDArray[np.floating] | tuple[float, float, float] = (0.0, 0.0, 0.0),
        camera: Camera | None = None,
    ) -> Pose:
        """The pose of the head moved as a ``FrameRequest`` asks, as its camera sees it.

        The rotation is the asked one exactly, the translation lays the landmarks where that camera sees them: the two
        cameras differ in distance, so that both cannot hold of a moved head.

        Args:
            rotation: [3] XYZ Euler angles in radians, against the photograph's pose.
            location: [3] metres, against the photograph's pose.
            camera: ``None`` is the crop's.
        """
        turn = Rotation.from_euler("xyz", np.asarray(rotation, np.float64)).as_matrix()
        motion = np.eye(4)
        motion[:3, :3], motion[:3, 3] = turn, location
        camera = self.camera if camera is None else camera.resized(self.camera.width, self.camera.height)
        posed = self.head_to_world @ motion
        # what the crop's place off the photograph's axis adds to the rotation stays
        aside = self.photographed.rotation @ _view_rotation(self.camera, self.head_to_world, self.frame).T
        rotated = aside @ _view_rotation(camera, posed, self.frame)
        seen = _seen(self.marks, posed, camera)
        _, trans = _least_squares(self.places, seen, rotated, fixed_rotation=True)
        return Pose.of(rotated, trans)


def keypoints(vertices: NDArray[np.floating], frame: PublishedFrame, pose: Pose) -> NDArray[np.float32]:
    """The key points 0, 8, 16 and 27 of the published 68 on the canvas.

    Args:
        vertices: [V, 3] metres in the head frame, expressed.
        frame: the person's.
        pose: the head's.

    Returns:
        [4, 2] in -1..1, x right, y down; clamped as the published ones are.
    """
    places = correspondence().on(np.asarray(vertices, np.float64))[KEYPOINTS]
    return np.clip(pose.project(frame.places(places)), -1, 1).astype(np.float32)


def _seen(marks: NDArray[np.float64], head_to_world: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """[N, 3] metres in the head frame -> [N, 2] where the camera sees them on the canvas, -1..1."""
    world = marks @ head_to_world[:3, :3].T + head_to_world[:3, 3]
    return np.asarray(camera.project(world)[:, :2] * (2 / camera.width, 2 / camera.height) - 1)


def _view_rotation(camera: Camera, head_to_world: NDArray[np.float64], frame: PublishedFrame) -> NDArray[np.float64]:
    """[3, 3] published frame to published camera, for a head in the middle of the picture."""
    return np.asarray(_FROM_OPENCV @ camera.world_to_camera[:3, :3] @ head_to_world[:3, :3] @ frame.rotation.T)


def projected(in_camera: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, 3] published camera axes -> [N, 2] canvas, -1..1."""
    return 2 * FOCAL * in_camera[:, :2] * (1, -1) / (DISTANCE - in_camera[:, 2:])


def projection_slope(in_camera: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, 3] -> [N, 2, 3] how :func:`projected` changes with a place."""
    x, y = in_camera[:, 0], in_camera[:, 1]
    depth = DISTANCE - in_camera[:, 2]
    slope = np.zeros((len(in_camera), 2, 3))
    slope[:, 0, 0], slope[:, 0, 2] = 1 / depth, x / depth**2
    slope[:, 1, 1], slope[:, 1, 2] = -1 / depth, -y / depth**2
    return 2 * FOCAL * slope


def turn_slope(arms: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, 3] places about the origin -> [N, 3, 3] how they change with a small rotation vector w: w x arm."""
    cross = np.zeros((len(arms), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = arms[:, 2], -arms[:, 1], arms[:, 0]
    return cross - cross.transpose(0, 2, 1)


def _least_squares(
    places: NDArray[np.float64], seen: NDArray[np.float64], rotation: NDArray[np.float64], fixed_rotation: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation and translation that project places [N, 3] onto seen [N, 2]: Gauss-Newton on the squared distances."""
    turned = places @ rotation.T
    middle = turned - turned.mean(axis=0)
    # weak perspective tells where to begin
    size = np.linalg.norm(seen - seen.mean(axis=0)) / np.linalg.norm(middle[:, :2])
    depth = 2 * FOCAL / size
    trans = np.array([*(seen.mean(axis=0) * (1, -1) / size), DISTANCE - depth]) - turned.mean(axis=0)
    for _ in range(_STEPS):
        arm = places @ rotation.T
        jacobian = projection_slope(arm + trans)
        if not fixed_rotation:
            jacobian = np.concatenate([jacobian, jacobian @ turn_slope(arm)], axis=2)
        error = seen - projected(arm + trans)
        change = np.linalg.lstsq(jacobian.reshape(2 * len(places), -1), error.reshape(-1), rcond=None)[0]
        trans = trans + change[:3]
        if not fixed_rotation:
            rotation = Rotation.from_rotvec(change[3:]).as_matrix() @ rotation
        if np.abs(change).max() < 1e-10:
            break
    return rotation, trans
