"""A speech file to expression coefficients, by the published audio-to-motion network and HuBERT."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from shared.errors import LimnerError
from shared.progress import Progress, silent

from .analysis import SILENT_LEVEL
from .audio_to_motion import AUDIO_PER_MOTION, AudioToMotion
from .hubert import HOP, WINDOW, Hubert
from .overlap import overlapping
from .pitch import stream_pitch
from .sound import stream_sound

STRETCH = 1000  # audio frames that become motion at a time


@dataclass(frozen=True)
class ExpressionSettings:
    """Knobs of the published system.

    Args:
        temperature: deviation of the latent's noise: 0 for the likeliest motion, 1 for all that was learned.
        mouth_amplitude: how far the mouth moves; 0.45 is natural.
        seed: of the noise; the same sound, settings and seed give the same motion.
    """

    temperature: float = 0.2
    mouth_amplitude: float = 0.45
    seed: int = 0


@dataclass(frozen=True)
class _Level:
    """What must be known of a whole sound before its first window can be heard."""

    samples: int
    mean: float
    deviation: float
    loudest: float


def _blocks(source: Path) -> Iterator[np.ndarray]:
    for block, _ in stream_sound(source):
        yield np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)


def _level(source: Path) -> _Level:
    count, total, squares, loudest = 0, 0.0, 0.0, 0.0
    for block in _blocks(source):
        count += len(block)
        total += float(block.sum(dtype=np.float64))
        squares += float((block.astype(np.float64) ** 2).sum())
        loudest = max(loudest, float(np.abs(block).max(initial=0.0)))
    if count == 0:
        raise LimnerError("SPEECH_EMPTY", f"{source} holds no sound at all.", "Choose a file that holds speech.")
    if loudest <= 10 ** (SILENT_LEVEL / 20):
        raise LimnerError(
            "SPEECH_SILENT", f"{source} is silent: nothing in it is louder than {SILENT_LEVEL:.0f} dB of full scale.",
            "Choose a file with audible speech, or raise its level.",
        )  # fmt: skip
    mean = total / count
    return _Level(count, mean, float(np.sqrt(max(0.0, squares / count - mean**2) + 1e-7)), loudest)


def _heard(source: Path, level: _Level, hubert: Hubert, frames: int) -> Iterator[np.ndarray]:
    """[n, channels + 1] consecutive features and pitch, ``frames`` in all: zeros where the sound has ended."""
    left, right = itertools.tee(block - level.mean for block in _blocks(source))
    features = hubert.stream(block / level.deviation for block in left)
    for heard, pitch in zip(features, stream_pitch(right, level.loudest, WINDOW), strict=True):
        frames -= len(heard)
        yield np.concatenate([heard, pitch[: len(heard), None]], 1)
    yield np.zeros((frames, hubert.channels + 1), np.float32)


@torch.inference_mode()
def speech_expressions(
    source: Path,
    network: AudioToMotion,
    hubert: Hubert,
    settings: ExpressionSettings | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Expression coefficients of a face that says what a file says.

    The file is read twice, once for its level; windows overlap so far that only HuBERT's attention can tell them from
    one long hearing. Memory grows with the file by the coefficients alone.

    Args:
        source: any file with sound.
        network: in evaluation mode.
        hubert: with the network's ``config.audio`` channels.
        settings: the published ones by default.
        progress: told after every 20 s of sound; may raise ``Cancelled``.

    Returns:
        [T, channels] float32 at 25 frames a second, as long as the sound.

    Raises:
        LimnerError: as :func:`backend.motion.sound.stream_sound`; ``SPEECH_EMPTY``, ``SPEECH_SILENT``.
    """
    settings = settings or ExpressionSettings()
    level = _level(source)
    config, device = network.config, network.mouth_amp_embed.device
    motion = -(-level.samples // (HOP * AUDIO_PER_MOTION))
    frames = -(-motion * AUDIO_PER_MOTION // config.multiple) * config.multiple
    dice = np.random.default_rng(settings.seed)
    noise = dice.standard_normal((frames // config.multiple, config.vae.latent), np.float32) * settings.temperature
    mouth = torch.full((1,), settings.mouth_amplitude, device=device)
    made: list[np.ndarray] = []
    begin = 0  # audio frames done
    stretch = STRETCH // config.multiple * config.multiple
    for window in overlapping(_heard(source, level, hubert, frames), stretch, config.reach, config.reach):
        heard = torch.from_numpy(window.values)[None].to(device)
        first = begin - window.before
        latents = noise[first // config.multiple : (first + len(window.values)) // config.multiple]
        coefficients = network(
            heard[..., :-1],
            heard[..., -1],
            torch.zeros(heard.shape[:2], dtype=torch.int64, device=device),  # blinks are made elsewhere
            mouth,
            torch.from_numpy(latents.astype(np.float32)).T[None].to(device),
        )[0]
        own = window.before // AUDIO_PER_MOTION
        made.append(coefficients[own : own + window.length // AUDIO_PER_MOTION].float().cpu().numpy())
        begin += window.length
        progress(begin / frames, "Finding the expressions")
    return np.concatenate(made)[:motion]
