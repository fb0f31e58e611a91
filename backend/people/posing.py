"""A person at rest, moved into a shot's expression and head pose."""

from __future__ import annotations

import numpy as np

from backend.head.model import bend, head_model
from backend.people.scene import Array, Person, Shot, Strands, Surface


def posed_head(person: Person, shot: Shot) -> tuple[Array, Array]:
    """The head model as it stands in a shot.

    Returns:
        [6931, 3] world, and [6931, 3] the facial movement at rest that carries whatever sits on the skin.
    """
    model = head_model()
    expressed = model.expressed(person.neutral, shot.coefficients)
    posed = bend(expressed, model.head_share, shot.rotation, shot.location)
    return posed.astype(np.float32), (expressed - person.neutral).astype(np.float32)


def posed_surface(surface: Surface, movement: Array, shot: Shot) -> Array:
    """[V, 3] world; ``movement`` as :func:`posed_head` gives it."""
    vertices = surface.vertices
    if surface.carriers is not None and surface.carrier_weights is not None:
        vertices = vertices + np.einsum("vk,vkc->vc", surface.carrier_weights, movement[surface.carriers])
    return bend(vertices, surface.head_share, shot.rotation, shot.location).astype(np.float32)


def posed_strands(strands: Strands, movement: Array, shot: Shot) -> Array:
    """[S, P, 3] world; ``movement`` as :func:`posed_head` gives it."""
    points = strands.points
    if strands.carriers is not None and strands.carrier_weights is not None:
        carried = np.einsum("sk,skc->sc", strands.carrier_weights, movement[strands.carriers])
        points = points + carried[:, None]
    flat = bend(points.reshape(-1, 3), strands.head_share.reshape(-1), shot.rotation, shot.location)
    return flat.reshape(points.shape).astype(np.float32)
