"""A person at rest, moved into a shot's expression and head pose."""

from __future__ import annotations

import numpy as np

from backend.head.model import bend, head_model
from backend.people.scene import Array, Person, Shot


def posed_head(person: Person, shot: Shot) -> tuple[Array, Array]:
    """The head model as it stands in a shot.

    Returns:
        [6931, 3] world, and [6931, 3] the facial movement at rest that carries whatever sits on the skin.
    """
    model = head_model()
    expressed = model.expressed(person.neutral, shot.coefficients)
    posed = bend(expressed, model.head_share, shot.rotation, shot.location)
    return posed.astype(np.float32), (expressed - person.neutral).astype(np.float32)
