"""Rods, rings and beads: what frames of glasses and jewellery are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.people.scene import Array, Layer, Material, Surface


def rod(
    path: Array,
    half_height: float | Array,
    half_depth: float | Array,
    up: Array,
    corners: int = 6,
    closed: bool = False,
) -> tuple[Array, NDArray[np.int32]]:
    """A rod of elliptic section along a path.

    Args:
        path: [N, 3] metres.
        half_height: metres from the middle to its edge along ``up``, one or [N].
        half_depth: metres across that.
        up: [3] or [N, 3], not along the path.
        corners: of the section.
        closed: whether the end joins the start.

    Returns:
        [N corners, 3] and [F, 3].
    """
    if closed:
        along = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        along = np.gradient(path, axis=0)
    along = along / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-12)
    across = np.cross(along, np.broadcast_to(up, path.shape))
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-12
    over = np.cross(across, along)
    turn = np.arange(corners) / corners * 2 * np.pi
    high = np.broadcast_to(half_height, len(path))[:, None, None] * over[:, None] * np.sin(turn)[:, None]
    deep = np.broadcast_to(half_depth, len(path))[:, None, None] * across[:, None] * np.cos(turn)[:, None]
    points = (path[:, None] + high + deep).reshape(-1, 3)
    count = len(path)
    here = np.arange(count if closed else count - 1)[:, None] * corners
    there = (here + corners) % (count * corners)
    k, after = np.arange(corners), (np.arange(corners) + 1) % corners
    faces = [np.stack([here + k, here + after, there + k], -1), np.stack([here + after, there + after, there + k], -1)]
    if not closed:
        last = (count - 1) * corners
        fan = np.arange(1, corners - 1)
        faces.append(np.stack([0 * fan, fan + 1, fan], -1))
        faces.append(np.stack([last + 0 * fan, last + fan, last + fan + 1], -1))
    joined = np.concatenate([face.reshape(-1, 3) for face in faces])
    return points.astype(np.float32), joined.astype(np.int32)


def beads(centres: Array, radii: float | Array, rings: int = 6, sides: int = 8) -> tuple[Array, NDArray[np.int32]]:
    """Balls around [N, 3] centres, of one radius in metres or [N] or [N, 3] along the axes."""
    polar = np.linspace(0, np.pi, rings)
    turn = np.arange(sides) / sides * 2 * np.pi
    unit = np.stack(
        [
            np.sin(polar)[:, None] * np.cos(turn),
            np.sin(polar)[:, None] * np.sin(turn),
            np.cos(polar)[:, None] + 0 * turn,
        ],
        axis=-1,
    ).reshape(-1, 3)
    size = np.asarray(radii, np.float32)
    size = size[:, None, None] if size.ndim == 1 else size[:, None] if size.ndim == 2 else size
    points = centres[:, None] + unit * size
    here = np.arange(rings - 1)[:, None] * sides
    k, after = np.arange(sides), (np.arange(sides) + 1) % sides
    upper = np.stack([here + k, here + sides + k, here + after], -1).reshape(-1, 3)
    lower = np.stack([here + after, here + sides + k, here + sides + after], -1).reshape(-1, 3)
    one = np.concatenate([upper, lower])
    faces = one[None] + (np.arange(len(centres)) * len(unit))[:, None, None]
    return points.reshape(-1, 3).astype(np.float32), faces.reshape(-1, 3).astype(np.int32)


def assembled(
    parts: list[tuple[Array, NDArray[np.int32]]],
    colour: NDArray[np.floating],
    layer: Layer,
    material: Material,
    share: float | list[Array] = 1.0,
    two_sided: bool = False,
) -> Surface:
    """One surface of one colour [3] out of meshes; ``share`` of the head's turn, one for all or [V] for each part."""
    starts = np.cumsum([0, *(len(points) for points, _ in parts[:-1])])
    points = np.concatenate([points for points, _ in parts])
    shares = np.concatenate(share) if isinstance(share, list) else np.full(len(points), share)
    return Surface(
        points.astype(np.float32),
        np.concatenate([faces + np.int32(start) for (_, faces), start in zip(parts, starts)]),
        np.tile(np.asarray(colour, np.float32), (len(points), 1)),
        layer,
        shares.astype(np.float32),
        material,
        two_sided=two_sided,
    )
