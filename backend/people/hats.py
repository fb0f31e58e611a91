"""Hats, caps and bands, each made to a skull."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backend.people.collars import grid_faces
from backend.people.fabric import Fabric, fabric, ground, solid
from backend.people.scene import Array, Layer, Material, Surface, Traits
from backend.people.skull import Skull
from backend.people.tubes import beads
from backend.people.wardrobe import chosen, cloth_colour

# surfaces, elevation of the edge over azimuth, radians from there to where hair is free again, room under it
Made = tuple[list[Surface], Callable[[NDArray[np.floating]], NDArray[np.floating]], float, float]
_ALL = float(2 * np.pi)  # so far that it presses on all hair above its edge


def _edge(front: float, side: float, back: float, tilt: float = 0.0) -> Callable[..., NDArray[np.floating]]:
    """Elevation in radians of a hat's edge over azimuth; all in degrees. A tilt above 0 is down on the left."""

    def edge(azimuth: NDArray[np.floating]) -> NDArray[np.floating]:
        fore, beside = np.cos(azimuth), np.sin(azimuth) ** 2
        level = front * np.clip(fore, 0, 1) ** 2 + back * np.clip(-fore, 0, 1) ** 2 + side * beside
        return np.radians(level - tilt * np.sin(azimuth))

    return edge


def hat_cloth(random: np.random.Generator, traits: Traits, patterns: dict[str, float], weave: str) -> Fabric:
    """Cloth for headwear, in one of ``patterns`` by how often they are drawn."""
    colour, second = (cloth_colour(random, traits.arbitrary) for _ in range(2))
    return fabric(random, chosen(random, patterns), weave, colour, second, crease=0.3)


def _worn(points: Array, cloth: Fabric, across: NDArray[np.floating]) -> Surface:
    """A sheet [R, A, 3] of cloth on the head; ``across`` [A] metres along its rows."""
    rings, count = points.shape[:2]
    run = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=-1).mean(axis=1).cumsum()
    flat = np.stack(np.broadcast_arrays(across[None], run[:, None]), axis=-1).reshape(-1, 2)
    share = np.ones(rings * count, np.float32)
    surface = cloth.surface(points.reshape(-1, 3), grid_faces(rings, count)[:, ::-1], share, flat)
    return replace(surface, layer=Layer.HEADWEAR)


def _around(count: int = 73) -> NDArray[np.float64]:
    return np.linspace(0, 2 * np.pi, count)


def _crown(
    skull: Skull,
    cloth: Fabric,
    edge: Callable[..., NDArray[np.floating]],
    height: Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.floating]],
    rows: int = 22,
    top: float = 1.0,
) -> Surface:
    """A cap of cloth from the edge up; ``height`` metres off the skin over azimuth and share [0, 1] of the way up."""
    azimuth = _around()
    share = np.linspace(0, top, rows)[:, None]
    start = edge(azimuth)[None]
    elevation = start + (np.radians(89) - start) * share
    points = skull.place(azimuth[None], elevation, height(azimuth[None], share))
    # an inner lip, so that the edge has thickness
    lip = skull.place(azimuth, start[0], np.full(len(azimuth), 0.001))
    return _worn(np.concatenate([lip[None], points]), cloth, azimuth * 0.095)


