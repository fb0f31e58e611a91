"""Parts of the head model as surfaces of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.head.model import head_model
from backend.people.expressions import coefficients_of
from backend.people.scene import Array, Layer, Material, Surface


def faces_of(*regions: int) -> NDArray[np.int32]:
    """[F, 3] the head model's triangles of these regions; one on a seam belongs to the last of its regions."""
    model = head_model()
    return np.asarray(model.faces[np.isin(model.region[model.faces].max(axis=1), regions)], np.int32)


def part(faces: NDArray[np.int32], neutral: Array, colour: Array, layer: Layer, material: Material) -> Surface:
    """A surface of some of the head model's triangles.

    Args:
        faces: [F, 3] of the head model.
        neutral: [6931, 3] the person's head at rest.
        colour: [6931, 3], of which the part takes its own.
        layer: what it counts as.
        material: how it answers to light.
    """
    used, index = np.unique(faces, return_inverse=True)
    weights = np.zeros((len(used), 3), np.float32)
    weights[:, 0] = 1
    return Surface(
        neutral[used].astype(np.float32),
        index.reshape(-1, 3).astype(np.int32),
        colour[used].astype(np.float32),
        layer,
        head_model().head_share[used].astype(np.float32),
        material,
        carriers=np.stack([used] * 3, axis=1).astype(np.int32),
        carrier_weights=weights,
    )


def moved_by(expressions: tuple[dict[str, float], ...], vertices: NDArray[np.int64]) -> Array:
    """[E, M, 3] metres that expressions, by ARKit names, move [M] of the head model's vertices."""
    coefficients = np.stack([coefficients_of(values) for values in expressions])
    return np.asarray(np.tensordot(coefficients, head_model().actions[:, vertices], axes=1), np.float32)
