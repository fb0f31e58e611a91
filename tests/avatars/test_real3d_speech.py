"""Clips by the published audio-to-motion network: exact expressions for its own face, ARKit's actions for others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from backend.avatars.real3d import speech
from backend.avatars.real3d.bfm import load_basel_model
from backend.avatars.real3d.bfm_actions import BaselActions
from backend.avatars.real3d.speech import animate_published
from backend.motion.audio_to_motion import AudioToMotion, AudioToMotionConfig
from backend.motion.hubert import Hubert
from backend.motion.speech_expressions import ExpressionSettings, speech_expressions
from shared.arkit import ARKIT_INDEX
from shared.errors import LimnerError
from shared.motion import MotionClip
from tests.motion.sounds import write_wave

from .synthetic_bfm import synthetic_folder

LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


class Listener:
    """Features of the published width, of the sound's own making, in no time."""

    channels = 1024

    def stream(self, blocks: Any) -> Any:
        sound = np.concatenate([np.asarray(block) for block in blocks])
        frames = sound[: (len(sound) - 80) // 320 * 320].reshape(-1, 320)
        waves = np.sin(np.arange(320)[:, None] * np.arange(1024) / 500)
        yield (frames @ waves / 18).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> AudioToMotion:
    torch.manual_seed(0)
    return AudioToMotion(AudioToMotionConfig()).eval()


@pytest.fixture
def spoken(tmp_path: Path, network: AudioToMotion, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four seconds of bursts; weights and HuBERT are stand-ins."""
    rng = np.random.default_rng(0)
    sound = 0.2 * rng.standard_normal(4 * 16000) * (1 + np.sin(np.arange(4 * 16000) / 3000))
    weights = SimpleNamespace(speech_config=network.config, speech=network.state_dict())
    monkeypatch.setattr(speech, "load_real3d", lambda path: weights)
    monkeypatch.setattr(Hubert, "load", lambda folder, channels: Listener())
    return write_wave(tmp_path / "speech.wav", sound)


def animated(source: Path, **settings: Any) -> MotionClip:
    return animate_published(source, Path("w"), Path("h"), synthetic_folder(), **settings)


def test_the_networks_expressions_are_in_the_clip_exactly(spoken: Path, network: AudioToMotion) -> None:
    clip = animated(spoken, seed=3)
    found = speech_expressions(spoken, network, Listener(), ExpressionSettings(seed=3))  # type: ignore[arg-type]
    assert len(clip) == len(found) == 100 and clip.fps == 25
    assert clip.expression is not None and clip.expression.shape == (100, 64)
    actions = BaselActions.of(load_basel_model(synthetic_folder()))
    spoken_actions = actions.coefficients(found)
    eyes = [name.startswith("eye") for name in ARKIT_INDEX]
    assert np.abs((clip.coefficients - spoken_actions)[:, ~np.array(eyes)]).max() < 1e-5
    # what is not the network's are the lids, and they are the same in both
    added = actions.expressions(clip.coefficients - spoken_actions)
    assert np.abs(clip.expression - found - added).max() < 1e-4
    shut = clip.coefficients[:, LIDS].min(axis=1) > 0.9
    assert shut.any() and not shut.all()
    still = clip.coefficients[:, LIDS].max(axis=1) <= spoken_actions[:, LIDS].max(axis=1)
    assert still.any()
    assert np.abs(clip.rotation).max() > 0.005 and np.abs(clip.rotation).max() < 0.3


def test_the_seed_decides_and_the_rate_does_not(spoken: Path) -> None:
    clip = animated(spoken)
    other, dense = animated(spoken, seed=1), animated(spoken, fps=50)
    assert np.abs(clip.expression - other.expression).max() > 1e-3
    assert len(dense) == 200 and dense.expression.shape == (200, 64)
    apart = np.abs(dense.expression[::2] - clip.expression).max(axis=1)  # while the lids move they may be
    assert np.median(apart) < 1e-3 * np.abs(clip.expression).max()


def test_progress_is_told_and_never_goes_back(spoken: Path) -> None:
    told: list[float] = []
    animated(spoken, progress=lambda share, stage: told.append(share))
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1


def test_weights_without_the_speech_network_are_refused(spoken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "load_real3d", lambda path: SimpleNamespace(speech_config=None, speech={}))
    with pytest.raises(LimnerError) as caught:
        animated(spoken)
    assert caught.value.code == "WEIGHTS_UNSUITABLE" and "audio2secc_vae" in caught.value.remedy
