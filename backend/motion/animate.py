"""Speech, or a Live Link Face recording, to a motion clip: what ``limner animate`` and the server's workers call."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.errors import LimnerError
from shared.motion import MotionClip
from shared.progress import Progress, part, silent

from .analysis import Speech, listen
from .emphasis import Emphasis
from .eyes import blink_times, blinks, gaze
from .features import FRAME_RATE
from .head import brows, idle, neck_location, nods, sway
from .lips import close_lips
from .livelink import read_live_link
from .mouth import Mouth, near
from .settings import MotionSettings
from .tracks import ends

STRETCH = 250  # frames computed at a time, so that memory does not grow with the clip and progress is seen


def animate(
    source: Path, fps: float = 25.0, seed: int = 0, progress: Progress = silent, settings: MotionSettings | None = None
) -> MotionClip:
    """Motion of a face that says what a file says.

    Args:
        source: a sound file; a video file, of which the sound is used; or a Live Link Face ``.csv``.
        fps: frames a second of the clip, 1 to 240.
        seed: of blinks, gaze and head motion; the same file, rate, seed and settings give the same clip.
        progress: told how far the work is; may raise ``Cancelled``.
        settings: the layers' sliders; the natural ones by default.

    Returns:
        A clip as long as the sound; it starts and ends at rest.

    Raises:
        LimnerError: ``WRONG_USE`` (fps), ``FILE_NOT_FOUND``, ``SPEECH_UNREADABLE``, ``SPEECH_EMPTY``,
            ``SPEECH_SILENT``, ``MOTION_UNREADABLE`` (a table that is no Live Link Face recording).
    """
    source = Path(source)
    if not (math.isfinite(fps) and 1.0 <= fps <= 240.0):
        raise LimnerError("WRONG_USE", f"{fps} frames a second cannot be animated.", "Ask for 1 to 240.")
    if source.suffix.lower() == ".csv":
        return read_live_link(source).resampled(fps)
    speech = listen(source, part(progress, 0.0, 0.8))
    return perform(speech, fps, seed, part(progress, 0.8, 1.0), settings or MotionSettings())


def perform(speech: Speech, fps: float, seed: int, progress: Progress, settings: MotionSettings) -> MotionClip:
    """Motion for speech already heard: the mouth, and over it eyes, brows and head, each with dice of its own."""
    frames = max(1, math.ceil(speech.duration * fps - 1e-6))
    times = np.arange(frames) / fps
    duration = times[-1]
    mouth = Mouth.of(speech, settings.mouth)
    activity = np.interp(times, np.arange(len(mouth.activity)) / FRAME_RATE, near(mouth.activity, 0.8, 0.8))
    emphasis = Emphasis.of(speech.features.loudness, mouth.activity)
    generator = np.random.default_rng([seed % 2**32, len(speech.features)])
    layers = ("blinks", "gaze", "nods", "sway", "brows", "idle")
    dice = dict(zip(layers, generator.spawn(len(layers)), strict=True))

    coefficients = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    for first in range(0, frames, STRETCH):
        coefficients[first : first + STRETCH] = mouth_frames(mouth, times[first : first + STRETCH], fps)
        progress(0.8 * first / frames, "Moving the mouth")
    coefficients *= ends(times, duration, 0.12)[:, None]

    starts = blink_times(duration, settings.blinks_a_minute, pauses(mouth.activity), dice["blinks"])
    calm = ends(times, duration, 0.5)
    for layer in (
        gaze(times, duration, activity, settings.gaze, dice["gaze"]),
        brows(times, emphasis, settings.brows, dice["brows"]) * calm[:, None],
        idle(times, activity, settings.idle, dice["idle"]) * calm[:, None],
    ):
        coefficients += layer
        progress(0.9, "Moving eyes and brows")
    lids = blinks(times, starts, fps, settings.blinks, dice["blinks"])
    np.maximum(coefficients, lids, out=coefficients, casting="same_kind")
    # A wide open eye cannot be shut: blinking wins.
    for side in ("Left", "Right"):
        coefficients[:, ARKIT_INDEX["eyeWide" + side]] *= 1 - coefficients[:, ARKIT_INDEX["eyeBlink" + side]]

    rotation = sway(times, activity, settings.sway, dice["sway"]) + nods(times, emphasis, settings.nods, dice["nods"])
    rotation *= calm[:, None]
    progress(1.0, "Moving the head")
    return MotionClip(fps, np.clip(coefficients, 0.0, 1.0), rotation, neck_location(rotation))


def mouth_frames(mouth: Mouth, times: np.ndarray, fps: float) -> np.ndarray:
    """[T] ascending frame times -> [T, 52] the mouth as a camera would see it.

    Jaw and lips are averaged over the frame; a closure counts wherever it falls within the frame, so that p, b and m
    close the lips at any frame rate.
    """
    inside = max(1, math.ceil(FRAME_RATE / fps))
    offsets = ((np.arange(inside) + 0.5) / inside - 0.5) / fps
    shape, closure = mouth.at((times[:, None] + offsets).ravel())
    return close_lips(shape.reshape(len(times), inside, -1).mean(1), closure.reshape(len(times), inside).max(1))


def pauses(activity: np.ndarray) -> np.ndarray:
    """[T] activity at 100 Hz -> [P] seconds at which pauses of 0.15 s or more begin."""
    silence = np.concatenate([[False], activity < 0.5, [False]])
    edges = np.flatnonzero(np.diff(silence.astype(np.int8)))
    begin, end = edges[::2], edges[1::2]
    return begin[(end - begin) >= 0.15 * FRAME_RATE] / FRAME_RATE
