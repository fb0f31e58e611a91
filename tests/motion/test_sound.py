"""Any file, any rate, any channels; clear refusals of the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.motion.analysis import listen
from backend.motion.features import Features, log_mel
from backend.motion.sound import SAMPLE_RATE, stream_sound
from shared.errors import LimnerError
from tests.motion.sounds import babble, encode, video, write_wave


def heard(path: Path) -> np.ndarray:
    return np.concatenate([block for block, _ in stream_sound(path)])


def refusal(path: Path) -> str:
    with pytest.raises(LimnerError) as error:
        listen(path)
    assert error.value.cause and error.value.remedy
    return error.value.code


def tone(rate: int, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_any_rate_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    samples = heard(write_wave(tmp_path / "a.wav", np.repeat(tone(rate)[:, None], channels, 1), rate))
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=40)
    assert np.argmax(np.abs(np.fft.rfft(samples[:SAMPLE_RATE]))) == pytest.approx(440, abs=1)
    assert 0.2 < np.abs(samples).max() < 1.8


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout", "sample"),
    [
        ("a.flac", "flac", 48000, "stereo", "s16"),
        ("a.mp3", "mp3", 44100, "stereo", "fltp"),
        ("a.ogg", "libvorbis", 44100, "stereo", "fltp"),
        ("a.opus", "libopus", 48000, "mono", "flt"),
        ("a.m4a", "aac", 44100, "mono", "fltp"),
        ("a.wav", "pcm_u8", 11025, "mono", "u8"),
        ("a.wav", "pcm_s24le", 96000, "stereo", "s32"),
        ("a.wav", "pcm_f32le", 32000, "mono", "flt"),
        ("no_extension", "pcm_s16le", 16000, "mono", "s16"),
    ],
)
def test_formats(tmp_path: Path, name: str, codec: str, rate: int, layout: str, sample: str) -> None:
    import av

    if codec not in av.codecs_available:
        pytest.skip(f"PyAV has no {codec} here")
    path = tmp_path / (name if "." in name else "a.wav")
    encode(path, tone(rate), codec, rate, layout, sample)
    if "." not in name:
        path = path.rename(tmp_path / name)
    samples = heard(path)
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=0.08 * SAMPLE_RATE)
    assert np.argmax(np.abs(np.fft.rfft(samples, SAMPLE_RATE))) == pytest.approx(440, abs=2)


def test_video_sound_is_used_at_its_own_time(tmp_path: Path) -> None:
    at_once = heard(video(tmp_path / "a.mp4", tone(16000)))
    later = heard(video(tmp_path / "b.mkv", tone(16000), delay=0.5))
    assert len(at_once) == pytest.approx(SAMPLE_RATE, abs=3000)
    assert np.flatnonzero(np.abs(later) > 0.2)[0] == pytest.approx(8000, abs=1600)


def test_refusals(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.wav") == "FILE_NOT_FOUND"
    assert refusal(tmp_path) == "FILE_NOT_FOUND"  # a folder is no file
    text = tmp_path / "text.wav"
    text.write_text("This is no sound.\n" * 50)
    assert refusal(text) == "SPEECH_UNREADABLE"
    noise = tmp_path / "noise.mp3"
    noise.write_bytes(np.random.default_rng(0).bytes(4000))
    assert refusal(noise) == "SPEECH_UNREADABLE"
    cut = tmp_path / "cut.m4a"
    whole = encode(tmp_path / "whole.m4a", tone(44100), "aac", 44100, "mono", "fltp").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])  # its index was at the end
    assert refusal(cut) == "SPEECH_UNREADABLE"
    assert refusal(video(tmp_path / "mute.mp4", None)) == "SPEECH_UNREADABLE"
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    assert refusal(empty) == "SPEECH_EMPTY"
    assert refusal(write_wave(tmp_path / "nothing.wav", np.zeros(0))) == "SPEECH_EMPTY"
    assert refusal(write_wave(tmp_path / "silent.wav", np.zeros(32000))) == "SPEECH_SILENT"
    hiss = 2e-4 * np.random.default_rng(0).normal(size=32000)
    assert refusal(write_wave(tmp_path / "hiss.wav", hiss)) == "SPEECH_SILENT"


def test_damage_loses_only_what_is_damaged(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", babble(4.0, 44100), "mp3", 44100, "mono", "fltp")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 600] = bytes(600)
    path.write_bytes(data)
    assert 3.0 < listen(path).duration < 4.3


def test_a_truncated_wave_gives_what_is_there(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", babble(2.0))
    path.write_bytes(path.read_bytes()[:32044])
    assert listen(path).duration == pytest.approx(1.0, abs=0.01)


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    samples = babble(1.0).astype("<f4")
    samples[5000:5100] = np.nan
    import av

    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    speech = listen(tmp_path / "a.wav")
    assert np.isfinite(speech.features.loudness).all()


def test_log_mel() -> None:
    samples = tone(SAMPLE_RATE, 2.0).astype(np.float32)
    mel = log_mel(samples)
    assert mel.shape == (200, 80) and np.isfinite(mel).all()
    centre = 700 * (10 ** (np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 7600 / 700), 82) / 2595) - 1)
    assert centre[1 + np.argmax(mel[100])] == pytest.approx(440, abs=30)
    assert np.allclose(log_mel(samples[3200:])[20:80], mel[40:100], atol=1e-3)  # frames do not know where a chunk began
    assert log_mel(np.zeros(1, np.float32)).shape == (1, 80) and log_mel(np.zeros(0, np.float32)).shape == (0, 80)


def test_loudness_is_in_decibels() -> None:
    quiet, loud = (Features.of((g * tone(SAMPLE_RATE)).astype(np.float32)).loudness[50] for g in (0.1, 1.0))
    assert loud - quiet == pytest.approx(20, abs=0.1)
