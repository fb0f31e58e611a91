"""Head motion and brows of a speaker, and the small movements of a silent face."""

from __future__ import annotations

import numpy as np

from shared.arkit import ARKIT_INDEX, ARKIT_NAMES

from .emphasis import Emphasis
from .tracks import bump, wander

NECK = np.array([0.0, 0.02, -0.11])  # metres in the head frame: the joint that the head turns about
# Degrees of standard deviation of slow movement in conversation: pitch, roll, yaw (X, Y, Z)
SWAY = np.array([1.1, 0.9, 1.7])
NOD = 2.6  # degrees on the strongest syllables


def sway(times: np.ndarray, activity: np.ndarray, amplitude: float, random: np.random.Generator) -> np.ndarray:
    """[T, 3] radians about X, Y, Z: slow movement, half as large in silence."""
    size = np.radians(SWAY) * amplitude
    slow = np.stack([wander(times, random, 0.07, 0.55) for _ in range(3)], 1)
    return slow * size * (0.5 + 0.5 * activity)[:, None]


def nods(times: np.ndarray, emphasis: Emphasis, amplitude: float, random: np.random.Generator) -> np.ndarray:
    """[T, 3] radians about X, Y, Z: down on stressed syllables and up again, with a little turn now and then."""
    rotation = np.zeros((len(times), 3))
    sizes = random.uniform(0.4, 1.0, len(emphasis.times)) * (random.uniform(size=len(emphasis.times)) < 0.75)
    turns = random.normal(0.0, 0.35, (len(emphasis.times), 2))
    for time, strength, size, turn in zip(emphasis.times, emphasis.strengths, sizes, turns, strict=True):
        span = slice(*np.searchsorted(times, [time - 0.2, time + 0.6]))
        move = bump(times[span], time - 0.18, 0.22, 0.03, 0.40)[:, None]
        rotation[span] += np.radians(NOD) * amplitude * strength * size * move * np.array([1.0, turn[0], turn[1]])
    return rotation


def neck_location(rotation: np.ndarray) -> np.ndarray:
    """[T, 3] XYZ Euler radians -> [T, 3] metres that the head's origin moves when it turns about the neck's joint.

    To first order: for the few degrees of speech the error is under a tenth of a millimetre a degree.
    """
    return -np.cross(rotation, NECK)


def brows(times: np.ndarray, emphasis: Emphasis, amplitude: float, random: np.random.Generator) -> np.ndarray:
    """[T, 52] raises of the brows on the strongest syllables, never more often than every 1.2 s."""
    curves = np.zeros((len(times), len(ARKIT_NAMES)))
    last = -10.0
    chances = random.uniform(size=len(emphasis.times))
    for time, strength, dice in zip(emphasis.times, emphasis.strengths, chances, strict=True):
        if strength < 0.55 or time - last < 1.2 or dice > 0.7:
            continue
        last = time
        span = slice(*np.searchsorted(times, [time - 0.2, time + 1.0]))
        move = bump(times[span], time - 0.2, 0.22, 0.15 + 0.2 * dice, 0.38) * strength * amplitude * (0.6 + 0.6 * dice)
        for name, size in (("browInnerUp", 0.30), ("browOuterUpLeft", 0.26), ("browOuterUpRight", 0.26),
                           ("eyeWideLeft", 0.10), ("eyeWideRight", 0.10)):  # fmt: skip
            curves[span, ARKIT_INDEX[name]] += size * move
    return np.clip(curves, 0.0, 1.0)


def idle(times: np.ndarray, activity: np.ndarray, amplitude: float, random: np.random.Generator) -> np.ndarray:
    """[T, 52] what a face does while it says nothing: corners and pressure of the lips change a little, brows too."""
    curves = np.zeros((len(times), len(ARKIT_NAMES)))
    silence = 1.0 - activity
    for names, size, gate in (
        (("mouthSmileLeft", "mouthSmileRight"), 0.05, silence),
        (("mouthPressLeft", "mouthPressRight"), 0.06, silence),
        (("mouthShrugLower",), 0.04, silence),
        (("browInnerUp",), 0.04, np.ones(len(times))),
    ):
        value = size * amplitude * np.maximum(wander(times, random, 0.08, 0.5), 0.0) * gate
        for name in names:
            curves[:, ARKIT_INDEX[name]] = value
    return np.clip(curves, 0.0, 1.0)
