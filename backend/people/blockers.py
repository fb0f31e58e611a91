"""Coarser triangles for shadow maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.people.scene import Layer, Surface

_CELL = 0.005  # metres, about two texels of a shadow map
_CLOTH_CELL = 0.015
_WITHIN = (Layer.EYES, Layer.MOUTH)  # in the head's own shadow


def blockers(surfaces: list[Surface], two_sided: bool) -> NDArray[np.uint32]:
    """[3 * triangles] indices into the surfaces' vertices, laid one after another, of what throws shadows.

    Vertices of a cell of a few millimetres are drawn together to one of them (Rossignac and Borrel 1993). Only
    surfaces of the wanted sidedness that are opaque and not within the head take part.
    """
    indices, start = [np.zeros(0, np.uint32)], 0
    for surface in surfaces:
        wanted = surface.two_sided == two_sided and surface.layer not in _WITHIN and surface.material.opacity == 1
        if wanted:
            cloth = surface.layer in (Layer.CLOTHES, Layer.HEADWEAR)
            indices.append(_clustered(surface, _CLOTH_CELL if cloth else _CELL).reshape(-1) + np.uint32(start))
        start += len(surface.vertices)
    return np.concatenate(indices)


def _clustered(surface: Surface, cell: float) -> NDArray[np.uint32]:
    """[F', 3] faces between the first vertices of their corners' cells, those left out that a cell swallows."""
    grid = np.floor(surface.vertices / cell).astype(np.int64) + (1 << 20)
    key = (grid[:, 0] << 42) | (grid[:, 1] << 21) | grid[:, 2]
    _, first, cell_of = np.unique(key, return_index=True, return_inverse=True)
    faces = first[cell_of][surface.faces]
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (c != a)].astype(np.uint32)
