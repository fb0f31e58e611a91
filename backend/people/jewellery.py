"""Earrings, necklaces and nose studs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.head.model import SKIN, head_model
from backend.people.normals import head_normals
from backend.people.randomness import stream
from backend.people.scene import Array, Layer, Material, Surface, Traits
from backend.people.tubes import assembled, beads, rod
from backend.people.wardrobe import EARRINGS, NECKLACE, NOSE_STUD, chosen, group
from backend.people.yoke import neck_of

_METALS = np.array([[1.0, 0.78, 0.36], [0.93, 0.93, 0.95], [0.95, 0.68, 0.55]])  # gold, silver, rose gold
_NACRE = np.array([0.93, 0.90, 0.85])
_METAL, _GLOSSY = Material(0.7, 0.2), Material(0.08, 0.15)
_EARRINGS = {"studs": 6.0, "pearls": 4, "hoops": 6, "drops": 4, "plates": 1.5}
_NECKLACES = {"chain": 5.0, "pendant": 5, "pearls": 3, "beads": 2}


@dataclass(frozen=True, eq=False)
class Jewellery:
    """A person's jewellery.

    Args:
        surfaces: all of it.
        style: names, ``"none"`` for none.
    """

    surfaces: tuple[Surface, ...]
    style: str


@lru_cache(maxsize=1)
def _places() -> tuple[int, int]:
    """Vertices of the head model: the middle of the left ear lobe, the left wing of the nose."""
    model = head_model()
    skin = np.flatnonzero((model.region == SKIN) & (model.mean[:, 0] > 0))
    wanted = np.array([[0.081, -0.012, -0.0440], [0.0155, -0.113, -0.0385]])
    lobe, wing = skin[np.linalg.norm(model.mean[skin] - wanted[:, None], axis=-1).argmin(axis=1)]
    return int(lobe), int(wing)


def jewellery(
    seed: int, traits: Traits, neutral: NDArray[np.floating], neckline: float, ears: bool = True
) -> Jewellery:
    """The jewellery of the person of that seed.

    Args:
        seed: of the person.
        traits: age and sex sway the choice.
        neutral: [6931, 3] metres, the head model at rest.
        neckline: of the clothes, metres of way in front: necklaces that they cover are left off.
        ears: whether they are seen.
    """
    random = stream(seed, "jewellery")
    who = group(traits, random)
    metal = _METALS[random.choice(3, p=[0.5, 0.4, 0.1])]
    if traits.arbitrary:
        metal = random.uniform(0.2, 1, 3)
    surfaces: list[Surface] = []
    names: list[str] = []
    if random.random() < EARRINGS[who] and ears:
        kind = chosen(random, _EARRINGS)
        surfaces += _earrings(random, neutral, kind, metal)
        names.append(kind)
    if random.random() < NECKLACE[who] and neckline > 0.015:
        kind = chosen(random, _NECKLACES)
        surfaces += _necklace(random, neutral, kind, metal, neckline)
        names.append(f"necklace of {kind}" if kind in ("pearls", "beads") else kind)
    if random.random() < NOSE_STUD and who:
        surfaces.append(_nose_stud(random, neutral, metal))
        names.append("nose stud")
    return Jewellery(tuple(surfaces), ", ".join(names) or "none")


def _earrings(random: np.random.Generator, neutral: NDArray[np.floating], kind: str, metal: Array) -> list[Surface]:
    lobe = _places()[0]
    both = np.array([lobe, head_model().mirror[lobe]])
    normals = head_normals(neutral)[both]
    at = neutral[both] + normals * 0.0008
    down = np.array([0.0, 0.0, -1.0])
    gem = random.uniform(0.05, 1, 3)
    size = random.uniform(0.0018, 0.0038)
    studs = beads(at, size)
    if kind == "studs":
        return [assembled([studs], metal if random.random() < 0.6 else gem, Layer.JEWELLERY, _METAL)]
    if kind == "pearls":
        return [
            assembled([beads(at + normals * 0.002, random.uniform(0.003, 0.006))], _NACRE, Layer.JEWELLERY, _GLOSSY)
        ]
    if kind == "hoops":
        radius, thick = random.uniform(0.006, 0.026), random.uniform(0.0006, 0.0018)
        turn = np.linspace(0, 2 * np.pi, 25)[:-1]
        # through the lobe, in the plane that stands out from the cheek as the ear does
        circle = np.stack([0.25 * np.cos(turn), np.cos(turn), np.sin(turn) - 1], axis=1)
        across = np.array([1.0, 0.0, 0.0])
        paths = (at + normals * 0.001)[:, None] + circle * np.array([[[1, 1, 1]], [[-1, 1, 1]]]) * radius
        rings = [rod(path.astype(np.float32), thick, thick, across, closed=True) for path in paths]
        return [assembled(rings, metal, Layer.JEWELLERY, _METAL)]
    length = random.uniform(0.012, 0.045)
    hang = at + normals * 0.0015
    wires = [rod(np.linspace(place, place + down * length, 5).astype(np.float32), 0.0005, 0.0005, np.array([1.0, 0, 0]))
             for place in hang]  # fmt: skip
    surfaces = [assembled([*wires, beads(at, 0.0015)], metal, Layer.JEWELLERY, _METAL)]
    drop = hang + down * length
    if kind == "drops":
        shape = np.array([1.0, 1.0, random.uniform(1.0, 1.8)]) * random.uniform(0.003, 0.006)
        surfaces.append(assembled([beads(drop, np.tile(shape, (2, 1)))], gem, Layer.JEWELLERY, _GLOSSY))
    else:
        shape = np.array([0.0008, 1.0, random.uniform(1.0, 2.2)]) * np.array([1, 0.007, 0.007])
        surfaces.append(assembled([beads(drop, np.tile(shape, (2, 1)))], metal, Layer.JEWELLERY, _METAL))
    return surfaces


def _necklace(
    random: np.random.Generator, neutral: NDArray[np.floating], kind: str, metal: Array, neckline: float
) -> list[Surface]:
    neck = neck_of(neutral)
    lowest = float(np.clip(random.uniform(0.015, 0.09), 0.012, max(neckline - 0.012, 0.013)))
    count = 120
    azimuth = np.linspace(0, 2 * np.pi, count, endpoint=False)
    fore = (1 + np.cos(azimuth)) / 2
    way = -0.012 + (lowest + 0.012) * fore ** (2.2 if lowest > 0.04 else 1.2)
    thick = random.uniform(0.0006, 0.0016)
    if kind in ("pearls", "beads"):
        thick = random.uniform(0.0022, 0.0045)
    path, share = neck.place(azimuth, way, np.full(count, thick + 0.0006))
    if kind in ("pearls", "beads"):
        step = np.linalg.norm(np.roll(path, -1, axis=0) - path, axis=1)
        run = np.concatenate([[0], np.cumsum(step)])
        number = max(20, int(run[-1] / (2 * thick)))
        at = np.arange(number) / number * run[-1]
        index = np.searchsorted(run, at, side="right") - 1
        mix = ((at - run[index]) / step[index])[:, None]
        centres = path[index] * (1 - mix) + path[(index + 1) % count] * mix
        colour = _NACRE if kind == "pearls" else random.uniform(0.05, 0.9, 3)
        string = beads(centres.astype(np.float32), thick, 5, 6)
        shares = np.repeat(share[index], len(string[0]) // number)
        return [assembled([string], colour, Layer.JEWELLERY, _GLOSSY, [shares])]
    up = neck.place(azimuth, way, np.full(count, 0.01))[0] - path
    chain = rod(path, thick, thick, up, 5, True)
    surfaces = [assembled([chain], metal, Layer.JEWELLERY, _METAL, [np.repeat(share, 5)])]
    if kind == "pendant":
        radius = random.uniform(0.004, 0.010)
        shape = np.array([[1.0, 0.3, random.uniform(0.8, 1.6)]]) * radius
        centre = path[:1] + np.array([[0, -0.002, -shape[0, 2]]])
        colour = metal if random.random() < 0.5 else random.uniform(0.05, 0.95, 3)
        pendant = beads(centre.astype(np.float32), shape, 8, 10)
        material = _METAL if colour is metal else _GLOSSY
        surfaces.append(assembled([pendant], colour, Layer.JEWELLERY, material, float(share[0])))
    return surfaces


def _nose_stud(random: np.random.Generator, neutral: NDArray[np.floating], metal: Array) -> Surface:
    wing = _places()[1]
    if random.random() < 0.5:
        wing = int(head_model().mirror[wing])
    stud = beads(
        neutral[wing : wing + 1] + head_normals(neutral)[wing : wing + 1] * 0.0005, random.uniform(0.0009, 0.0015)
    )
    count = len(stud[0])
    surface = assembled([stud], metal, Layer.JEWELLERY, _METAL)
    carriers = np.full((count, 3), wing, np.int32)
    weights = np.tile(np.array([1, 0, 0], np.float32), (count, 1))
    return Surface(
        surface.vertices, surface.faces, surface.colour, surface.layer, surface.head_share, surface.material,
        carriers, weights,
    )  # fmt: skip
