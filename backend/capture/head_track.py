"""The head in every picture of a film: one person, one camera, expression and pose at every moment.

Two passes over the landmarks. The first fits pose and expression of each picture on its own, from the one before. The
poses are then smoothed over the whole clip, and the second pass fits the expressions anew to where the heads now stand,
so that what the pose no longer follows is not lost but goes where it belongs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.spatial.transform import Rotation

from backend.capture.correspondence import INNER_LIPS, IRISES, LANDMARKS, correspondence
from backend.capture.face_track import FaceTrack
from backend.capture.fit import (
    ACTIONS,
    FitWeights,
    View,
    action_prior,
    bounded_step,
    equations,
    fit_heads,
    landmark_trust,
)
from backend.capture.lids import BLINKS, LOWER_LEFT, LOWER_RIGHT, UPPER_LEFT, UPPER_RIGHT, fitted_actions
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.progress import Progress, part, silent

IDENTITY_PICTURES = 8  # that an unknown person's head is fitted to
WEIGHTS = FitWeights(landmark=0.008)  # the head's own shape is known: only noise and expression are left
FIRST_STEPS, NEXT_STEPS, EXPRESSION_STEPS = 14, 4, 3
EYES = (((UPPER_LEFT, LOWER_LEFT), IRISES[5:]), ((UPPER_RIGHT, LOWER_RIGHT), IRISES[:5]))
RIM_TRUST = 6.0  # of lids and inner lips, times as much as of the other landmarks: few tell of a blink or a closure
MOBILE = 0.005  # metres that all actions together move a landmark which says half as much of the pose as a fixed one
POSE_CUTOFF, DEPTH_CUTOFF = 6.0, 2.5  # Hz: nods and shakes stay, the landmarks' tremble goes
# Hz; lids and what closes the lips are not smoothed at all: a closure lasts two or three pictures
CUTOFFS = {
    "brow": 5.0,
    "cheek": 5.0,
    "nose": 5.0,
    "jaw": 11.0,
    "mouth": 11.0,
    "eyeLook": 8.0,
    "eyeSquint": 8.0,
    "eyeWide": 8.0,
}


@dataclass(frozen=True, eq=False)
class KnownHead:
    """The person that a film shows, where an avatar of theirs exists.

    Args:
        neutral: [V, 3] metres, head frame, the fitted neutral head.
        focal: of the camera, in its picture's longer sides, where that camera took the film; else ``None``.
    """

    neutral: NDArray[np.floating]
    focal: float | None = None


@dataclass(frozen=True, eq=False)
class HeadTrack:
    """A head over time.

    Args:
        times: [T] seconds.
        coefficients: [T, 52] ARKit values in [0, 1].
        rotation: [T, 3, 3] head frame to camera (OpenCV's axes: x right, y down, z forward).
        translation: [T, 3] metres, the head's origin in the camera.
        seen: [T] whether the picture showed the face; the rest is interpolated.
    """

    times: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    seen: NDArray[np.bool_]


def track_head(face: FaceTrack, head: KnownHead | None = None, progress: Progress = silent) -> HeadTrack:
    """Fit the head to a film's landmarks.

    Args:
        face: landmarks of every picture, at least one of which shows the face.
        head: the person's head where it is known; else it is fitted to some of the pictures.
        progress: told how far the work is; may raise ``Cancelled``.
    """
    progress(0.0, "Fitting the head")
    found = np.flatnonzero(face.seen)
    if head is None or head.focal is None:
        focal = View.start(face.landmarks(found[0]), face.size).focal
    else:
        focal = head.focal * max(face.size)
    neutral = _fitted(face, found, focal) if head is None else np.asarray(head.neutral, np.float64)
    fitter = _Fitter.of(neutral)
    views: list[View] = []
    for count, index in enumerate(found):
        fresh = View.start(face.landmarks(index), face.size, focal)
        if views and face.times[index] - face.times[found[count - 1]] < 0.2:
            last = views[-1]
            fresh = replace(fresh, coefficients=last.coefficients, rotation=last.rotation, translation=last.translation)
            fitter.fit(fresh, NEXT_STEPS)
        else:
            fitter.fit(fresh, FIRST_STEPS)
        views.append(fresh)
        part(progress, 0.1, 0.7)(count / len(found), "Fitting the head")
    rate = (len(face.times) - 1) / max(face.times[-1] - face.times[0], 1e-6) if len(face.times) > 1 else 25.0
    middle = views[len(views) // 2].rotation
    turns = Rotation.from_matrix(np.stack([middle.T @ view.rotation for view in views])).as_rotvec()
    poses = np.concatenate([turns, [view.translation for view in views]], axis=1)
    poses = _at_all(face.times, found, poses)
    poses = np.concatenate([smoothed(poses[:, :5], POSE_CUTOFF / rate), smoothed(poses[:, 5:], DEPTH_CUTOFF / rate)], 1)
    rotation = middle @ Rotation.from_rotvec(poses[:, :3]).as_matrix()
    for count, (index, view) in enumerate(zip(found, views, strict=True)):
        view.rotation, view.translation = rotation[index], poses[index, 3:]
        fitter.express(view, EXPRESSION_STEPS)
        part(progress, 0.7, 1.0)(count / len(found), "Fitting expressions")
    coefficients = _at_all(face.times, found, np.stack([view.coefficients for view in views]))
    for prefix, cutoff in CUTOFFS.items():
        columns = [ARKIT_INDEX[name] for name in ARKIT_NAMES if name.startswith(prefix)]
        coefficients[:, columns] = smoothed(coefficients[:, columns], cutoff / rate)
    return HeadTrack(face.times, np.clip(coefficients, 0, 1), rotation, poses[:, 3:], face.seen)


def _fitted(face: FaceTrack, found: NDArray[np.intp], focal: float) -> NDArray[np.float64]:
    """[V, 3] the neutral head that pictures spread over the film agree on, the residual of the landmarks included."""
    chosen = found[np.unique(np.linspace(0, len(found) - 1, IDENTITY_PICTURES).round().astype(int))]
    fits = fit_heads([face.landmarks(index) for index in chosen], [face.size] * len(chosen), focal=focal)
    return np.mean([fit.neutral for fit in fits], axis=0)


def _at_all(times: NDArray[np.float64], found: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[F, C] values at the pictures ``found`` -> [T, C] at all of them, linear between."""
    return np.stack([np.interp(times, times[found], column) for column in values.T], axis=1)


def smoothed(values: NDArray[np.float64], cutoff: float) -> NDArray[np.float64]:
    """Smooth [T, C] without delay: the curve that weighs nearness to ``values`` against its second differences.

    The smoother of Whittaker (1923): what a Kalman smoother of a random walk in velocity converges to.

    Args:
        values: one row a picture.
        cutoff: where half of an oscillation's height is left, in periods a picture; from 0.5 on, nothing is changed.
    """
    count = len(values)
    if count < 3 or cutoff >= 0.5:
        return values
    stiffness = (2 - 2 * np.cos(2 * np.pi * cutoff)) ** -2
    # the bands of I + stiffness D'D, D being second differences
    diagonal, beside, after = np.full(count, 6.0), np.full(count, -4.0), np.ones(count)
    diagonal[[0, -1]] = 1.0
    beside[[1, -1]] = -2.0
    if count == 3:
        diagonal[1] = 4.0
    else:
        diagonal[[1, -2]] = 5.0
    bands = stiffness * np.stack([after, beside, diagonal])
    bands[2] += 1
    return np.asarray(solveh_banded(bands, values))


def _openness(points: NDArray[np.floating], lids: tuple[list[int], list[int]]) -> float:
    """Opening over width of an eye, from landmarks [478, 2 or 3] of its upper and lower lid."""
    upper, lower = points[lids[0]], points[lids[1]]
    width = np.linalg.norm(upper[0] - upper[-1])
    return float(np.linalg.norm(upper[2:5] - lower[2:5], axis=1).mean() / width)


@dataclass(frozen=True, eq=False)
class _Fitter:
    """A known head's landmarks.

    Args:
        neutral: [478, 3] metres.
        actions: [52, 478, 3] metres at coefficient 1.
        precision: [478] in sides of the face to the power of -2.
        rigidity: [478] 0..1, how much a landmark may tell of the pose.
        prior: [52, 52] precision of the coefficients.
    """

    neutral: NDArray[np.float64]
    actions: NDArray[np.float64]
    precision: NDArray[np.float64]
    rigidity: NDArray[np.float64]
    prior: NDArray[np.float64]

    @classmethod
    def of(cls, neutral: NDArray[np.float64]) -> _Fitter:
        """For a neutral head [V, 3]."""
        marks = correspondence()
        trust = landmark_trust(marks.spread)
        trust[[*UPPER_LEFT, *LOWER_LEFT, *UPPER_RIGHT, *LOWER_RIGHT, *INNER_LIPS]] *= RIM_TRUST
        prior = action_prior(WEIGHTS)
        prior[BLINKS, BLINKS] -= 0.8 / WEIGHTS.action**2  # lids are shut as often as not
        actions = np.asarray(marks.on(fitted_actions(neutral)), np.float64)
        # a chin that drops further than the head model's jaw must not pull the head along
        rigidity = 1 / (1 + (actions**2).sum(axis=(0, 2)) / MOBILE**2)
        return cls(np.asarray(marks.on(neutral), np.float64), actions, trust / WEIGHTS.landmark**2, rigidity, prior)

    def fit(self, view: View, steps: int) -> None:
        """Improve pose and expression."""
        for _ in range(steps):
            self._step(view, ACTIONS + 6)

    def express(self, view: View, steps: int) -> None:
        """Improve the expression alone."""
        for _ in range(steps):
            self._step(view, ACTIONS)

    def _step(self, view: View, unknowns: int) -> None:
        precision = self.precision.copy()
        if unknowns > ACTIONS:
            precision *= self.rigidity
        for lids, iris in EYES:
            # behind lids that close, the irises are only guessed, and guessed too low
            precision[iris] *= np.clip(_openness(view.points, lids) / _openness(self.neutral, lids) * 2 - 0.8, 0, 1)
        rows, error = equations(view, self.neutral, np.zeros((0, LANDMARKS, 3)), self.actions, precision)
        rows = rows[:, :unknowns]
        normal, gradient = rows.T @ rows, rows.T @ error
        normal[:ACTIONS, :ACTIONS] += self.prior
        gradient[:ACTIONS] -= self.prior @ view.coefficients
        change = np.zeros(ACTIONS + 6)
        change[:unknowns] = bounded_step(normal, gradient, [view.coefficients], 0)
        view.move(change)
