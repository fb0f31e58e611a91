"""Sounds that the tests make themselves, and where the real ones lie."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import av
import numpy as np

MEDIA = Path(os.environ.get("LIMNER_MEDIA", Path(__file__).parents[3] / "shared" / "media"))
ENGLISH = MEDIA / "audio" / "speech_english_8s.wav"
CHINESE = MEDIA / "audio" / "speech_chinese_5s.wav"
GERMAN_VIDEO = MEDIA / "video" / "news_german_20s.mp4"


def write_wave(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    """[N] or [N, channels] samples in [-1, 1] as 16-bit PCM."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if pcm.ndim == 1 else pcm.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return path


def encode(path: Path, samples: np.ndarray, codec: str, rate: int, layout: str = "mono", sample: str = "s16") -> Path:
    """[N] samples in [-1, 1] by any codec PyAV has, the same in all channels."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, format=sample)
        channels = av.AudioLayout(layout).nb_channels
        pcm = np.repeat((np.clip(samples, -1, 1) * 32767).astype(np.int16)[:, None], channels, 1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm), format="s16", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(sample, layout, rate, frame_size=stream.codec_context.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(part))
    return path


def video(path: Path, samples: np.ndarray | None, delay: float = 0.0) -> Path:
    """A second of grey pictures, with 16 kHz sound that starts ``delay`` seconds later where given."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=25)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=16000, layout="mono", format="fltp") if samples is not None else None
        for index in range(25):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            picture.pts = index
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        if sound is not None:
            for start in range(0, len(samples), 1024):
                block = samples[None, start : start + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 16000, start + round(delay * 16000)
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def babble(seconds: float, rate: int = 16000, seed: int = 0) -> np.ndarray:
    """[N] speech-like sound: a buzz at 120 Hz with wandering formants, in syllables, with pauses."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    knots = np.arange(0, seconds + 1, 0.15)

    def wander(low: float, high: float) -> np.ndarray:
        return np.interp(time, knots, random.uniform(low, high, len(knots)))

    first, second = wander(300, 800), wander(900, 2200)
    sound = np.zeros(len(time))
    for harmonic in range(1, 40):
        frequency = 120.0 * harmonic
        gain = 1 / (1 + ((frequency - first) / 90) ** 2) + 0.5 / (1 + ((frequency - second) / 120) ** 2)
        sound += gain * np.sin(2 * np.pi * frequency * time)
    syllables = np.clip(wander(-0.4, 1.2), 0, 1)
    return 0.3 * sound / np.abs(sound).max() * syllables
