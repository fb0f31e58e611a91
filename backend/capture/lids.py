"""Lids that meet: Anny's blink closes Anny's eyes; every person's need a travel of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.capture.correspondence import correspondence
from backend.head.model import head_model
from shared.arkit import ARKIT_INDEX

# mediapipe's landmarks on the rims of the lids, from the outer to the inner corner, upper above lower
UPPER_LEFT, LOWER_LEFT = [466, 388, 387, 386, 385, 384, 398], [249, 390, 373, 374, 380, 381, 382]
UPPER_RIGHT, LOWER_RIGHT = [246, 161, 160, 159, 158, 157, 173], [7, 163, 144, 145, 153, 154, 155]
BLINKS = (ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"])


def fitted_actions(neutral: NDArray[np.floating]) -> NDArray[np.float32]:
    """[52, V, 3] the head model's facial actions, the blinks fitted to a neutral head's [V, 3] eyes."""
    actions = head_model().actions.copy()
    actions[list(BLINKS)] = closing_lids(neutral)
    return actions


def above_openings(neutral: NDArray[np.floating]) -> NDArray[np.bool_]:
    """[V] whether vertices of a neutral head [V, 3] lie above the middle of the eyes' openings: on upper lids."""
    places = correspondence().on(neutral)
    middle = (places[UPPER_RIGHT + UPPER_LEFT] + places[LOWER_RIGHT + LOWER_LEFT]) / 2
    order = middle[:, 0].argsort()
    return np.asarray(neutral[:, 2] > np.interp(neutral[:, 0], middle[order, 0], middle[order, 2]))


def shut(coefficients: NDArray[np.floating]) -> NDArray[np.floating]:
    """[52] coefficients with both lids shut."""
    closed = coefficients.copy()
    closed[list(BLINKS)] = 1
    return closed


def closing_lids(neutral: NDArray[np.floating]) -> NDArray[np.float32]:
    """[2, V, 3] offsets of ``eyeBlinkLeft`` and ``eyeBlinkRight`` that bring a neutral head's [V, 3] lids together."""
    model, marks = head_model(), correspondence()
    places = marks.on(neutral)
    blinks = []
    for action, upper, lower in zip(BLINKS, (UPPER_LEFT, UPPER_RIGHT), (LOWER_LEFT, LOWER_RIGHT), strict=True):
        moved = marks.on(model.actions[action])
        opening = places[upper, 2] - places[lower, 2]
        travel = moved[lower, 2] - moved[upper, 2]
        share = np.clip(opening / np.maximum(travel, 1e-4), 0.2, 2.0)
        order = places[upper, 0].argsort()
        # the corners hardly open: their quotient says little, the middle's holds for them
        share[[0, -1]] = share[[1, -2]]
        along = np.interp(neutral[:, 0], places[upper, 0][order], share[order])
        blinks.append(model.actions[action] * along[:, None])
    return np.asarray(blinks, np.float32)
