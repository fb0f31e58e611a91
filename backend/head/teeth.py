"""Teeth and gums for Anny, which has none: two dental arches in the head frame, the lower one carried by the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TEETH_AN_ARCH = 14
COLUMNS_A_TOOTH = 6
ROWS = 7  # the first two are gum
HALF_WIDTH, ARCH_DEPTH = 0.0255, 0.036  # metres, of the dental arch of an adult
GUM_HEIGHT = 0.35  # of a crown
LOWER_LEAN = 0.0012  # metres that lower teeth's necks stand behind their edges
EDGE = 0.0025  # metres below the closed lips' line, where front teeth meet: lips at rest show no lower ones
# from the middle to the back, in millimetres: how wide teeth are, how high their crowns, and how far their tips stand
# back from the edge of the central incisor
UPPER_TEETH = (
    (8.5, 6.5, 7.6, 7.1, 6.8, 10.4, 9.8),
    (9.5, 8.6, 9.3, 8.1, 7.6, 7.1, 6.6),
    (0, 0.6, 0.1, 0.8, 1, 1.3, 1.6),
)
LOWER_TEETH = (
    (5.2, 5.8, 6.8, 7, 7.1, 11.2, 10.5),
    (8.0, 8.2, 8.7, 7.6, 7.1, 6.6, 6.2),
    (0.1, 0, -0.2, 0.3, 0.5, 0.6, 0.6),
)


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
    half = HALF_WIDTH if upper else HALF_WIDTH * 0.9
    front = lips[1] + (0.0095 if upper else 0.013)
    widths, heights, tips = np.array(UPPER_TEETH if upper else LOWER_TEETH) / 1000
    tooth = np.arange(columns) / COLUMNS_A_TOOTH
    x, y = _curve(tooth - TEETH_AN_ARCH / 2, widths, half)
    y += front
    within = tooth - np.floor(np.clip(tooth, 0, TEETH_AN_ARCH - 1e-6))  # 0..1 across a tooth
    gap = np.exp(-((np.minimum(within, 1 - within) / 0.07) ** 2))
    number = np.minimum(np.floor(np.abs(tooth - TEETH_AN_ARCH / 2)), 6).astype(int)
    height, tip = heights[number], tips[number] + 0.0006 * np.abs(2 * within - 1) ** 4  # the corners are rounded
    inward = 0.0007 * gap
    edge = lips[2] - EDGE
    sign = 1.0 if upper else -1.0
    levels = np.array([1.0 + GUM_HEIGHT, 1.15, 1.0, 0.75, 0.5, 0.25, 0.0])
    bulge = np.array([0.005, 0.002, 0.001, -0.0004, -0.0006, -0.0003, 0.0004])  # backwards is positive
    normal = np.stack([np.gradient(y), -np.gradient(x)], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)  # outwards: forwards in the middle
    rows, shades = [], []
    for level, back in zip(levels, bulge, strict=True):
        shift = -(back + inward + LOWER_LEAN * level * (not upper))
        scalloped = level + 0.1 * (level > 1.1) * (level < 1.2) * np.abs(2 * within - 1) ** 2
        z = edge + sign * (tip + height * scalloped)
        rows.append(np.stack([x + normal[:, 0] * shift, y + normal[:, 1] * shift, z], axis=1))
        shades.append(1 - 0.25 * gap * (level < 1.1) - 0.08 * (level < 0.1))
    vertices = np.concatenate(rows)
    # far back less light arrives
    shade = np.concatenate(shades) * np.tile(1 - 0.4 * np.abs(x / half) ** 1.5, ROWS)
    index = np.arange(ROWS * columns).reshape(ROWS, columns)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    if not upper:
        faces = faces[:, ::-1]
    is_gum = np.repeat(np.arange(ROWS) < 2, columns)
    return Arch(vertices, faces.astype(np.int32), is_gum, shade)


def _curve(
    tooth: NDArray[np.float64], widths: NDArray[np.float64], half_width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where on the arch's curve columns of the teeth stand: every tooth gets its share of the curve's length.

    Args:
        tooth: [N] from -7 to 7: how many teeth from the middle.
        widths: [7] metres, from the middle to the back.
        half_width: metres, of the arch.

    Returns:
        x and y [N] in metres, y from the front backwards.
    """
    along = np.linspace(0, 1, 400)
    x, y = half_width * along * (1.12 - 0.12 * along**2), ARCH_DEPTH * along**3
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    ends = np.concatenate([[0], np.cumsum(widths)])
    wanted = np.interp(np.abs(tooth), np.arange(len(ends)), ends * length[-1] / ends[-1])
    return np.sign(tooth) * np.interp(wanted, length, x), np.interp(wanted, length, y)


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
