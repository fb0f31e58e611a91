"""Hair under headwear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backend.people.headwear import Headwear
from backend.people.scene import Array, Strands, Surface

_HIDDEN = 0.12  # radians inside a hat's edge beyond which no hair is seen


def covered(strands: Strands, worn: Headwear) -> Strands | None:
    """Hair under headwear: flattened where that presses on it, gone where it is not seen; ``None`` for nothing left."""
    if worn.hides_hair:
        return None
    shape = strands.points.shape
    points, inside = _flattened(strands.points.reshape(-1, 3), worn)
    seen = (inside.reshape(shape[:2]) < _HIDDEN).any(axis=1)
    if not seen.any():
        return None
    return replace(
        strands,
        points=points.reshape(shape)[seen],
        half_width=strands.half_width[seen],
        colour=strands.colour[seen],
        head_share=strands.head_share[seen],
        carriers=None if strands.carriers is None else strands.carriers[seen],
        carrier_weights=None if strands.carrier_weights is None else strands.carrier_weights[seen],
    )


def covered_surface(surface: Surface, worn: Headwear) -> Surface | None:
    """A sheet of hair under headwear, as :func:`covered` has it for strands."""
    if worn.hides_hair:
        return None
    return replace(surface, vertices=_flattened(surface.vertices, worn)[0])


def _flattened(points: Array, worn: Headwear) -> tuple[Array, NDArray[np.floating]]:
    """[N, 3] pressed under the headwear, and how far inside its edge they are [N] radians."""
    skull = worn.skull
    result, inside = points.copy(), np.full(len(points), -1.0)
    away = points - skull.centre
    distance = np.linalg.norm(away, axis=1)
    near = (away[:, 2] > -0.12) & (distance < 0.4)
    inside[near], skin = skull.over(points[near], np.stack([worn.cover, skull.radius], axis=-1)).T
    # outside the edge hair springs back with distance from it
    most = skin + worn.room * 0.7 + 1.6 * skin * np.maximum(-inside[near], 0) ** 1.2
    shrink = np.minimum(1, most / np.maximum(distance[near], 1e-6))
    result[near] = skull.centre + away[near] * shrink[:, None]
    return result, inside
