"""Everything that stands or lies around the neck: sheets lofted through rings of azimuth, way and height."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.people.fabric import Fabric
from backend.people.scene import Array, Surface
from backend.people.yoke import Neck

_FULL = 97  # vertices around a closed collar; the last is the first again, for the texture


def around(gap: float = 0.0, count: int = _FULL) -> Array:
    """[count] azimuths from the throat around the nape back to the throat, leaving ``gap`` radians open each side."""
    return np.linspace(gap, 2 * np.pi - gap, count, dtype=np.float32)


def nape(azimuth: Array) -> Array:
    """0 at the throat to 1 at the nape."""
    return np.asarray((1 - np.cos(azimuth)) / 2, np.float32)


def loft(neck: Neck, fabric: Fabric, azimuth: Array, way: Array, height: Array) -> Surface:
    """A sheet through rings.

    Args:
        neck: of whom.
        fabric: of what.
        azimuth: [R, A] or [A] radians.
        way: [R, A] metres down from the neck's base.
        height: [R, A] metres off the skin.
    """
    azimuth, way, height = np.broadcast_arrays(azimuth, way, height)
    points, share = neck.place(azimuth, way, height)
    rings, count = way.shape
    run = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=-1).mean(axis=1).cumsum()
    along = np.linalg.norm(np.diff(points[rings // 2], axis=0), axis=-1).sum() / (count - 1) * np.arange(count)
    flat = np.stack(np.broadcast_arrays(along[None], run[:, None]), axis=-1)
    return fabric.surface(points.reshape(-1, 3), grid_faces(rings, count), share.ravel(), flat.reshape(-1, 2))


def grid_faces(rows: int, columns: int) -> NDArray[np.int32]:
    """[2 (rows - 1) (columns - 1), 3] triangles of a grid whose vertices are numbered row by row."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1, 1)
    first, second = corner + [0, columns, 1], corner + [1, columns, columns + 1]
    return np.concatenate([first, second]).astype(np.int32)


def turtleneck(neck: Neck, fabric: Fabric, rise: float, folded: bool) -> Surface:
    """A tube up the neck, ``rise`` metres (at most .045), folded over or not."""
    azimuth = around()
    top = -rise * (0.75 + 0.25 * nape(azimuth))
    ways = [np.full_like(azimuth, 0.035), np.full_like(azimuth, 0.012), top * 0.3, top * 0.7, top, top - 0.001]
    heights = [0.004, 0.005, 0.005, 0.005, 0.005, 0.007]
    if folded:
        ways += [top, top * 0.5, np.full_like(azimuth, 0.002), np.full_like(azimuth, 0.008)]
        heights += [0.009, 0.0115, 0.012, 0.008]
    else:
        ways.append(top + 0.004)
        heights.append(0.0025)
    return loft(neck, fabric, azimuth, np.stack(ways), np.array(heights)[:, None])


def shirt_collar(neck: Neck, fabric: Fabric, gap: float, leaf: float, spread: float) -> Surface:
    """A stand that folds over into a leaf with two points.

    Args:
        neck: of whom.
        fabric: of what.
        gap: radians each side of the throat that stay open.
        leaf: metres from fold to point.
        spread: radians by which the points lie further apart than the ends of the stand.
    """
    azimuth = around(gap)
    back = nape(azimuth)
    ends = np.exp(-(((np.pi - np.abs(azimuth - np.pi) - gap) / 0.35) ** 2))
    side = np.sign(np.pi - azimuth)
    top = -0.018 - 0.014 * back
    edge = 0.026 - 0.004 * back + (leaf - 0.026) * ends
    swing = side * spread * ends
    azimuths = np.stack([azimuth] * 3 + [azimuth + swing * 0.15, azimuth + swing * 0.55, azimuth + swing])
    ways = np.stack([np.full_like(azimuth, 0.008), top * 0.8, top, top + 0.002, edge * 0.35, edge])
    heights = np.array([0.003, 0.004, 0.0055, 0.009, 0.012, 0.0085])[:, None] + np.zeros_like(azimuth)
    return loft(neck, fabric, azimuths, ways, heights)


