"""HuBERT's features and the expressions they drive, with a small HuBERT and a small network made here."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.motion.audio_to_motion import AudioToMotion, AudioToMotionConfig
from backend.motion.hubert import MARGIN, WINDOW, Hubert, frame_count
from backend.motion.speech_expressions import ExpressionSettings, speech_expressions
from backend.networks.flow_vae import FlowVaeConfig
from shared.errors import LimnerError
from tests.motion.sounds import write_wave

RATE = 16000
WIDTH = 24
VAE = FlowVaeConfig(
    channels=6, condition=8, latent=4, hidden=16, posterior_layers=1, decoder_layers=2, couplings=2,
    coupling_hidden=8, coupling_layers=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A HuBERT of the large one's kind, random and small, in a folder as Hugging Face writes it."""
    transformers = pytest.importorskip("transformers", reason="the extra real3d (transformers) is not installed")
    torch.manual_seed(0)
    config = transformers.HubertConfig(
        hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, conv_dim=(8,) * 7,
        feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True,
        num_conv_pos_embeddings=128, num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    where = tmp_path_factory.mktemp("hubert")
    transformers.HubertForCTC(config).save_pretrained(where)  # the published one carries its head for transcripts too
    return where


@pytest.fixture(scope="module")
def hubert(folder: Path) -> Hubert:
    return Hubert.load(folder, WIDTH)


@pytest.fixture(scope="module")
def network() -> AudioToMotion:
    torch.manual_seed(0)
    return AudioToMotion(AudioToMotionConfig(WIDTH, 300, VAE)).eval()


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def speech(seconds: float) -> np.ndarray:
    """Bursts of dull noise, of mean 0 and deviation 1."""
    rng = np.random.default_rng(0)
    sound = np.convolve(rng.standard_normal(round(seconds * RATE)), np.hanning(9), "same")
    sound *= 1 + np.sin(np.arange(len(sound)) / 3000)
    return ((sound - sound.mean()) / sound.std()).astype(np.float32)


def test_loading_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Hubert.load(folder, WIDTH)
    assert capfd.readouterr() == ("", "")  # where a program may be reading the progress


def test_counts_are_those_of_the_convolutions(hubert: Hubert) -> None:
    sound = speech(1)
    for samples in (0, 399, 400, 719, 720, 8000, 16000):
        features = hubert.features(sound[:samples])
        assert features.shape == (frame_count(samples), WIDTH)
    assert frame_count(400) == 1 and frame_count(16000) == 49 and frame_count(399) == 0


def test_windows_give_what_one_hearing_gives(hubert: Hubert) -> None:
    sound = speech(50)
    whole = hubert.features(sound)
    parts = list(hubert.stream(np.array_split(sound, 93)))
    assert [len(part) for part in parts] == [WINDOW, WINDOW, frame_count(len(sound)) - 2 * WINDOW]
    streamed = np.concatenate(parts)
    near = np.abs(streamed - whole).max() / whole.std()
    # without overlap the frames beside a seam hear silence where there is speech
    apart = np.concatenate([hubert.features(sound[: WINDOW * 320 + 80]), hubert.features(sound[WINDOW * 320 :])])
    seam = np.abs(apart - whole)[WINDOW - MARGIN // 2 : WINDOW + MARGIN // 2].max() / whole.std()
    assert near < 0.05
    assert near < 0.2 * seam


def test_what_is_no_hubert_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(where: Path, channels: int = WIDTH) -> LimnerError:
        with pytest.raises(LimnerError) as caught:
            Hubert.load(where, channels)
        return caught.value

    assert refused(tmp_path).code == "FILE_NOT_FOUND"
    assert refused(folder, 1024).code == "WEIGHTS_UNSUITABLE"
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    assert refused(tmp_path).code == "WEIGHTS_UNREADABLE"
    weights = (folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    assert refused(tmp_path).code == "WEIGHTS_UNREADABLE"
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Malicious(tmp_path / "ran"), protocol=2))
    assert refused(tmp_path).code == "WEIGHTS_UNREADABLE"
    assert not (tmp_path / "ran").exists()
    (tmp_path / "pytorch_model.bin").unlink()
    deeper = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 3}
    (tmp_path / "config.json").write_text(json.dumps(deeper))
    (tmp_path / "model.safetensors").write_bytes(weights)
    assert "lacks" in refused(tmp_path).cause
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert refused(folder).code == "BACKEND_NOT_INSTALLED"


def test_expressions_are_as_long_as_the_sound_and_the_seed_decides(
    hubert: Hubert, network: AudioToMotion, tmp_path: Path
) -> None:
    source = write_wave(tmp_path / "speech.wav", 0.1 * speech(3.01))
    made = speech_expressions(source, network, hubert)
    assert made.shape == (76, 6) and made.dtype == np.float32 and np.isfinite(made).all()
    assert np.array_equal(made, speech_expressions(source, network, hubert))
    other = speech_expressions(source, network, hubert, ExpressionSettings(seed=1))
    assert np.abs(other - made).max() > 1e-3
    calm = [speech_expressions(source, network, hubert, ExpressionSettings(temperature=0, seed=s)) for s in (0, 1)]
    assert np.array_equal(*calm)
    wide = speech_expressions(source, network, hubert, ExpressionSettings(mouth_amplitude=0.9))
    assert np.abs(wide - made).max() > 1e-3


def test_expressions_of_windows_are_those_of_the_whole(
    hubert: Hubert, network: AudioToMotion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_wave(tmp_path / "speech.wav", 0.1 * speech(12))
    whole = speech_expressions(source, network, hubert)
    monkeypatch.setattr("backend.motion.speech_expressions.STRETCH", 56)
    np.testing.assert_allclose(speech_expressions(source, network, hubert), whole, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 350, 641])
def test_the_shortest_sounds_have_expressions(
    hubert: Hubert, network: AudioToMotion, tmp_path: Path, samples: int
) -> None:
    source = write_wave(tmp_path / "speech.wav", 0.5 * np.ones(samples))
    assert speech_expressions(source, network, hubert).shape == (-(-samples // 640), 6)


def test_silence_is_refused(hubert: Hubert, network: AudioToMotion, tmp_path: Path) -> None:
    source = write_wave(tmp_path / "silence.wav", np.zeros(RATE))
    with pytest.raises(LimnerError) as caught:
        speech_expressions(source, network, hubert)
    assert caught.value.code == "SPEECH_SILENT"
