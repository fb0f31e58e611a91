"""Fit the head model to mediapipe's landmarks: one identity, and for every picture an expression, a pose and a camera.

Damped Gauss-Newton on the reprojection error. Unknowns: 80 identity directions shared by all pictures; for each picture
52 actions, a rotation and a translation. Priors keep identity and expression from trading places: identities are unit
Gaussians, actions are small, left and right alike, and stay in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.capture.correspondence import IRISES, LANDMARKS, correspondence
from backend.capture.detection import FaceLandmarks, detect_face
from backend.head.model import EYE, head_model
from backend.head.normals import vertex_normals
from backend.head.smooth import smooth_offset
from backend.nerf.images import smoothstep
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES, mirrored
from shared.camera import Camera

ACTIONS = len(ARKIT_NAMES)
FACE_DISTANCE = 1.1  # metres: how far portraits are taken from; one picture does not tell distance from size
LEAST_FOCAL = 1.1  # of the picture's longer side
FACE_SIDE = 0.185  # metres: the longer side of the landmarks' box on a mean head seen from the front
# brows are drawn anywhere on the ridge of the head model, which has none
BROWS = np.array([70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276])
FACING = 0.5  # cosine of the angle of view from where on a landmark's place is fully trusted
HIDDEN_TRUST = 0.7  # of landmarks on skin that faces away
LOOSE = 0.045  # metres that all actions together move a landmark which tells half as much of a pose as a fixed one
# OpenCV camera axes in the world's: x right, y down, z forward along +Y
_WORLD_TO_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class FitWeights:
    """Strengths of the priors against the landmarks.

    Args:
        landmark: standard deviation of a landmark, in sides of the face; errors of neighbours are correlated,
            so it is larger than a single mark's noise.
        action: standard deviation of an action's coefficient.
        asymmetry: standard deviation of the difference of left and right.
        identity: weight of the identity's prior.
        iterations: Gauss-Newton steps.
    """

    landmark: float = 0.014
    action: float = 0.35
    asymmetry: float = 0.12
    identity: float = 1.0
    iterations: int = 20


@dataclass(frozen=True)
class HeadFit:
    """The head model laid on one picture.

    Args:
        identity: [80] standard deviations.
        coefficients: [52] ARKit values in [0, 1].
        head_to_world: [4, 4]; the world's origin is the head's, Z up, the camera looks along +Y.
        camera: the picture's camera.
        neutral: [V, 3] metres, the neutral body with the residual of the landmarks spread over its surface.
        residual: root mean square reprojection error before that, in sides of the face.
    """

    identity: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    head_to_world: NDArray[np.float64]
    camera: Camera
    neutral: NDArray[np.float64]
    residual: float


def fit_heads(
    faces: Sequence[FaceLandmarks],
    sizes: Sequence[tuple[int, int]],
    weights: FitWeights | None = None,
    focal: float | None = None,
) -> list[HeadFit]:
    """Fit one identity to faces of the same person.

    Args:
        faces: the landmarks found in each picture.
        sizes: width and height of each picture in pixels.
        weights: strengths of the priors.
        focal: pixels, of the one camera that took all the pictures; ``None`` guesses one for each from its face.

    Returns:
        A ``HeadFit`` for each picture; all share ``identity``.
    """
    weights = weights or FitWeights()
    model, marks = head_model(), correspondence()
    views = [View.start(face, size, focal) for face, size in zip(faces, sizes, strict=True)]
    mean, directions, actions = marks.on(model.mean), marks.on(model.identity), marks.on(model.actions)
    identity = np.zeros(len(directions))
    confidence: NDArray[np.float64] = landmark_trust(marks.spread)
    directions_count = len(directions)
    prior = action_prior(weights)
    for step in range(weights.iterations):
        width = directions_count + len(views) * (ACTIONS + 6)
        normal, gradient = np.zeros((width, width)), np.zeros(width)
        shape = slice(0, directions_count)
        normal[shape, shape] += np.eye(directions_count) * weights.identity
        gradient[shape] -= weights.identity * identity
        neutral = np.asarray(mean + np.tensordot(identity, directions, axes=1), np.float64)
        for index, view in enumerate(views):
            precision = confidence * _facing(view) / weights.landmark**2
            rows, error = equations(view, neutral, directions, actions, precision)
            own = directions_count + index * (ACTIONS + 6)
            columns = np.r_[np.arange(directions_count), np.arange(own, own + ACTIONS + 6)]
            if step < 3:  # the pose first
                rows[:, : directions_count + ACTIONS] = 0
            normal[np.ix_(columns, columns)] += rows.T @ rows
            gradient[columns] += rows.T @ error
            action_slice = slice(own, own + ACTIONS)
            normal[action_slice, action_slice] += prior
            gradient[action_slice] -= prior @ view.coefficients
        change = bounded_step(normal, gradient, [view.coefficients for view in views], directions_count)
        identity = np.clip(identity + change[:directions_count], -3.5, 3.5)
        for index, view in enumerate(views):
            own = directions_count + index * (ACTIONS + 6)
            view.move(change[own : own + ACTIONS + 6])
    neutral = np.asarray(mean + np.tensordot(identity, directions, axes=1), np.float64)
    body = model.neutral(identity)
    return [view.finished(identity, neutral, actions, body, confidence) for view in views]


def measure_head_rotation(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """[3] XYZ Euler angles in radians of the largest face, against the camera's axes."""
    fit = fit_heads([detect_face(rgb)], [(rgb.shape[1], rgb.shape[0])])[0]
    return Rotation.from_matrix(fit.head_to_world[:3, :3]).as_euler("xyz")


