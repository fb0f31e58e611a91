"""Curves over time that several layers are made of: pure functions of seconds, so no chunk or frame rate shows."""

from __future__ import annotations

import numpy as np

from .features import FRAME_RATE


def smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """[T] at 100 Hz -> the same, averaged by a Hann window of a full width of twice ``seconds``."""
    half = max(1, round(seconds * FRAME_RATE))
    window = np.hanning(2 * half + 1)
    return np.convolve(np.pad(values, half, mode="edge"), window / window.sum(), mode="valid")


def ease(position: np.ndarray) -> np.ndarray:
    """0 before 0, 1 after 1, and between them the minimum-jerk curve of a human movement (Flash and Hogan 1985)."""
    x = np.clip(position, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x**2)


def bump(times: np.ndarray, start: float, rise: float, hold: float, fall: float) -> np.ndarray:
    """[T] a movement out (``rise`` seconds), a stay and a movement back, peak 1."""
    return ease((times - start) / rise) - ease((times - start - rise - hold) / fall)


def wander(times: np.ndarray, random: np.random.Generator, low: float, high: float, waves: int = 7) -> np.ndarray:
    """[T] smooth zero-mean movement of standard deviation 1: waves of ``low`` to ``high`` Hz, the slow ones largest."""
    frequency = np.geomspace(low, high, waves) * random.uniform(0.85, 1.15, waves)
    phase = random.uniform(0, 2 * np.pi, waves)
    size = 1 / np.sqrt(frequency)
    size *= np.sqrt(2 / np.sum(size**2))
    total = np.zeros(len(times))
    for f, p, s in zip(frequency, phase, size, strict=True):
        total += s * np.sin(2 * np.pi * f * times + p)
    return total


def ends(times: np.ndarray, duration: float, seconds: float) -> np.ndarray:
    """[T] 0 at both ends of a clip, 1 from ``seconds`` inside it on (at most a third of the clip)."""
    seconds = max(min(seconds, duration / 3), 1e-6)
    return ease(times / seconds) * ease((duration - times) / seconds)