def _beanie(random: np.random.Generator, traits: Traits, skull: Skull) -> Made:
    cloth = hat_cloth(
        random, traits, {"plain": 6, "stripes": 3, "melange": 2}, "knit" if random.random() < 0.6 else "rib"
    )
    edge = _edge(random.uniform(16, 30), random.uniform(-16, 0), random.uniform(-32, -14), random.normal(0, 2))
    room = random.uniform(0.006, 0.012)
    slouch = random.choice([0.0, random.uniform(0.01, 0.045)])

    def height(azimuth: NDArray[np.floating], share: NDArray[np.floating]) -> NDArray[np.floating]:
        back = 0.5 - 0.5 * np.cos(azimuth) * (1 - share**4)  # the same all around the crown
        ripple = 0.004 * slouch / 0.03 * np.sin(5 * azimuth + 7 * share) * share
        return room + 0.003 + (0.010 + slouch * (0.4 + 0.9 * back)) * share**1.5 + ripple

    surfaces = [_crown(skull, cloth, edge, height)]
    if random.random() < 0.7:
        wide = random.uniform(0.18, 0.3)
        cuff = _crown(skull, cloth, edge, lambda a, s: room + 0.008 + 0.002 * np.sin(s / wide * np.pi), 8, wide)
        surfaces.append(cuff)
    if random.random() < 0.25:
        crown = skull.place(np.zeros(1), np.full(1, np.radians(89)), np.full(1, room + slouch + 0.03))
        points, faces = beads(crown, random.uniform(0.022, 0.032), 14, 18)
        points = points + random.normal(0, 0.0025, points.shape)
        tint = np.tile(
            ground(cloth) if random.random() < 0.5 else cloth_colour(random, traits.arbitrary), (len(points), 1)
        )
        shag = Surface(
            points.astype(np.float32), faces, tint.astype(np.float32), Layer.HEADWEAR,
            np.ones(len(points), np.float32), Material(0.02, 0.95),
        )  # fmt: skip
        surfaces.append(shag)
    return surfaces, edge, _ALL, room


def _cap(random: np.random.Generator, traits: Traits, skull: Skull) -> Made:
    cloth = hat_cloth(random, traits, {"plain": 8, "camouflage": 1, "checks": 1, "melange": 1}, "twill")
    edge = _edge(random.uniform(17, 26), random.uniform(0, 7), random.uniform(-14, 0))
    room = random.uniform(0.005, 0.009)
    stiff = random.uniform(0.0, 0.016)

    def height(azimuth: NDArray[np.floating], share: NDArray[np.floating]) -> NDArray[np.floating]:
        fore = np.clip(np.cos(azimuth), 0, 1) ** 2
        return room + 0.003 + (0.006 + stiff * fore) * np.sin(np.pi * np.clip(share * 0.9, 0, 1)) + 0.004 * share

    surfaces = [_crown(skull, cloth, edge, height)]
    backwards = random.random() < 0.1
    dyed = cloth if random.random() < 0.7 else solid(cloth, cloth_colour(random, traits.arbitrary))
    surfaces += _visor(random, skull, dyed, edge, room + 0.003, np.pi if backwards else 0.0)
    button = skull.place(np.zeros(1), np.full(1, np.radians(89)), np.full(1, room + 0.008))
    points, faces = beads(button, np.array([[0.007, 0.007, 0.003]]))
    surfaces.append(
        Surface(
            points, faces, np.tile(ground(dyed), (len(points), 1)), Layer.HEADWEAR, np.ones(len(points), np.float32)
        )
    )
    return surfaces, edge, _ALL, room


def _visor(
    random: np.random.Generator, skull: Skull, cloth: Fabric, edge: Callable[..., NDArray[np.floating]], height: float,
    towards: float,
) -> list[Surface]:  # fmt: skip
    """The peak of a cap, a bowed plate with an upper and a lower face."""
    half = np.radians(random.uniform(52, 64))
    azimuth = np.linspace(-half, half, 31)
    root = skull.place(azimuth + towards, edge(azimuth + towards), np.full(31, height))
    length, droop, bow = random.uniform(0.055, 0.075), random.uniform(-0.004, 0.022), random.uniform(0.0, 0.022)
    out = np.linspace(0, 1, 9)[:, None]
    reach = length * np.clip(1 - (azimuth / half) ** 2, 0, 1) ** 0.55
    ahead = np.array([np.sin(towards), -np.cos(towards), 0.0])
    points = root[None] + (reach * out)[..., None] * ahead
    points[..., 2] -= droop * out**1.3 * (reach / length) + bow * (azimuth / half) ** 2 * out
    below = points - np.array([0, 0, 0.0022]) * np.clip(out, 0.2, 1)[..., None]
    across = azimuth * 0.1
    plate = np.concatenate([points, below[::-1]])
    return [_worn(plate, cloth, across)]


