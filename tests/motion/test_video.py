"""A film of a made head with known motion becomes that motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.avatars.video import FilmWriter
from backend.capture.correspondence import shaded_view
from backend.capture.head_track import HeadTrack
from backend.capture.lids import fitted_actions
from backend.head.model import head_model
from backend.motion.video import VideoMotion, animate_from_video, video_motion
from shared.arkit import ARKIT_INDEX
from shared.errors import Cancelled, LimnerError
from tests.motion.sounds import video

FRAMES, RATE = 30, 20.0
HIDDEN = slice(12, 16)
TIME = np.arange(FRAMES) / RATE
YAW = 14 * np.sin(2 * np.pi * 0.5 * TIME)  # degrees
JAW = 0.2 - 0.2 * np.cos(2 * np.pi * 1.5 * TIME)
BLINK = np.isin(np.arange(FRAMES), (23, 24, 25)).astype(float)
SIZE = 320


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A painted head that shakes, speaks and blinks; four frames in the middle show nobody."""
    path = tmp_path_factory.mktemp("film") / "head.mp4"
    model = head_model()
    neutral = model.neutral(np.random.default_rng(5).normal(0, 0.5, 80))
    actions = fitted_actions(neutral)
    with FilmWriter(path, SIZE, SIZE, RATE) as writer:
        for index in range(FRAMES):
            coefficients = np.zeros(52)
            coefficients[ARKIT_INDEX["jawOpen"]] = JAW[index]
            coefficients[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = BLINK[index]
            head = model.expressed(neutral, coefficients, actions)
            picture, _ = shaded_view(model, head, np.radians([0, 0, YAW[index]]), SIZE)
            hidden = index in range(FRAMES)[HIDDEN]
            writer.write(np.full_like(picture, 90) if hidden else picture)
    return path


@pytest.fixture(scope="module")
def followed(film: Path) -> VideoMotion:
    return animate_from_video(film, RATE)


def test_head_jaw_and_lids_are_followed(followed: VideoMotion) -> None:
    clip = followed.clip
    assert len(clip) == FRAMES and clip.fps == RATE
    seen = np.delete(np.arange(FRAMES), HIDDEN)
    yaw = np.degrees(clip.rotation[:, 2])
    assert abs(yaw[0]) < 0.1 and np.abs(yaw - YAW)[seen].max() < 6
    assert np.abs(np.degrees(clip.rotation[:, :2])).max() < 4
    assert np.corrcoef(clip.coefficients[seen, ARKIT_INDEX["jawOpen"]], JAW[seen])[0, 1] > 0.95
    for side in ("Left", "Right"):
        lids = clip.coefficients[:, ARKIT_INDEX[f"eyeBlink{side}"]]
        assert lids[24] > 0.6 and lids[24] > 2 * np.delete(lids, np.s_[22:27]).max()


def test_frames_that_show_nobody_are_bridged_and_told(followed: VideoMotion) -> None:
    assert 4 <= followed.hidden <= 6 and followed.note is not None and f"{followed.hidden} of 30" in followed.note
    yaw = np.degrees(followed.clip.rotation[:, 2])
    assert np.abs(np.diff(yaw[HIDDEN.start - 2 : HIDDEN.stop + 2])).max() < 3


def test_a_film_that_shows_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LimnerError, match="FACE_NOT_FOUND"):
        animate_from_video(video(tmp_path / "grey.mp4", None))


def test_following_can_be_cancelled(film: Path) -> None:
    told: list[float] = []

    def stop(fraction: float, stage: str) -> None:
        told.append(fraction)
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        animate_from_video(film, progress=stop)
    assert told == sorted(told)


def test_motion_is_relative_to_a_frame_and_at_any_rate() -> None:
    """Where the head stood in the chosen frame is where it rests; a point of the head goes where the track says."""
    random = np.random.default_rng(0)
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_euler("xyz", random.normal(0, 0.2, (30, 3)))
    track = HeadTrack(np.arange(30) / 30, random.random((30, 52)), turns.as_matrix(), random.normal(0, 0.02, (30, 3)),
                      np.arange(30) != 7)  # fmt: skip
    motion = video_motion(track, 30.0, 4)
    clip, point = motion.clip, np.array([0.01, -0.1, 0.05])
    assert motion.hidden == 1 and len(clip) == 30
    assert np.allclose(clip.rotation[4], 0, atol=1e-6) and np.allclose(clip.location[4], 0, atol=1e-6)
    for index in (0, 11, 29):
        moved = Rotation.from_euler("xyz", clip.rotation[index]).apply(point) + clip.location[index]
        there = track.rotation[4] @ moved + track.translation[4]
        assert np.allclose(there, track.rotation[index] @ point + track.translation[index], atol=1e-5)
    assert len(video_motion(track, 10.0, 4).clip) == 10
