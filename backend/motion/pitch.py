"""Pitch of a voice, and the steps of the mel scale in which the published audio-to-motion network is told it.

The tracker is Boersma's (Accurate short-term analysis of the fundamental frequency, IFA Proceedings 17, 1993), written
from the paper: peaks of the autocorrelation divided by the window's own, and the cheapest path through them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from .overlap import overlapping
from .sound import SAMPLE_RATE

HOP = 320  # samples: 50 values a second
LOWEST, HIGHEST = 80.0, 750.0  # Hz, the published range
WINDOW = round(3 * SAMPLE_RATE / LOWEST)  # samples: three periods of the lowest voice
CANDIDATES = 15
TRANSFORM = 2048  # samples: a window and the longest lag without wrapping round
FINER = 4  # lags for one sample, so that a parabola through three of them is exact enough
# the paper's costs, stricter in voicing than its 0.45 as breath should not be told as a pitch
SILENCE, VOICING = 0.03, 0.6
OCTAVE_COST, OCTAVE_JUMP, VOICING_CHANGE = 0.01, 0.35, 0.14

COARSE_STEPS = 255  # 1 is unvoiced or at most the lowest
COARSE_LOWEST, COARSE_HIGHEST = 50.0, 1100.0  # Hz


def coarse_pitch(hertz: Tensor) -> Tensor:
    """[...] Hz, 0 where nothing is voiced -> [...] int64 steps 1 to 255, evenly spread on the mel scale."""

    def mel(frequency: Tensor) -> Tensor:
        return 1127.0 * torch.log1p(frequency / 700.0)

    low, high = mel(torch.tensor([COARSE_LOWEST, COARSE_HIGHEST], dtype=torch.float64, device=hertz.device))
    place = (mel(hertz.double()) - low) / (high - low) * (COARSE_STEPS - 1) + 1
    return torch.floor(place.clamp(1, COARSE_STEPS) + 0.5).long()


def track_pitch(samples: np.ndarray, loudest: float | None = None) -> np.ndarray:
    """Pitch every 20 ms.

    Args:
        samples: [N] mono at 16 kHz.
        loudest: largest absolute sample of the whole sound that these are part of; by default of these. What is
            far below it counts as silence.

    Returns:
        [ceil(N / 320)] float32 Hz between 80 and 750, 0 where nothing is voiced; value t is centred on sample 320 t.
    """
    frames = -(-len(samples) // HOP)
    if frames == 0:
        return np.zeros(0, np.float32)
    padded = np.zeros((frames - 1) * HOP + WINDOW, np.float32)
    body = samples[: len(padded) - WINDOW // 2]
    padded[WINDOW // 2 : WINDOW // 2 + len(body)] = body
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    windows = windows - windows.mean(1, keepdims=True)
    loudest = float(np.abs(samples).max()) if loudest is None else loudest
    level = np.abs(windows[:, WINDOW // 3 : WINDOW - WINDOW // 3]).max(1) / max(loudest, 1e-9)
    hertz, strength = _candidates(windows)
    hertz = np.concatenate([np.zeros((frames, 1)), hertz], 1)  # the first candidate of each is: no voice
    quiet = VOICING + np.maximum(0.0, 2.0 - level / (SILENCE / (1.0 + VOICING)))
    strength = np.concatenate([quiet[:, None], strength], 1)
    return hertz[np.arange(frames), _path(hertz, strength)].astype(np.float32)


def stream_pitch(blocks: Iterable[np.ndarray], loudest: float, window: int, margin: int = 50) -> Iterator[np.ndarray]:
    """Pitch of a sound of any length.

    Args:
        blocks: [n] consecutive samples.
        loudest: as of :func:`track_pitch`.
        window: values at a time.
        margin: values to either side that the path through the candidates may see too.

    Yields:
        [n] consecutive values, ``window`` of them in all but the last.
    """
    for heard in overlapping(blocks, window * HOP, margin * HOP, margin * HOP):
        first = heard.before // HOP
        yield track_pitch(heard.values, loudest)[first : first + window]


def _candidates(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[T, WINDOW] -> Hz and strength, each [T, CANDIDATES], of the autocorrelation's best peaks; -inf where none."""
    shape = np.hanning(WINDOW + 2)[1:-1]
    shortest, longest = int(FINER * SAMPLE_RATE / HIGHEST), int(np.ceil(FINER * SAMPLE_RATE / LOWEST))

    def correlated(signals: np.ndarray) -> np.ndarray:
        spectrum = np.fft.rfft(signals, TRANSFORM)
        # more zeros above the spectrum are more lags in between: what the sinc interpolation of the paper gives
        lags = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, TRANSFORM * FINER)[..., : longest + 2]
        return lags / np.maximum(lags[..., :1], 1e-12)

    hertz = np.zeros((len(windows), CANDIDATES))
    strength = np.full((len(windows), CANDIDATES), -np.inf)
    own = correlated(shape)
    for first in range(0, len(windows), 256):  # so that memory stays small
        r = correlated(windows[first : first + 256] * shape) / own
        before, here, after = r[:, :-2], r[:, 1:-1], r[:, 2:]
        peak = (here > before) & (here >= after) & (here > 0)
        peak[:, : shortest - 1] = False
        bend = before - 2 * here + after
        shift = np.where(peak, 0.5 * (before - after) / np.where(peak, bend, -1.0), 0.0)
        height = np.minimum(1.0, here - 0.25 * (before - after) * shift)
        lag = (np.arange(1, r.shape[1] - 1) + shift) / (FINER * SAMPLE_RATE)
        score = np.where(peak, height - OCTAVE_COST * np.log2(LOWEST * lag), -np.inf)
        best = np.argsort(-score, axis=1, kind="stable")[:, :CANDIDATES]
        strength[first : first + 256] = np.take_along_axis(score, best, 1)
        hertz[first : first + 256] = np.clip(1.0 / np.take_along_axis(lag, best, 1), LOWEST, HIGHEST)
    return hertz, strength


def _path(hertz: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """[T, K] Hz (0: no voice), [T, K] strength -> [T] which candidates make the strongest path, jumps counted."""
    pace = 0.01 * SAMPLE_RATE / HOP  # the costs are for values 10 ms apart
    voiced = hertz > 0
    octave = np.log2(np.where(voiced, hertz, 1.0))
    total = strength[0]
    came = np.zeros(hertz.shape, np.int64)
    for t in range(1, len(hertz)):
        both = voiced[t - 1][:, None] & voiced[t]
        change = voiced[t - 1][:, None] ^ voiced[t]
        jump = OCTAVE_JUMP * both * np.abs(octave[t - 1][:, None] - octave[t]) + VOICING_CHANGE * change
        gained = total[:, None] - pace * jump
        came[t] = gained.argmax(0)
        total = gained.max(0) + strength[t]
    path = np.zeros(len(hertz), np.int64)
    path[-1] = total.argmax()
    for t in range(len(hertz) - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path
