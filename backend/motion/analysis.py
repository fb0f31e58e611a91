"""A speech file heard once, in overlapping windows cut at pauses: features at 100 Hz and phones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.errors import LimnerError
from shared.progress import Progress, silent

from .features import FRAME_RATE, HOP, Features
from .phones import Phone, PhoneDecoder
from .sound import SAMPLE_RATE, stream_sound

OVERLAP = 64 * HOP  # samples heard on both sides of a window and then dropped
SILENT_LEVEL = -62.0  # dB below full scale that nothing in the file exceeds: no speech


@dataclass(frozen=True)
class Speech:
    """What was heard.

    Args:
        duration: seconds.
        features: at 100 frames a second.
        phones: in order.
    """

    duration: float
    features: Features
    phones: list[Phone]


def listen(source: Path, progress: Progress = silent, window: float = 20.0) -> Speech:
    """Read a speech file and recognise its phones.

    Memory grows with the file only by 12 bytes for each 10 ms. A window ends in the quietest place of its second half,
    so no sound is cut, and is heard with 0.64 s of its neighbours, so the result hardly depends on where windows lie.

    Args:
        source: any file with sound.
        progress: called at least every 0.25 s.
        window: seconds of the longest window.

    Raises:
        LimnerError: as :func:`backend.motion.sound.stream_sound`; ``SPEECH_EMPTY``, ``SPEECH_SILENT``.
    """
    longest = round(window * FRAME_RATE) * HOP
    decoder = PhoneDecoder()
    parts: list[Features] = []
    phones: list[Phone] = []
    buffer = np.zeros(0, np.float32)  # begins with the overlap before the next window
    blocks: list[np.ndarray] = []
    waiting, before, position, total = 0, 0, 0, 0  # samples

    def hear(length: int, fraction: float) -> None:
        """Take ``length`` samples after the overlap as one window, from ``position`` in the file on."""
        nonlocal buffer, before, position
        heard = buffer[: before + length + OVERLAP]
        features = Features.of(heard)
        first, count = before // HOP, -(-length // HOP)
        parts.append(features.span(first, first + count))
        start, offset = position / SAMPLE_RATE, (position - before) / SAMPLE_RATE
        end = (position + length) / SAMPLE_RATE
        if parts[-1].loudness.max(initial=-100.0) > SILENT_LEVEL:
            found = (Phone(p.name, p.start + offset, p.end + offset)
                     for p in decoder.decode(heard, lambda share: progress(min(fraction, 1.0), "Listening")))
            phones.extend(p for p in found if start <= (p.start + p.end) / 2 < end)
        keep = min(OVERLAP, before + length)
        buffer = buffer[before + length - keep :]
        before, position = keep, position + length

    for block, fraction in stream_sound(source):
        blocks.append(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0))
        waiting += len(block)
        total += len(block)
        progress(fraction, "Listening")
        if len(buffer) - before + waiting >= longest + OVERLAP:
            buffer = np.concatenate([buffer, *blocks])
            blocks, waiting = [], 0
            while len(buffer) - before >= longest + OVERLAP:
                hear(_quietest(buffer[before : before + longest]), fraction)
                progress(fraction, "Listening")
    if total == 0:
        raise LimnerError("SPEECH_EMPTY", f"{source} holds no sound at all.", "Choose a file that holds speech.")
    buffer = np.concatenate([buffer, *blocks])
    hear(len(buffer) - before, 1.0)
    features = Features.joined(parts)
    if features.loudness.max() <= SILENT_LEVEL:
        raise LimnerError(
            "SPEECH_SILENT", f"{source} is silent: nothing in it is louder than {SILENT_LEVEL:.0f} dB of full scale.",
            "Choose a file with audible speech, or raise its level.",
        )  # fmt: skip
    return Speech(total / SAMPLE_RATE, features, phones)


def _quietest(samples: np.ndarray) -> int:
    """Where to end a window: a multiple of HOP in the second half, in the middle of the quietest 0.2 s."""
    half = len(samples) // 2 // HOP * HOP
    power = (samples[half:].reshape(-1, HOP) ** 2).sum(1)
    smooth = np.convolve(power, np.ones(20), mode="same")
    smooth[:10] = smooth[-10:] = np.inf
    return half + (int(np.argmin(smooth)) * HOP if len(power) > 20 else len(power) * HOP)
