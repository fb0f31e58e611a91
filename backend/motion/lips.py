"""How far apart the lips are, as Anny's head moves them: the one measure that closures and tests share."""

from __future__ import annotations

import numpy as np

from shared.arkit import ARKIT_INDEX, ARKIT_NAMES

# Millimetres between the middle of the lips that each action adds at 1, measured on Anny 0.6's average adult head.
_GAP = {
    "jawOpen": 35.8, "mouthClose": -37.6, "mouthFunnel": 13.5, "mouthPucker": -1.3, "mouthShrugUpper": 4.2,
    "mouthShrugLower": -6.0, "mouthRollLower": -1.8, "mouthRollUpper": -5.5,
    "mouthLowerDownLeft": 1.6, "mouthLowerDownRight": 1.6, "mouthUpperUpLeft": 2.3, "mouthUpperUpRight": 2.3,
    "mouthPressLeft": -1.2, "mouthPressRight": -1.2, "mouthSmileLeft": -1.4, "mouthSmileRight": -1.4,
    "mouthStretchLeft": 0.25, "mouthStretchRight": 0.25,
}  # fmt: skip
# What parts the lips besides the jaw, both sides together.
_PARTING = [
    [ARKIT_INDEX["mouthFunnel"]],
    [ARKIT_INDEX["mouthLowerDownLeft"], ARKIT_INDEX["mouthLowerDownRight"]],
    [ARKIT_INDEX["mouthUpperUpLeft"], ARKIT_INDEX["mouthUpperUpRight"]],
]
GAP_WEIGHTS = np.array([_GAP.get(name, 0.0) for name in ARKIT_NAMES], np.float32)
CLOSING = -_GAP["mouthClose"]
PRESSED = 0.6  # millimetres that closed lips flatten each other by, so that they meet wherever they are cut
JAW_GAP = _GAP["jawOpen"]


def lip_gap(coefficients: np.ndarray) -> np.ndarray:
    """[..., 52] coefficients -> [...] millimetres between the lips beyond the neutral face; negative is pressed."""
    return coefficients @ GAP_WEIGHTS


def close_lips(coefficients: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Bring the lips together by ``mouthClose`` and, where that does not suffice, by less of what parts them.

    Args:
        coefficients: [T, 52] in [0, 1] with ``mouthClose`` zero.
        closure: [T] in [0, 1]: the share of the gap that goes; at 1 the lips meet.

    Returns:
        [T, 52], a copy.
    """
    closed = coefficients.copy()
    jaw = ARKIT_INDEX["jawOpen"]
    gap = np.maximum(lip_gap(coefficients) + PRESSED, 0.0) * closure
    # ARKit's mouthClose only undoes what the jaw opened; beyond jawOpen the lower lip would cross the upper one.
    close = np.minimum(gap / CLOSING, closed[:, jaw])
    closed[:, ARKIT_INDEX["mouthClose"]] = close
    rest = np.maximum(gap - close * CLOSING, 0.0)
    for columns in _PARTING:
        opened = closed[:, columns] @ GAP_WEIGHTS[columns]
        keep = 1 - np.minimum(1.0, rest / np.maximum(opened, 1e-6))
        closed[:, columns] *= keep[:, None]
        rest = np.maximum(rest - opened, 0.0)
    return closed
