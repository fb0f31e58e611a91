"""Teeth and gums for Anny, which has none: two dental arches in the head frame, the lower one carried by the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TEETH_AN_ARCH = 14
COLUMNS_A_TOOTH = 6
ROWS = 7  # the first two are gum
HALF_WIDTH, ARCH_DEPTH = 0.0255, 0.036  # metres, of the dental arch of an adult
CROWN, GUM_HEIGHT = 0.0095, 0.006


@dataclass(frozen=True)
class Arch:
    """One row of teeth.

    Args:
        vertices: [N, 3] metres, head frame of the mean head.
        faces: [F, 3] counter-clockwise seen from the front.
        is_gum: [N] bool.
        shade: [N] 0..1, dark between teeth.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    is_gum: NDArray[np.bool_]
    shade: NDArray[np.float64]


def arch(upper: bool, lips: NDArray[np.float64]) -> Arch:
    """A dental arch behind the lips.

    Args:
        upper: the upper one, whose edges stand 2 mm in front of the lower one's.
        lips: [3] the middle of the closed lips' line, on their outside.
    """
    columns = TEETH_AN_ARCH * COLUMNS_A_TOOTH + 1
    along = np.linspace(-1, 1, columns)
    half = HALF_WIDTH if upper else HALF_WIDTH * 0.93
    front = lips[1] + (0.0095 if upper else 0.0115)
    x = half * along * (1.12 - 0.12 * along**2)
    y = front + (ARCH_DEPTH * np.abs(along) ** 3)
    tooth = (along + 1) / 2 * TEETH_AN_ARCH
    within = tooth - np.floor(np.clip(tooth, 0, TEETH_AN_ARCH - 1e-6))  # 0..1 across a tooth
    gap = np.exp(-((np.minimum(within, 1 - within) / 0.07) ** 2))
    # teeth grow smaller to the sides; canines reach further than the lateral incisors
    number = np.minimum(np.floor(np.abs(tooth - TEETH_AN_ARCH / 2)), 6).astype(int)
    length = CROWN * np.array([1.0, 0.9, 0.97, 0.85, 0.8, 0.75, 0.7])[number] * (1.0 if upper else 0.88)
    length = length * (1 - 0.08 * np.abs(2 * within - 1) ** 3)
    inward = 0.0007 * gap
    edge = lips[2] - (0.002 if upper else 0.001)
    sign = 1.0 if upper else -1.0
    levels = np.array([1.0 + GUM_HEIGHT / CROWN, 1.15, 1.0, 0.75, 0.5, 0.25, 0.0])
    bulge = np.array([0.0035, 0.0006, 0.0002, -0.0004, -0.0006, -0.0003, 0.0004])  # backwards is positive
    normal = np.stack([np.gradient(y), -np.gradient(x)], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)  # outwards: forwards in the middle
    rows, shades = [], []
    for level, back in zip(levels, bulge, strict=True):
        shift = -(back + inward)
        scalloped = level + 0.1 * (level > 1.1) * (level < 1.2) * np.abs(2 * within - 1) ** 2
        rows.append(np.stack([x + normal[:, 0] * shift, y + normal[:, 1] * shift, edge + sign * length * scalloped], 1))
        shades.append(1 - 0.45 * gap * (level < 1.1) - 0.12 * (level < 0.1))
    vertices = np.concatenate(rows)
    # far back less light arrives
    shade = np.concatenate(shades) * np.tile(1 - 0.6 * np.abs(along) ** 1.5, ROWS)
    index = np.arange(ROWS * columns).reshape(ROWS, columns)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    if not upper:
        faces = faces[:, ::-1]
    is_gum = np.repeat(np.arange(ROWS) < 2, columns)
    return Arch(vertices, faces.astype(np.int32), is_gum, shade)


def carried(
    displacement: NDArray[np.float64], anchors: NDArray[np.float64], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Carry displacements known at anchors to other places by the affine map that fits them best.

    Args:
        displacement: [D, A, 3] of the anchors. anchors: [A, 3]. places: [N, 3].

    Returns:
        [D, N, 3]
    """
    ones = np.ones((len(anchors), 1))
    solution = np.linalg.pinv(np.concatenate([anchors, ones], axis=1)) @ displacement  # [D, 4, 3]
    return np.concatenate([places, np.ones((len(places), 1))], axis=1) @ solution