def _brimmed(random: np.random.Generator, traits: Traits, skull: Skull, kind: str = "felt") -> Made:
    straw = kind == "straw"
    cloth = hat_cloth(
        random,
        traits,
        {"plain": 1} if kind != "bucket" else {"plain": 4, "checks": 1, "flowers": 1},
        "knit" if straw else "twill",
    )
    if straw and not traits.arbitrary:
        pale = np.array([0.86, 0.74, 0.50]) * random.uniform(0.75, 1.1)
        cloth = fabric(random, "melange", "knit", pale, pale * 0.8, crease=0.0)
    edge = _edge(random.uniform(18, 26), random.uniform(4, 10), random.uniform(-8, 4), random.normal(0, 2))
    room = random.uniform(0.006, 0.010)
    azimuth = _around()
    base = skull.place(azimuth, edge(azimuth), np.full(len(azimuth), room + 0.003))
    middle = base[:-1].mean(axis=0)
    tall = random.uniform(0.085, 0.115) if kind != "bucket" else random.uniform(0.075, 0.09)
    taper, pinch = random.uniform(0.06, 0.2), (random.uniform(0.0, 0.022) if kind == "felt" else 0.0)
    share = np.concatenate([np.linspace(0, 1, 9), np.full(7, 1.0)])[:, None]
    inward = np.concatenate([np.ones(9), np.linspace(0.9, 0.02, 7)])[:, None]
    side = (base - middle) * [1, 1, 0]
    shrink = (1 - taper * share**1.5) * inward
    rise = tall * share * (0.95 + 0.05 * np.cos(azimuth) * inward) + 0.010 * (1 - inward**2)
    points = middle + side[None] * shrink[..., None]
    points[..., 2] = base[:, 2] * (1 - share) + middle[2] * share + rise
    points[..., 2] -= pinch * np.exp(-(((points[..., 0] - middle[0]) / 0.02) ** 2)) * (share > 0.9)
    crown = skull.outside(points.reshape(-1, 3).astype(np.float32), room + 0.003).reshape(points.shape)
    surfaces = [_worn(crown, cloth, azimuth * 0.1)]
    # the brim leaves the crown's foot, curls up at the sides and dips before the face
    wide = random.uniform(0.04, 0.085) if kind != "bucket" else random.uniform(0.045, 0.06)
    out = np.linspace(0, 1, 8)[:, None]
    away = side / np.linalg.norm(side, axis=1, keepdims=True)
    brim = base[None] + (out * wide)[..., None] * away[None]
    if kind == "bucket":
        brim[..., 2] -= out * wide * random.uniform(0.3, 0.6)
    else:
        curl, dip = random.uniform(0, 0.03), random.uniform(0, 0.014)
        brim[..., 2] += out**2 * (curl * np.sin(azimuth) ** 2 - dip * np.cos(azimuth) ** 2)
    under = brim - np.array([0, 0, 0.002])
    surfaces.append(_worn(np.concatenate([brim, under[::-1]]), cloth, azimuth * 0.14))
    if kind != "bucket":
        ribbon = crown[:4] + away[None] * 0.0012
        surfaces.append(
            _worn(ribbon.astype(np.float32), solid(cloth, cloth_colour(random, traits.arbitrary)), azimuth * 0.1)
        )
    return surfaces, edge, _ALL, room


def _beret(random: np.random.Generator, traits: Traits, skull: Skull) -> Made:
    cloth = hat_cloth(random, traits, {"plain": 6, "melange": 2}, "smooth")
    edge = _edge(random.uniform(26, 34), random.uniform(4, 12), random.uniform(-12, 2), random.normal(0, 4))
    room = 0.006
    lean, full = random.choice([-1, 1]) * random.uniform(0.5, 1.2), random.uniform(0.035, 0.055)

    def height(azimuth: NDArray[np.floating], share: NDArray[np.floating]) -> NDArray[np.floating]:
        aside = 0.55 + 0.45 * np.cos(azimuth - lean) * (1 - share**4)
        bag = np.clip(share / 0.22, 0, 1) ** 0.7 * (1 - 0.75 * np.clip((share - 0.3) / 0.7, 0, 1))
        return room + 0.002 + full * aside * bag + 0.002 * np.sin(6 * azimuth) * share * (1 - share)

    return [_crown(skull, cloth, edge, height, 26)], edge, _ALL, room


