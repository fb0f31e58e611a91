"""Facial expressions as people have them in photographs and films: talking, smiling, blinking, looking aside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backend.people.scene import Array
from shared.arkit import ARKIT_INDEX, mirrored

Random = np.random.Generator

# What the mouth does at a sound or a mood; a name without its side stands for both
_SOUNDS: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.55, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},  # a
    {"jawOpen": 0.3, "mouthStretch": 0.3, "mouthLowerDown": 0.3, "mouthUpperUp": 0.2},  # e
    {"jawOpen": 0.15, "mouthSmile": 0.3, "mouthStretch": 0.35, "mouthLowerDown": 0.3},  # i
    {"jawOpen": 0.35, "mouthFunnel": 0.6, "mouthPucker": 0.2},  # o
    {"jawOpen": 0.15, "mouthPucker": 0.75, "mouthFunnel": 0.25},  # u
    {"mouthPress": 0.35, "mouthRollLower": 0.25, "mouthRollUpper": 0.2},  # m, b, p
    {"jawOpen": 0.1, "mouthRollLower": 0.45, "mouthUpperUp": 0.3},  # f, v
    {"jawOpen": 0.2, "mouthLowerDown": 0.35, "mouthUpperUp": 0.25, "tongueOut": 0.1},  # l, th
    {"jawOpen": 0.08, "mouthFunnel": 0.4, "mouthLowerDown": 0.35, "mouthUpperUp": 0.3},  # sh
    {"jawOpen": 0.08, "mouthStretch": 0.2, "mouthLowerDown": 0.4, "mouthUpperUp": 0.25},  # s
)
_SMILES: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.45, "cheekSquint": 0.2, "mouthDimple": 0.2},
    {"mouthSmile": 0.75, "cheekSquint": 0.45, "eyeSquint": 0.3, "mouthUpperUp": 0.3, "mouthLowerDown": 0.15},
    {"mouthSmile": 0.85, "cheekSquint": 0.6, "eyeSquint": 0.45, "jawOpen": 0.3, "mouthUpperUp": 0.4},
)
_MOODS: tuple[dict[str, float], ...] = (
    {"mouthFrown": 0.5, "browInnerUp": 0.5, "mouthShrugLower": 0.3},  # sad
    {"browDown": 0.7, "eyeSquint": 0.35, "mouthPress": 0.4, "noseSneer": 0.25},  # angry
    {"browInnerUp": 0.6, "browOuterUp": 0.7, "eyeWide": 0.6, "jawOpen": 0.35},  # surprised
    {"noseSneer": 0.6, "mouthUpperUp": 0.4, "browDown": 0.4, "mouthFrown": 0.3},  # disgusted
    {"mouthPress": 0.5, "mouthDimple": 0.3, "mouthShrugLower": 0.3},  # reserved
    {"mouthPucker": 0.6, "cheekPuff": 0.3},
    {"cheekPuff": 0.8, "mouthPress": 0.3},
)
_SIDEWAYS: tuple[dict[str, float], ...] = ({"mouthLeft": 0.4}, {"mouthRight": 0.4}, {"jawLeft": 0.4}, {"jawRight": 0.4})


def coefficients_of(values: Mapping[str, float]) -> Array:
    """[52] ARKit coefficients, those named at these values and the rest at 0."""
    coefficients = np.zeros(len(ARKIT_INDEX), np.float32)
    for name, value in values.items():
        coefficients[ARKIT_INDEX[name]] = value
    return coefficients


def draw_expression(random: Random) -> Array:
    """[52] ARKit coefficients in [0, 1]: a fifth neutral, most of the rest talking or smiling, few extreme."""
    coefficients = np.zeros(len(ARKIT_INDEX), np.float32)
    kind = random.choice(5, p=[0.2, 0.4, 0.22, 0.13, 0.05])
    if kind == 1:
        _add(coefficients, random, _SOUNDS, random.uniform(0.5, 1.1))
        _add(coefficients, random, _SOUNDS, random.uniform(0, 0.5))
        if random.random() < 0.3:
            _add(coefficients, random, _SMILES[:2], random.uniform(0.2, 0.8))
    elif kind == 2:
        _add(coefficients, random, _SMILES, random.uniform(0.4, 1.15))
    elif kind == 3:
        _add(coefficients, random, _MOODS, random.uniform(0.4, 1.0))
    elif kind == 4:
        _add(coefficients, random, (*_SOUNDS, *_SMILES, *_MOODS), random.uniform(1.0, 1.7))
        _add(coefficients, random, _MOODS, random.uniform(0.5, 1.0))
    if kind and random.random() < 0.15:
        _add(coefficients, random, _SIDEWAYS, random.uniform(0.2, 1.0))
    if random.random() < 0.35:
        _add(
            coefficients, random, ({"browInnerUp": 0.5, "browOuterUp": 0.4}, {"browDown": 0.5}), random.uniform(0.1, 1)
        )
    _add_gaze(coefficients, random)
    _add_blink(coefficients, random)
    coefficients += (random.random(len(coefficients)) < 0.1) * random.uniform(0, 0.06, len(coefficients))
    coefficients[ARKIT_INDEX["mouthClose"]] = 0
    if random.random() < 0.08:  # lips that stay together over an open jaw
        coefficients[ARKIT_INDEX["mouthClose"]] = coefficients[ARKIT_INDEX["jawOpen"]] * random.uniform(0.5, 1)
    return np.clip(coefficients, 0, 1).astype(np.float32)


def _add(coefficients: Array, random: Random, choices: tuple[dict[str, float], ...], strength: float) -> None:
    """Add one of the choices, a little stronger on one side."""
    lean = random.normal(0, 0.12) if random.random() < 0.7 else random.normal(0, 0.45)
    for name, value in choices[random.integers(len(choices))].items():
        amount = value * strength * random.uniform(0.8, 1.2)
        if name in ARKIT_INDEX:
            coefficients[ARKIT_INDEX[name]] += amount
        else:
            left = name + "Left"
            coefficients[ARKIT_INDEX[left]] += amount * np.clip(1 + lean, 0, 1.3)
            coefficients[ARKIT_INDEX[mirrored(left)]] += amount * np.clip(1 - lean, 0, 1.3)


def _add_gaze(coefficients: Array, random: Random) -> None:
    """Both eyes look the same way, mostly ahead; lids follow a look downwards."""
    if random.random() < 0.3:
        return
    left, up = random.normal(0, 0.28), random.normal(-0.03, 0.2)
    for side, outwards in (("Left", left), ("Right", -left)):
        coefficients[ARKIT_INDEX[f"eyeLookOut{side}"]] = np.clip(outwards, 0, 0.8)
        coefficients[ARKIT_INDEX[f"eyeLookIn{side}"]] = np.clip(-outwards, 0, 0.8)
        coefficients[ARKIT_INDEX[f"eyeLookUp{side}"]] = np.clip(up, 0, 0.6)
        coefficients[ARKIT_INDEX[f"eyeLookDown{side}"]] = np.clip(-up, 0, 0.8)
        coefficients[ARKIT_INDEX[f"eyeBlink{side}"]] += np.clip(-up, 0, 0.8) * 0.3


def _add_blink(coefficients: Array, random: Random) -> None:
    kind = random.random()
    if kind < 0.08:
        both = random.uniform(0.85, 1.0)
    elif kind < 0.18:
        both = random.uniform(0.1, 0.85)
    else:
        both = random.uniform(0, 0.06)
    left, right = both, both
    if random.random() < 0.03:  # a wink
        left, right = (0.95, both) if random.random() < 0.5 else (both, 0.95)
    for name, value in (("eyeBlinkLeft", left), ("eyeBlinkRight", right)):
        coefficients[ARKIT_INDEX[name]] = max(coefficients[ARKIT_INDEX[name]], value)
        wide = ARKIT_INDEX[name.replace("Blink", "Wide")]
        coefficients[wide] *= max(0.0, 1 - 2 * value)
