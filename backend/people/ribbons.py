"""Strands as ribbons for the graphics device: two vertices a point, and orders of indices that leave strands out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.people.scene import Array, Layer, Strands

RIBBON_VERTEX = np.dtype(
    [
        ("position", "f4", 3),
        ("share", "f4"),
        ("tangent", "f4", 3),
        ("half_width", "f4"),
        ("colour", "u1", 4),  # alpha: how freely light reaches the place
        ("strand", "f4"),
        ("material", "f4", 4),  # specular, roughness, part, chance
    ]
)
STEPS = 16  # of thinning
_MOST_SHADOW_QUADS = 3000


@dataclass(frozen=True, eq=False)
class Ribbons:
    """Vertices and indices of all strands of a person.

    Args:
        vertices: [2 * points] of ``RIBBON_VERTEX``.
        indices: brows and lashes; then all other strands in an order that thins out evenly; then those that stand for
            all in shadow maps.
        fine: how many of the indices are of brows and lashes.
        thinned: [STEPS + 1] how many of the others draw that many sixteenths of the strands.
        in_shadows: how many of the indices are for shadow maps.
        shadow_widening: how many strands each of those stands for.
        width: metres, the median of the others' greatest width.
    """

    vertices: np.ndarray
    indices: NDArray[np.uint32]
    fine: int
    thinned: NDArray[np.int64]
    in_shadows: int
    shadow_widening: float
    width: float


def ribbons(groups: tuple[Strands, ...], first_part: int) -> Ribbons:
    """Lay the strands out; their parts are numbered from ``first_part``."""
    others = [group for group in groups if group.layer != Layer.FACE]
    step = max(1, -(-sum(group.half_width.size // 2 for group in others) // _MOST_SHADOW_QUADS))
    vertices = np.zeros(sum(2 * group.half_width.size for group in groups), RIBBON_VERTEX)
    fine, shadow = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
    thinned: list[list[NDArray[np.uint32]]] = [[] for _ in range(STEPS)]
    start, strand = 0, 0
    for part, group in enumerate(groups, start=first_part):
        count, length = group.half_width.shape
        chance = (np.arange(count) * 0.6180339887 + 0.37 * part) % 1  # evenly spread in any order
        rows = vertices[start : start + 2 * count * length].reshape(count, length, 2)
        _fill(rows, group, part, chance)
        rows["strand"] = np.arange(strand, strand + count)[:, None, None]
        quads = _quads(np.arange(count), np.arange(length), length, start)
        if group.layer == Layer.FACE:  # too fine for a shadow map, too few to be left out
            fine.append(quads.reshape(-1))
        else:
            bucket = (chance * STEPS).astype(int)
            for index, chosen in enumerate(thinned):
                chosen.append(quads[bucket == index].reshape(-1))
            places = np.unique(np.append(np.arange(0, length, 2), length - 1))
            shadow.append(_quads(np.arange(0, count, step), places, length, start).reshape(-1))
        start += 2 * count * length
        strand += count
    widths = [2 * group.half_width.max(axis=1) for group in others]
    return Ribbons(
        vertices,
        np.concatenate([*fine, *(indices for chosen in thinned for indices in chosen), *shadow]),
        sum(indices.size for indices in fine),
        np.cumsum([0, *(sum(indices.size for indices in chosen) for chosen in thinned)]),
        sum(indices.size for indices in shadow),
        float(step),
        float(np.median(np.concatenate(widths))) if widths else 0.0,
    )


def thinning(pixels: float) -> tuple[int, float]:
    """How pictures are drawn whose strands are that many pixels wide: sixteenths of the strands, and their widening.

    Single hairs keep what they cover in all; wide locks lie over one another and need less.
    """
    kept = int(np.clip(np.ceil(pixels / 2.2 * STEPS), STEPS // 2, STEPS))
    return kept, (STEPS / kept) ** (1.0 if pixels < 0.75 else 0.5)


def _fill(rows: np.ndarray, group: Strands, part: int, chance: NDArray[np.float64]) -> None:
    along = np.gradient(group.points, axis=1)
    along /= np.linalg.norm(along, axis=-1, keepdims=True) + 1e-12
    rows["position"] = group.points[:, :, None]
    rows["share"] = group.head_share[:, :, None]
    rows["tangent"] = along[:, :, None]
    rows["half_width"] = group.half_width[:, :, None]
    rows["colour"][..., :3] = (np.clip(group.colour, 0, 1) * 255 + 0.5).astype(np.uint8)[:, :, None]
    rows["colour"][..., 3] = (_openness(group) * 255 + 0.5).astype(np.uint8)[:, :, None]
    rows["material"][..., :3] = group.material.specular, group.material.roughness, part
    rows["material"][..., 3] = chance[:, None, None]


def _openness(group: Strands) -> Array:
    """[S, P] how freely light reaches a place of a strand: the roots of long hair lie deep under others."""
    if group.layer == Layer.FACE:
        return np.ones(group.half_width.shape, np.float32)
    steps = np.linalg.norm(np.diff(group.points, axis=1), axis=-1)
    from_root = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    depth = np.minimum(from_root[:, -1:] / 0.08, 1) * 0.55
    return (1 - depth * np.exp(-from_root / 0.025)).astype(np.float32)


def _quads(strands: np.ndarray, places: np.ndarray, length: int, start: int) -> NDArray[np.uint32]:
    """[S, (places - 1) * 6] two triangles between neighbouring places of each strand."""
    at = start + 2 * (strands[:, None] * length + places[None])
    left, right = at[:, :-1], at[:, 1:]
    corners = np.stack([left, right, left + 1, left + 1, right, right + 1], axis=-1)
    return corners.reshape(len(strands), -1).astype(np.uint32)
