"""Pitch of made voices, of silence and noise, and in windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.motion.pitch import coarse_pitch, stream_pitch, track_pitch

RATE = 16000


def voice(hertz: np.ndarray) -> np.ndarray:
    """A sum of harmonics, the fourth the strongest, whose fundamental follows a course in Hz."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    weights = np.exp(-0.5 * (np.arange(1, 15) - 4.0) ** 2 / 4)
    sound = sum(w * np.sin(k * phase + k) for k, w in enumerate(weights, 1) if k * hertz.max() < RATE / 2)
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


@pytest.mark.parametrize("hertz", [85, 120, 233.3, 440, 700])
def test_a_steady_voice(hertz: float) -> None:
    found = track_pitch(voice(np.full(RATE, float(hertz))))
    assert len(found) == 50
    assert np.abs(found[2:-2] / hertz - 1).max() < 0.003


def test_a_gliding_voice_between_silence_and_breath() -> None:
    glide = np.geomspace(110, 260, RATE)
    breath = np.random.default_rng(0).standard_normal(RATE) * 0.02
    sound = np.concatenate([np.zeros(RATE), voice(glide), breath]).astype(np.float32)
    found = track_pitch(sound)
    assert not found[:48].any()
    assert np.abs(found[52:98] / glide[:: RATE // 50][2:48] - 1).max() < 0.01
    assert (found[103:] > 0).mean() < 0.1


def test_a_quiet_hum_counts_beside_itself_but_not_beside_a_loud_sound() -> None:
    hum = voice(np.full(RATE, 150.0)) * 0.01
    assert (track_pitch(hum)[1:] > 0).all()
    assert not track_pitch(hum, loudest=0.9).any()


def test_windows_find_what_one_hearing_finds() -> None:
    rng = np.random.default_rng(1)
    course = 160 * 2 ** np.cumsum(rng.standard_normal(6 * RATE) * 0.002)
    sound = voice(np.clip(course, 90, 400)) * (np.sin(np.arange(6 * RATE) / RATE * 9) > -0.5)
    sound = (sound + rng.standard_normal(len(sound)) * 0.003).astype(np.float32)[: 6 * RATE - 100]
    whole = track_pitch(sound)
    parts = list(stream_pitch(np.array_split(sound, 37), float(np.abs(sound).max()), 70))
    assert [len(part) for part in parts] == [70, 70, 70, 70, 20]
    assert np.mean(np.isclose(np.concatenate(parts), whole, rtol=1e-3)) > 0.99


def test_no_sound_has_no_pitch() -> None:
    assert track_pitch(np.zeros(0, np.float32)).shape == (0,)
    assert not track_pitch(np.zeros(700, np.float32)).any()


def test_coarse_steps_rise_from_1_to_255() -> None:
    steps = coarse_pitch(torch.tensor([0.0, 30.0, 50.0, 200.0, 1100.0, 5000.0]))
    assert steps.tolist() == [1, 1, 1, 54, 255, 255]
