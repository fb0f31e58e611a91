"""Room between teeth and lips in expressions that the head model's actions, which simply add up, do not leave."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from backend.head.model import GUM, SKIN, TEETH, head_model
from backend.head.normals import vertex_normals

CLEARANCE = 0.002  # metres that front teeth stand behind lips and chin at least
REACH = 0.003  # metres across the face between a tooth and the skin that counts as before it


def clear_of_lips(vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Each row of teeth pushed back as a whole, as far as lips or chin are pressed into it.

    A wide smile over an open jaw draws the lower lip back through teeth that only know the jaw.

    Args:
        vertices: [V, 3] metres, head frame, the head model with an expression.

    Returns:
        [V, 3]; the argument itself where nothing is pressed.
    """
    rows, skin = _facing()
    out = vertices
    for row, front in rows:
        missing = missing_room(vertices[front], vertices[skin], CLEARANCE)
        if missing > 0:
            out = vertices.copy() if out is vertices else out
            out[row, 1] += missing
    return out


def missing_room(teeth: NDArray[np.floating], skin: NDArray[np.floating], clearance: float) -> float:
    """Metres by which teeth [N, 3] would have to move back to be ``clearance`` behind the skin [M, 3], or 0."""
    distance, nearest = cKDTree(skin[:, [0, 2]]).query(teeth[:, [0, 2]])
    depth = (teeth[:, 1] - skin[nearest, 1])[distance < REACH]
    return clearance - float(depth.min(initial=clearance))


@lru_cache(maxsize=1)
def _facing() -> tuple[tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...], NDArray[np.intp]]:
    """The rows of teeth with gums, each whole and its front; and the skin of lips and chin that looks forwards."""
    model = head_model()
    x, y, z = model.mean.T
    teeth = np.flatnonzero(np.isin(model.region, (TEETH, GUM)))
    rows = tuple((row, row[np.abs(x[row]) < 0.022]) for row in np.split(teeth, 2))
    forwards = vertex_normals(model.mean, model.faces)[:, 1] < -0.25
    mouth = (np.abs(x) < 0.034) & (y < -0.08) & (np.abs(z + 0.075) < 0.035)
    return rows, np.flatnonzero((model.region == SKIN) & mouth & forwards)
