"""Blinks and small eye movements."""

from __future__ import annotations

import numpy as np

from shared.arkit import ARKIT_INDEX, ARKIT_NAMES

from .tracks import bump, ease, ends

# Seconds. Lids fall about twice as fast as they rise (VanderWerf et al. 2003).
BLINK_CLOSING, BLINK_OPENING = 0.09, 0.19
DEGREES_AT_ONE = 30.0  # of eye rotation that an eyeLook action at 1 stands for


def blink_times(duration: float, a_minute: float, pauses: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """[N] seconds at which lids begin to close.

    Intervals are log-normal; a blink near the beginning of a pause in speech moves there, as speakers' blinks do
    (Nakano and Kitazawa 2010). No clip of 2 s or more is without, and no gap is longer than two mean intervals.

    Args:
        duration: of the clip in seconds.
        a_minute: mean rate.
        pauses: [P] seconds, ascending, where pauses begin.
        random: the clip's dice.
    """
    if a_minute <= 0:
        return np.zeros(0)
    mean, spread = 60.0 / a_minute, 0.5
    last = duration - 0.45  # the lids are open again at the clip's end
    times: list[float] = []
    now = 0.25
    while True:
        now += float(np.clip(random.lognormal(np.log(mean) - spread**2 / 2, spread), 0.5, 1.8 * mean))
        if now >= last:
            break
        near = pauses[np.argmin(np.abs(pauses - now))] if len(pauses) else now
        if abs(near - now) < 0.4 and (not times or near - times[-1] > 0.45) and 0.1 <= near < last:
            now = float(near)
        times.append(now)
    if not times and duration >= 2.0:
        times.append(random.uniform(0.3, 0.6) * duration)
    return np.array(times)


def blinks(
    times: np.ndarray, starts: np.ndarray, fps: float, amplitude: float, random: np.random.Generator
) -> np.ndarray:
    """[T, 52] the lids; shut for at least one frame in every blink."""
    curves = np.zeros((len(times), len(ARKIT_NAMES)))
    hold = max(0.03, 1.02 / fps)
    depths = random.uniform(0.93, 1.0, len(starts))
    for start, depth in zip(starts, depths, strict=True):
        span = slice(*np.searchsorted(times, [start, start + BLINK_CLOSING + hold + BLINK_OPENING]))
        lid = bump(times[span], start, BLINK_CLOSING, hold, BLINK_OPENING) * depth * amplitude
        for name, size in (("eyeBlink", 1.0), ("eyeSquint", 0.12)):
            columns = [ARKIT_INDEX[name + side] for side in ("Left", "Right")]
            curves[span, columns] = np.maximum(curves[span, columns], size * lid[:, None])
    return np.minimum(curves, 1.0)


def gaze(
    times: np.ndarray, duration: float, activity: np.ndarray, amplitude: float, random: np.random.Generator
) -> np.ndarray:
    """[T, 52] saccades of a few degrees around the viewer's eyes, now and then a glance aside while thinking.

    Args:
        times: [T] seconds.
        duration: of the clip in seconds.
        activity: [T] in [0, 1], where somebody speaks: glances aside are rarer and smaller in silence.
        amplitude: 1 is natural.
        random: the clip's dice.
    """
    starts, targets = [0.0], [np.zeros(2)]
    now = float(random.uniform(0.3, 1.0))
    while now < duration:
        aside = random.uniform() < 0.15
        size = 6.0 if aside else 1.6
        starts.append(now)
        targets.append(np.clip(random.normal(size=2), -2, 2) * (size, 0.6 * size))
        now += float(random.uniform(0.4, 0.9) if aside else np.clip(random.lognormal(0.15, 0.55), 0.25, 4.0))
    to = np.array(targets)  # degrees to the person's left, up
    origin = np.concatenate([to[:1], to[:-1]])
    seconds = 0.021 + 0.0022 * np.hypot(*(to - origin).T)  # a saccade's main sequence (Bahill et al. 1975)
    last = np.searchsorted(starts, times, side="right") - 1
    step = ease((times - np.array(starts)[last]) / seconds[last])[:, None]
    degrees = origin[last] + (to - origin)[last] * step
    factor = amplitude * (0.6 + 0.4 * activity) * ends(times, duration, 0.3) / DEGREES_AT_ONE
    left, up = degrees[:, 0] * factor, degrees[:, 1] * factor
    curves = np.zeros((len(times), len(ARKIT_NAMES)))
    for name, value in (
        ("eyeLookOutLeft", left), ("eyeLookInRight", left), ("eyeLookInLeft", -left), ("eyeLookOutRight", -left),
        ("eyeLookUpLeft", up), ("eyeLookUpRight", up), ("eyeLookDownLeft", -up), ("eyeLookDownRight", -up),
    ):  # fmt: skip
        curves[:, ARKIT_INDEX[name]] = np.clip(value, 0.0, 1.0)
    # The upper lids follow the eyes down.
    for side in ("Left", "Right"):
        curves[:, ARKIT_INDEX["eyeBlink" + side]] = 0.5 * np.clip(-up, 0.0, 1.0)
    return curves