def _helmet(random: np.random.Generator, traits: Traits, skull: Skull) -> Made:
    colour = cloth_colour(random, traits.arbitrary)
    hard = Material(0.05, 0.2) if random.random() < 0.7 else Material(0.7, 0.3)
    cloth = Fabric("shell", colour, None, None, hard)
    edge = _edge(random.uniform(18, 26), random.uniform(-8, 6), random.uniform(-22, -6))
    room, thick = 0.010, random.uniform(0.018, 0.03)

    def height(azimuth: NDArray[np.floating], share: NDArray[np.floating]) -> NDArray[np.floating]:
        ridge = 0.006 * np.exp(-((np.sin(azimuth) * (1 - share)) ** 2) / 0.01)
        return room + thick + 0.004 * np.sin(np.pi * share) + ridge * (share > 0.15)

    surfaces = [_crown(skull, cloth, edge, height)]
    if random.random() < 0.5:
        surfaces += _visor(random, skull, cloth, edge, room + thick * 0.8, 0.0)
    return surfaces, edge, _ALL, room


def _turban(random: np.random.Generator, traits: Traits, skull: Skull) -> Made:
    cloth = hat_cloth(random, traits, {"plain": 8, "dots": 0.5, "stripes": 1}, "weave")
    edge = _edge(random.uniform(24, 34), random.uniform(-14, -6), random.uniform(-30, -20))
    room, full = 0.008, random.uniform(0.022, 0.045)
    winds, phase = random.uniform(3.5, 6), random.uniform(0, 6)

    def height(azimuth: NDArray[np.floating], share: NDArray[np.floating]) -> NDArray[np.floating]:
        slant = share * winds + 0.35 * np.abs(np.sin(azimuth / 2 + phase * 0.1)) * np.cos(azimuth)
        layers = np.abs(np.sin(np.pi * slant)) ** 0.5
        body = np.sin(np.pi * np.clip(share * 0.75 + 0.2, 0, 1))
        return room + 0.003 + full * body * (0.75 + 0.25 * layers) * np.clip(share / 0.08, 0.2, 1)

    return [_crown(skull, cloth, edge, height, 48)], edge, _ALL, room


def _bandana(random: np.random.Generator, traits: Traits, skull: Skull) -> Made:
    cloth = hat_cloth(random, traits, {"flowers": 3, "dots": 2, "plain": 3, "checks": 1}, "weave")
    edge = _edge(random.uniform(28, 38), random.uniform(2, 12), random.uniform(-28, -18))
    room = random.uniform(0.004, 0.007)
    surface = _crown(
        skull, cloth, edge, lambda a, s: room + 0.002 + 0.0015 * np.sin(9 * a + 6 * s) * s * (1 - s) + 0 * a
    )
    return [surface], edge, _ALL, room


def _hair_band(random: np.random.Generator, traits: Traits, skull: Skull) -> Made:
    """A band of cloth around forehead and nape, or higher over the hair."""
    cloth = hat_cloth(
        random, traits, {"plain": 6, "flowers": 1, "stripes": 1, "dots": 1}, "rib" if random.random() < 0.5 else "weave"
    )
    front, wide = random.uniform(28, 52), random.uniform(10, 24)
    low = _edge(front, random.uniform(2, 12), random.uniform(-30, -16))
    azimuth = _around()
    share = np.linspace(0, 1, 7)[:, None]
    start = low(azimuth)[None]
    elevation = start + np.radians(wide) * share
    room = random.uniform(0.005, 0.009)
    points = skull.place(azimuth[None], elevation, room + 0.002 + 0.0025 * np.sin(np.pi * share))
    lips = [skull.place(azimuth, elevation[row], np.full(len(azimuth), 0.001)) for row in (0, -1)]
    sheet = np.concatenate([lips[0][None], points, lips[1][None]])
    return [_worn(sheet, cloth, azimuth * 0.1)], low, float(np.radians(wide)), room


HATS: dict[str, Callable[[np.random.Generator, Traits, Skull], Made]] = {
    "beanie": _beanie,
    "cap": _cap,
    "brimmed hat": _brimmed,
    "straw hat": lambda random, traits, skull: _brimmed(random, traits, skull, "straw"),
    "bucket hat": lambda random, traits, skull: _brimmed(random, traits, skull, "bucket"),
    "beret": _beret,
    "helmet": _helmet,
    "turban": _turban,
    "bandana": _bandana,
    "hair band": _hair_band,
}
