"""What sound alone tells about the mouth: log-mel spectrogram, loudness, and levels of bands that follow the jaw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .sound import SAMPLE_RATE

HOP = 160  # samples: 100 feature frames a second
FRAME_RATE = SAMPLE_RATE / HOP
WINDOW = 400  # samples: 25 ms, the usual speech window
TRANSFORM = 512
MEL_BINS = 80
FLOOR = 1e-10  # power, so that digital silence is -100 dB
# Hz. Rising F1 moves energy from the first band to the second: the jaw opens (Stevens, Acoustic Phonetics, 1998).
CLOSED_BAND = (200.0, 500.0)
OPEN_BAND = (650.0, 1300.0)
VOICE_BAND = (80.0, 7900.0)


def mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    """O'Shaughnessy's mel scale, inverted."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


@lru_cache(maxsize=4)
def mel_filters(bins: int = MEL_BINS, low: float = 50.0, high: float = 7600.0) -> np.ndarray:
    """[bins, TRANSFORM // 2 + 1] float32 triangular filters, each of unit area so that white noise is flat."""
    edges = mel_to_hertz(np.linspace(2595.0 * np.log10(1 + low / 700), 2595.0 * np.log10(1 + high / 700), bins + 2))
    frequency = np.fft.rfftfreq(TRANSFORM, 1 / SAMPLE_RATE)
    rising = (frequency - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequency) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    return (filters / np.maximum(filters.sum(1, keepdims=True), 1e-6)).astype(np.float32)


@lru_cache(maxsize=1)
def _hann() -> np.ndarray:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def power_spectrum(samples: np.ndarray) -> np.ndarray:
    """[N] samples at 16 kHz -> [T, 257] float32 power, frame t centred on sample t * HOP (zeros beyond the ends).

    T is ``ceil(N / HOP)``.
    """
    frames = -(-len(samples) // HOP)
    padded = np.zeros(max(0, frames - 1) * HOP + WINDOW, np.float32)
    body = samples[: len(padded) - WINDOW // 2]
    padded[WINDOW // 2 : WINDOW // 2 + len(body)] = body
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    spectrum = np.fft.rfft(windows * _hann(), TRANSFORM)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32) / np.float32(np.sum(_hann()) ** 2 / 2)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """[N] samples at 16 kHz -> [ceil(N / HOP), 80] float32 natural logarithm of mel power."""
    return np.log(power_spectrum(samples) @ mel_filters().T + FLOOR)


@dataclass(frozen=True)
class Features:
    """Sound at 100 frames a second.

    Args:
        loudness: [T] float32 dB relative to full scale, of the whole voice.
        openness: [T] float32 dB, level of the open-jaw band over the closed-jaw band.
    """

    loudness: np.ndarray
    openness: np.ndarray

    def __len__(self) -> int:
        return len(self.loudness)

    @classmethod
    def joined(cls, parts: list[Features]) -> Features:
        """Consecutive stretches as one."""
        return cls(np.concatenate([p.loudness for p in parts]), np.concatenate([p.openness for p in parts]))

    def span(self, first: int, end: int) -> Features:
        """Frames ``first`` up to ``end``."""
        return Features(self.loudness[first:end], self.openness[first:end])

    @classmethod
    def of(cls, samples: np.ndarray) -> Features:
        """[N] samples at 16 kHz -> features of ceil(N / HOP) frames."""
        power = power_spectrum(samples)
        frequency = np.fft.rfftfreq(TRANSFORM, 1 / SAMPLE_RATE)

        def level(band: tuple[float, float]) -> np.ndarray:
            inside = (frequency >= band[0]) & (frequency < band[1])
            return 10 * np.log10(power[:, inside].sum(1) + FLOOR)

        return cls(level(VOICE_BAND), level(OPEN_BAND) - level(CLOSED_BAND))