def fit_pose(head: HeadFit, face: FaceLandmarks, steps: int = 14) -> NDArray[np.float64]:
    """Fit the pose alone of a head whose shape and expression are known, in another picture by the same camera.

    Nothing of a turn is taken for shape or expression. Of 16 procedural people's own pictures, turned by 10 to 30
    degrees, this tells the turn 2.2 degrees wrong on average, and fitting each picture by itself 3.0.

    Args:
        head: the fit.
        face: the landmarks in the other picture.
        steps: of Gauss and Newton.

    Returns:
        [4, 4] head to world.
    """
    model, marks = head_model(), correspondence()
    view = View.start(face, (head.camera.width, head.camera.height), float(head.camera.intrinsics[0, 0]))
    view.coefficients = head.coefficients
    neutral, actions = (np.asarray(marks.on(each), np.float64) for each in (head.neutral, model.actions))
    # how far a chin dropped, the first picture told only roughly
    trust = landmark_trust(marks.spread) / (1 + (mobility(actions) / LOOSE) ** 2)
    for _ in range(steps):
        rows, error = equations(view, neutral, np.zeros((0, LANDMARKS, 3)), actions, trust * _facing(view))
        change, *_ = np.linalg.lstsq(rows[:, ACTIONS:], error, rcond=None)
        view.move(np.append(np.zeros(ACTIONS), change))
    return view.head_to_world