def jacket_collar(neck: Neck, fabric: Fabric, height: float) -> Surface:
    """The collar of a jacket from notch to notch, over shirts of ``height`` metres."""
    azimuth = around(0.62)
    ends = np.exp(-(((np.pi - np.abs(azimuth - np.pi) - 0.62) / 0.3) ** 2))
    top = -0.012 - 0.010 * nape(azimuth) + 0.028 * ends
    edge = 0.034 + 0.016 * ends
    ways = np.stack([np.full_like(azimuth, 0.014) + 0.022 * ends, top, top + 0.001, edge * 0.5, edge])
    heights = height + np.array([0.003, 0.006, 0.010, 0.012, 0.009])[:, None] + np.zeros_like(azimuth)
    return loft(neck, fabric, azimuth, ways, heights)


def hood(neck: Neck, fabric: Fabric, fullness: float) -> Surface:
    """A hood that lies on the shoulders; ``fullness`` about 1."""
    azimuth = around(0.02)
    ends = np.exp(-(((np.pi - np.abs(azimuth - np.pi)) / 0.4) ** 2))  # where the two sides meet before the throat
    back = nape(azimuth) ** 1.5
    bulge = fullness * (0.3 + 0.7 * back) * (1 - 0.5 * ends)
    rise = 0.010 + 0.014 * back
    sag = 0.02 + 0.075 * back
    profile = ((0.0, 0.012), (-1.0, 0.012), (-1.3, 0.026), (-0.6, 0.046), (0.35, 0.052), (0.75, 0.040), (1.0, 0.008))
    ways = np.stack([rise * low if low < 0 else 0.012 + sag * low for low, _ in profile]) + 0.02 * ends
    crumple = 1 + 0.12 * np.sin(azimuth * 9 + 1.3) + 0.08 * np.sin(azimuth * 17)
    heights = np.stack([0.006 + bulge * high * crumple for _, high in profile])
    return loft(neck, fabric, azimuth, ways, heights)


def scarf(neck: Neck, fabric: Fabric, random: np.random.Generator, height: float) -> Surface:
    """Cloth wound around the neck over garments of ``height`` metres."""
    azimuth = around()
    turn = np.linspace(0, 1, 15)[:, None]
    thick = random.uniform(0.016, 0.03)
    top, low = -random.uniform(0.024, 0.036), random.uniform(0.035, 0.06)
    slack = low + 0.035 * random.random() * (1 - nape(azimuth)) ** 2
    # profile: in at the top, out over the bulge, in again below; folds wind slowly around
    way = np.where(turn < 0.15, top + 0.02 * (0.15 - turn) / 0.15, top + (slack - top) * (turn - 0.15) / 0.85)
    bulge = np.sin(np.pi * np.clip(turn, 0, 1)) ** 0.6
    phase, winds = random.uniform(0, 6), int(random.integers(1, 3))
    ripple = np.sin(turn * 2 * np.pi * random.uniform(2.2, 3.6) + winds * azimuth + phase)
    ripple += 0.5 * np.sin(turn * 19 + 3 * azimuth + 2 * phase)
    heights = height + 0.003 + bulge * thick * (1 + 0.25 * ripple + 0.1 * np.sin(2 * azimuth + phase))
    return loft(neck, fabric, azimuth, way, np.maximum(heights, 0.003))


def ruff(neck: Neck, fabric: Fabric, width: float, pleats: int) -> Surface:
    """A pleated collar of the sixteenth century, ``width`` metres wide."""
    azimuth = around(count=8 * pleats + 1)
    out = np.linspace(0, 1, 6)[:, None]
    wave = np.sin(azimuth * pleats) * (0.35 + 0.65 * out)
    return loft(neck, fabric, azimuth, -0.008 + 0.010 * wave, 0.005 + width * out)
