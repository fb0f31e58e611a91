"""A head is followed through landmarks: known motion comes back, gaps are bridged, closures survive the smoothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.capture.correspondence import correspondence
from backend.capture.face_track import FaceTrack
from backend.capture.head_track import KnownHead, smoothed, track_head
from backend.capture.lids import fitted_actions
from backend.head.model import head_model
from shared.arkit import ARKIT_INDEX

FRAMES, RATE = 50, 25.0
FOCAL, DISTANCE, SIZE = 1400.0, 1.1, (640, 480)
NEUTRAL = head_model().neutral(np.random.default_rng(3).normal(0, 0.6, 80))
BLINK, JAW = ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["jawOpen"]


def motion() -> tuple[np.ndarray, np.ndarray]:
    """[T, 52] with a jaw that opens and shuts, and a blink of four frames; [T, 3] degrees of a shake of the head."""
    time = np.arange(FRAMES) / RATE
    coefficients = np.zeros((FRAMES, 52))
    coefficients[:, JAW] = 0.25 - 0.25 * np.cos(2 * np.pi * 2 * time)
    for side in ("Left", "Right"):
        coefficients[20:24, ARKIT_INDEX[f"eyeBlink{side}"]] = (0.5, 1, 1, 0.5)
    turn = np.zeros((FRAMES, 3))
    turn[:, 2] = 15 * np.sin(2 * np.pi * 0.5 * time)
    return coefficients, turn


def film(noise: float = 0.3, seed: int = 0) -> FaceTrack:
    """Landmarks of the moving head, with so many pixels of noise."""
    coefficients, turn = motion()
    marks = correspondence()
    neutral, actions = marks.on(NEUTRAL), marks.on(fitted_actions(NEUTRAL))
    points = np.zeros((FRAMES, 478, 3), np.float32)
    for index in range(FRAMES):
        places = neutral + np.tensordot(coefficients[index], actions, axes=1)
        places = Rotation.from_euler("xyz", turn[index], degrees=True).apply(places)
        depth = DISTANCE + places[:, 1]
        points[index, :, 0] = FOCAL * places[:, 0] / depth + SIZE[0] / 2
        points[index, :, 1] = -FOCAL * places[:, 2] / depth + SIZE[1] / 2
    points[..., :2] += np.random.default_rng(seed).normal(0, noise, (FRAMES, 478, 2))
    return FaceTrack(np.arange(FRAMES) / RATE, points, (), SIZE)


def yaw(rotation: np.ndarray) -> np.ndarray:
    return Rotation.from_matrix(rotation[0].T @ rotation).as_euler("xyz", degrees=True)[:, 2]


@pytest.mark.parametrize("known", [True, False], ids=["known head", "unknown head"])
def test_a_known_motion_comes_back(known: bool) -> None:
    coefficients, turn = motion()
    track = track_head(film(), KnownHead(NEUTRAL, FOCAL / max(SIZE)) if known else None)
    assert np.abs(yaw(track.rotation) - turn[:, 2]).max() < (1.0 if known else 2.5)
    assert np.corrcoef(track.coefficients[:, JAW], coefficients[:, JAW])[0, 1] > 0.97
    blink = track.coefficients[:, BLINK]
    assert blink[21:23].min() > 0.7 and np.delete(blink, np.s_[19:25]).max() < 0.25
    assert np.ptp(track.translation, axis=0).max() < 0.012


def test_frames_without_a_face_are_bridged() -> None:
    face = film()
    face.points[10:14] = np.nan
    face.points[:2] = np.nan
    track = track_head(face, KnownHead(NEUTRAL, FOCAL / max(SIZE)))
    assert track.seen.sum() == FRAMES - 6 and np.isfinite(track.rotation).all()
    assert np.abs(yaw(track.rotation[2:]) - (motion()[1][2:, 2] - motion()[1][2, 2])).max() < 2
    assert np.allclose(track.coefficients[0], track.coefficients[2], atol=0.05)


def test_smoothing_halves_the_cutoff_and_keeps_what_is_slow() -> None:
    time = np.arange(400)[:, None]

    def kept(frequency: float) -> float:
        wave = np.sin(2 * np.pi * frequency * time)
        return float(smoothed(wave, 0.1)[100:300].std() / wave[100:300].std())

    assert kept(0.1) == pytest.approx(0.5, abs=0.02)
    assert kept(0.01) > 0.999 and kept(0.3) < 0.03
    line = 3.0 * time + 1
    assert np.allclose(smoothed(line, 0.01), line)
    assert np.array_equal(smoothed(wave := np.sin(time * 2.0), 0.5), wave)
    for short in (1, 2, 3, 4):
        assert np.allclose(smoothed(line[:short], 0.05), line[:short])
