"""The head in every picture of a film: one person, one camera, expression and pose at every moment.

Two passes. The first fits pose and expression of each picture on its own, from the one before: the pose to spots of the
head's own texture and to the landmarks that expressions hardly move. The poses are then smoothed over the whole clip,
and the second pass fits the expressions anew to where the heads now stand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.spatial.transform import Rotation

from backend.capture.face_track import FaceTrack
from backend.capture.fit import View, fit_heads
from backend.capture.head_fitter import HeadFitter
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.progress import Progress, part, silent

IDENTITY_PICTURES = 8  # that an unknown person's head is fitted to
FIRST_STEPS, NEXT_STEPS, EXPRESSION_STEPS = 14, 4, 3
NEXT_SECONDS = 0.2  # within which a picture's fit is a good guess for the next one
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
    fitter = HeadFitter.of(neutral)
    views = _fits(face, found, focal, fitter, part(progress, 0.1, 0.7))
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


def _fits(face: FaceTrack, found: NDArray[np.intp], focal: float, fitter: HeadFitter, progress: Progress) -> list[View]:
    """Expression and pose of every picture that shows the face, each from the one before."""
    views: list[View] = []
    on_head: dict[int, NDArray[np.float64]] = {}  # [S, 3] by set of spots, once the picture they come from is fitted
    for count, index in enumerate(found):
        view = View.start(face.landmarks(index), face.size, focal)
        steps = FIRST_STEPS
        if views and face.times[index] - face.times[found[count - 1]] < NEXT_SECONDS:
            last, steps = views[-1], NEXT_STEPS
            view = replace(view, coefficients=last.coefficients, rotation=last.rotation, translation=last.translation)
        places = np.concatenate([np.zeros((0, 3)), *on_head.values()])
        pixels = np.concatenate([np.zeros((0, 2)), *(face.spots[number].at(index) for number in on_head)])
        sure = np.isfinite(places[:, 0]) & np.isfinite(pixels[:, 0])
        fitter.fit(view, places[sure], pixels[sure].astype(np.float64), steps)
        for number, spots in enumerate(face.spots):
            if spots.first == index:
                on_head[number] = fitter.on_head(view, spots.at(index))
        views.append(view)
        progress(count / len(found), "Fitting the head")
    return views


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