@dataclass
class View:
    """The unknowns of one picture while they are sought; head frame to camera."""

    points: NDArray[np.float64]  # [478, 2] px
    side: float  # px
    focal: float
    centre: NDArray[np.float64]
    size: tuple[int, int]
    coefficients: NDArray[np.float64]
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    @classmethod
    def start(cls, face: FaceLandmarks, size: tuple[int, int], focal: float | None = None) -> View:
        """The first guess, and where ``focal`` is not known, a guess of it too."""
        points = face.points[:, :2].astype(np.float64)
        # The height of a face does not shrink when it turns, so it tells the scale
        upright = points @ np.array([[np.cos(face.roll), -np.sin(face.roll)], [np.sin(face.roll), np.cos(face.roll)]])
        side = float(np.ptp(upright[:468, 1]))
        # no lens sees further round than about fifty degrees: a small face in a wide picture is far away
        focal = focal or max(FACE_DISTANCE * side / FACE_SIDE, LEAST_FOCAL * max(size))
        distance = focal * FACE_SIDE / side
        centre = np.array([size[0] / 2, size[1] / 2])
        middle = (points[33] + points[263]) / 2 - centre
        translation = np.array([*(middle * distance / focal), distance])
        rotation = Rotation.from_euler("z", face.roll).as_matrix() @ _WORLD_TO_CAMERA
        nose, eyes = face.points[1], (face.points[33] + face.points[263]) / 2
        turn = np.arctan2(nose[0] - eyes[0], 0.75 * np.linalg.norm(face.points[152, :2] - eyes[:2]))
        rotation = rotation @ Rotation.from_euler("z", turn).as_matrix()
        return cls(points, side, focal, centre, size, np.zeros(ACTIONS), rotation, translation)

    def project(self, places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[N, 3] head frame -> pixels [N, 2] and camera coordinates [N, 3]."""
        in_camera = places @ self.rotation.T + self.translation
        return in_camera[:, :2] / in_camera[:, 2:] * self.focal + self.centre, in_camera

    def motion(
        self, places: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """How places move in the picture: [N, 3] head frame -> pixels [N, 2], and their derivatives by the place in the
        camera [N, 2, 3] and by the head's pose [N, 2, 6], a rotation vector in the camera and metres.
        """
        pixels, in_camera = self.project(places)
        x, y, z = in_camera.T
        perspective = np.zeros((len(places), 2, 3))
        perspective[:, 0, 0] = perspective[:, 1, 1] = self.focal / z
        perspective[:, 0, 2], perspective[:, 1, 2] = -self.focal * x / z**2, -self.focal * y / z**2
        arm = in_camera - self.translation
        cross = np.zeros((len(places), 3, 3))  # d(exp(w) p) / dw = -[p]x
        cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = arm[:, 2], -arm[:, 1], arm[:, 0]
        cross -= cross.transpose(0, 2, 1)
        return pixels, perspective, np.concatenate([perspective @ cross, perspective], axis=2)

    def move(self, change: NDArray[np.float64]) -> None:
        """Take a step of [52 + 3 + 3]: coefficients, rotation vector, metres."""
        self.coefficients = np.clip(self.coefficients + change[:ACTIONS], 0, 1)
        turn = change[ACTIONS : ACTIONS + 3]
        turn = turn * min(1.0, 0.5 / (float(np.linalg.norm(turn)) + 1e-12))
        self.rotation = Rotation.from_rotvec(turn).as_matrix() @ self.rotation
        self.translation = self.translation + change[ACTIONS + 3 :]

    @property
    def head_to_world(self) -> NDArray[np.float64]:
        """[4, 4]; the world's origin is the head's."""
        matrix = np.eye(4)
        matrix[:3, :3] = _WORLD_TO_CAMERA.T @ self.rotation
        return matrix

    def finished(
        self,
        identity: NDArray[np.float64],
        neutral_marks: NDArray[np.float64],
        actions: NDArray[np.float64],
        body: NDArray[np.float64],
        confidence: NDArray[np.float64],
    ) -> HeadFit:
        """What was found; the landmarks' residual becomes part of the neutral body."""
        places = neutral_marks + np.tensordot(self.coefficients, actions, axes=1)
        pixels, in_camera = self.project(places)
        error = self.points - pixels
        residual = float(np.sqrt((confidence[:, None] * error**2).sum() / confidence.sum()) / self.side)
        shift = np.zeros((LANDMARKS, 3))
        shift[:, :2] = error * in_camera[:, 2:] / self.focal
        neutral = body + _spread(shift @ self.rotation, confidence)
        world_to_camera = np.eye(4)
        world_to_camera[:3, :3] = _WORLD_TO_CAMERA
        world_to_camera[:3, 3] = self.translation
        intrinsics = np.array([[self.focal, 0, self.centre[0]], [0, self.focal, self.centre[1]], [0, 0, 1.0]])
        camera = Camera(intrinsics, world_to_camera, *self.size)
        return HeadFit(identity, self.coefficients, self.head_to_world, camera, neutral, residual)


def equations(
    view: View,
    neutral: NDArray[np.float64],
    directions: NDArray[np.float64],
    actions: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One Gauss-Newton step's equations for a picture, landmarks far off counted less.

    Args:
        view: the present guess.
        neutral: [L, 3] metres, landmarks on the neutral head.
        directions: [D, L, 3] of identity that are free to move.
        actions: [52, L, 3] offsets at coefficient 1.
        precision: [L] of the landmarks, in sides of the face to the power of -2.

    Returns:
        Rows [2 L, D + 52 + 6] for identity, coefficients, rotation vector and translation, and what they must explain
        [2 L], both in standard deviations.
    """
    residual, jacobian = _linearise(view, neutral, directions, actions)
    size = np.linalg.norm(residual, axis=1) / view.side
    robust = precision / (1 + (size / 0.04) ** 2)
    root = np.sqrt(robust / LANDMARKS * 100)[:, None] / view.side
    return (jacobian * root[..., None]).reshape(-1, jacobian.shape[-1]), (residual * root).reshape(-1)


def _facing(view: View) -> NDArray[np.float64]:
    """[478] Trust in landmarks by how the mean head's skin there faces the camera: what is hidden or at the outline,
    the detector puts somewhere along the outline.
    """
    ray = view.translation / np.linalg.norm(view.translation)
    return HIDDEN_TRUST + (1 - HIDDEN_TRUST) * smoothstep(0.0, FACING, -(_normals() @ view.rotation.T @ ray))


@lru_cache(maxsize=1)
def _normals() -> NDArray[np.float64]:
    """[478, 3] unit normals of the mean head at the landmarks."""
    model = head_model()
    normals = correspondence().on(vertex_normals(model.mean, model.faces))
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def _linearise(
    view: View, neutral: NDArray[np.float64], directions: NDArray[np.float64], actions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Residual [L, 2] px and Jacobian [L, 2, D + 52 + 6] px of the projected landmarks."""
    pixels, perspective, by_pose = view.motion(neutral + np.tensordot(view.coefficients, actions, axes=1))
    turned = perspective @ view.rotation
    linear = np.concatenate([directions, actions])  # [D + 52, L, 3]
    by_shape = np.einsum("lij,dlj->lid", turned, linear, optimize=True)
    return view.points - pixels, np.concatenate([by_shape, by_pose], axis=2)


def bounded_step(
    normal: NDArray[np.float64],
    gradient: NDArray[np.float64],
    coefficients: Sequence[NDArray[np.float64]],
    directions_count: int,
) -> NDArray[np.float64]:
    """Solve with every coefficient kept in [0, 1]: those that hit a bound are frozen there and the rest solved anew."""
    low, high = np.full(len(gradient), -np.inf), np.full(len(gradient), np.inf)
    for index, values in enumerate(coefficients):
        own = directions_count + index * (ACTIONS + 6)
        low[own : own + ACTIONS], high[own : own + ACTIONS] = -values, 1 - values
    change = np.zeros(len(gradient))
    free = np.ones(len(gradient), bool)
    damping = np.eye(len(gradient)) * 1e-6 * np.trace(normal) / len(gradient)
    for _ in range(12):
        right = gradient[free] - normal[np.ix_(free, ~free)] @ change[~free]
        change[free] = np.linalg.solve((normal + damping)[np.ix_(free, free)], right)
        outside = free & ((change < low - 1e-9) | (change > high + 1e-9))
        if not outside.any():
            break
        change[outside] = np.clip(change[outside], low[outside], high[outside])
        free &= ~outside
    return np.clip(change, low, high)


def action_prior(weights: FitWeights) -> NDArray[np.float64]:
    """[52, 52] precision of the coefficients: small, and left like right except where the gaze goes sideways."""
    prior = np.eye(ACTIONS) / weights.action**2
    for name in ("tongueOut", "cheekPuff", "jawForward", "mouthShrugUpper", "mouthShrugLower"):
        prior[ARKIT_INDEX[name], ARKIT_INDEX[name]] *= 4  # landmarks hardly see these
    for name in ARKIT_NAMES:
        other = mirrored(name)
        if not name.endswith("Left") or other == name or name in ("jawLeft", "mouthLeft"):
            continue
        # both eyes look the same way: left's "in" is right's "out"
        other = {"eyeLookInLeft": "eyeLookOutRight", "eyeLookOutLeft": "eyeLookInRight"}.get(name, other)
        a, b = ARKIT_INDEX[name], ARKIT_INDEX[other]
        precision = 1 / weights.asymmetry**2
        prior[a, a] += precision
        prior[b, b] += precision
        prior[a, b] -= precision
        prior[b, a] -= precision
    return prior


def mobility(actions: NDArray[np.floating]) -> NDArray[np.float64]:
    """[52, N, 3] offsets of the actions -> [N] metres that all of them together move a point."""
    return np.asarray(np.sqrt((actions.astype(np.float64) ** 2).sum(axis=(0, 2))))


def landmark_trust(spread: NDArray[np.float32]) -> NDArray[np.float64]:
    """[478] Trust in landmarks whose places on the surface are known within ``spread`` metres; irises matter most."""
    trust = np.asarray(1 / (1 + (spread.astype(np.float64) / 0.004) ** 2))
    trust[IRISES] = 2.0
    trust[BROWS] *= 0.3
    return trust


def _spread(shift: NDArray[np.float64], trust: NDArray[np.float64]) -> NDArray[np.float64]:
    """[V, 3] metres: offsets of the landmarks, [478, 3] with trust [478], carried over the surface."""
    model, marks = head_model(), correspondence()
    offset = smooth_offset(model, marks.matrix(len(model.mean)), shift[:468], 6.0 * trust[:468])
    for side, ring in ((1, slice(473, 478)), (-1, slice(468, 473))):
        ball = (model.region == EYE) & (model.mean[:, 0] * side > 0)
        offset[ball] = 0.5 * offset[ball] + 0.5 * shift[ring].mean(axis=0)
    return offset
