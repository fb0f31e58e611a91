"""Laying a curved piece of cloth flat, as a tailor draws it: stripes and weaves run over it undistorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu

ROUNDS = 12


def unfold(points: NDArray[np.floating], faces: NDArray[np.integer], part: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Flatten a piece as rigidly as can be (Liu et al., "A Local/Global Approach to Mesh Parameterization", 2008).

    Args:
        points: [V, 3] metres, front or back of a body that stands along Z.
        faces: [F, 3].
        part: [V] the vertices of the piece; triangles with all corners in it are laid flat.

    Returns:
        [V, 2] metres, across (along X) and up; off the piece the projection along Y.
    """
    flat = points[:, [0, 2]].astype(np.float64)
    faces = faces[part[faces].all(axis=1)]
    used, local = np.unique(faces, return_inverse=True)
    local = local.reshape(-1, 3)
    corner = points[faces].astype(np.float64)
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    across = first / np.linalg.norm(first, axis=1, keepdims=True)
    normal = np.cross(first, second)
    up = np.cross(normal / np.linalg.norm(normal, axis=1, keepdims=True), across)
    shape = np.zeros((len(faces), 3, 2))
    shape[:, 1, 0] = np.linalg.norm(first, axis=1)
    shape[:, 2] = np.stack([(second * across).sum(1), (second * up).sum(1)], axis=1)
    if points[faces][:, :, 1].mean() > points[:, 1].mean():
        shape[..., 0] *= -1  # the back is seen mirrored along Y

    side = np.roll(shape, -1, axis=1) - np.roll(shape, -2, axis=1)  # the edge opposite each corner
    before, after = -np.roll(side, -1, axis=1), np.roll(side, -2, axis=1)
    cross = before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    cotangent = np.clip((before * after).sum(-1) / (np.abs(cross) + 1e-12), 0.05, 20)
    start, end = np.roll(local, -1, axis=1).ravel(), np.roll(local, -2, axis=1).ravel()
    weight = cotangent.ravel()
    size = len(used)
    matrix = coo_matrix(
        (
            np.concatenate([weight, weight, -weight, -weight]),
            (np.concatenate([start, end, start, end]), np.concatenate([start, end, end, start])),
        ),
        shape=(size, size),
    ).tocsc()
    solve = splu(matrix + coo_matrix(([1e-6], ([0], [0])), shape=(size, size)).tocsc())
    placed = flat[used]
    wanted = np.roll(shape, -1, axis=1) - np.roll(shape, -2, axis=1)
    for _ in range(ROUNDS):
        now = np.roll(placed[local], -1, axis=1) - np.roll(placed[local], -2, axis=1)
        # the rotation that fits a triangle best has a closed form in the plane
        cosine = (cotangent * (now * wanted).sum(-1)).sum(1)
        sine = (cotangent * (now[..., 1] * wanted[..., 0] - now[..., 0] * wanted[..., 1])).sum(1)
        length = np.hypot(cosine, sine) + 1e-12
        cosine, sine = (cosine / length)[:, None], (sine / length)[:, None]
        turned = (
            np.stack(
                [cosine * wanted[..., 0] - sine * wanted[..., 1], sine * wanted[..., 0] + cosine * wanted[..., 1]],
                axis=-1,
            )
            * cotangent[..., None]
        )
        right = np.zeros((size, 2))
        for axis in range(2):
            pull = turned[..., axis].ravel()
            right[:, axis] = np.bincount(start, pull, size) - np.bincount(end, pull, size)
        placed = solve.solve(right)
        placed += (flat[used] - placed).mean(axis=0)
    flat[used] = placed
    return flat
