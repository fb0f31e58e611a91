"""What a person wears from the neck down, over the open end of the head model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.people import collars, garments
from backend.people.cloth import Cloth, sewn
from backend.people.fabric import Fabric, fabric, ground, merged, solid
from backend.people.garments import Cut, Pieces, banded, round_neck, sheet, v_neck
from backend.people.randomness import stream
from backend.people.scene import Array, Material, Surface, Traits
from backend.people.wardrobe import GARMENTS, SCARF, chosen, cloth_colour, group
from backend.people.yoke import Neck, neck_of

_STEEL = Material(0.7, 0.35)


@dataclass(frozen=True, eq=False)
class Clothes:
    """A person's clothes.

    Args:
        surfaces: pieces of cloth, collars, buttons.
        style: name of garment and fabric, ``"suit + scarf"`` and the like.
        neckline: metres of way below which the chest is covered in front; necklaces above it are seen.
        thickness: metres that hair on the shoulders must stand off the skin.
    """

    surfaces: tuple[Surface, ...]
    style: str
    neckline: float
    thickness: float


@dataclass(frozen=True, eq=False)
class _Tailor:
    """What every garment is made with."""

    random: np.random.Generator
    neutral: NDArray[np.floating]
    neck: Neck
    arbitrary: bool

    def colour(self) -> Array:
        return cloth_colour(self.random, self.arbitrary)

    def fabric(self, patterns: dict[str, float], weave: str, crease: float = 1.0, shine: float = 0.04) -> Fabric:
        pattern = chosen(self.random, patterns)
        material = Material(shine, float(self.random.uniform(0.7, 0.95)))
        return fabric(self.random, pattern, weave, self.colour(), self.colour(), material, crease)

    def sheet(self, cut: Cut) -> Cloth:
        return sheet(self.neutral, cut, self.random)

    def sleeve(self, long: float) -> float:
        """Metres of sleeve; ``long`` is the chance of long ones."""
        return np.inf if self.random.random() < long else float(self.random.uniform(0.13, 0.24))


_CASUAL = {"plain": 5.0, "stripes": 2, "melange": 2, "flowers": 0.6, "camouflage": 0.5, "dots": 0.4, "checks": 0.5}
_SHIRTING = {"plain": 5.0, "stripes": 2.5, "checks": 2.5, "flowers": 0.6, "dots": 0.5}
_SUITING = {"plain": 6.0, "melange": 2, "checks": 1, "stripes": 0.7}
_TIES = {"plain": 2.0, "stripes": 3, "dots": 2, "flowers": 1}

Made = tuple[Pieces, float, float]  # surfaces, neckline in front, thickness
Opening = Callable[[Cloth], Array]  # metres outside the opening of a jacket
_TUCK = 0.035  # metres that what is worn under a jacket goes on beneath it


def _jersey(tailor: _Tailor, kind: str, under: Opening | None = None) -> Made:
    random = tailor.random
    sleeve = np.inf if kind == "tank top" else tailor.sleeve(0.25)
    cloth = tailor.sheet(Cut(random.uniform(0.003, 0.006), 3, random.uniform(0.002, 0.006), sleeve))
    if under:
        cloth = cloth.where(_TUCK - under(cloth))
    made = tailor.fabric(_CASUAL, "weave")
    front = 0.0
    if kind == "v-neck":
        tip = random.uniform(-0.29, -0.235)
        outside, front = v_neck(cloth, 0.012, tip), -tip - 0.18
    elif kind == "blouse":
        front = random.uniform(0.02, 0.085)
        outside = round_neck(cloth, random.uniform(0.02, 0.045), front)
    elif kind == "tank top":
        front = random.uniform(0.06, 0.1)
        # the armhole ends under the armpit
        x, z = np.abs(cloth.mean[:, 0]), cloth.mean[:, 2]
        armhole = random.uniform(0.135, 0.155) + 0.9 * np.clip(-0.22 - z, 0, 0.04) - x
        outside = np.minimum(round_neck(cloth, 0.03, front), armhole)
    else:
        front = random.uniform(0.018, 0.06)
        outside = round_neck(cloth, random.uniform(0.004, 0.016), front)
    band = solid(made, ground(made) * 0.95 if random.random() < 0.8 else tailor.colour())
    pieces = banded(cloth, outside, random.uniform(0.008, 0.024), made, band)
    if kind == "t-shirt" and made.name.startswith("plain") and random.random() < 0.4:
        pieces += garments.chest_print(cloth, made, tailor.colour(), random)
    return pieces, float(front), 0.008


def _shirt(tailor: _Tailor, kind: str, patterns: dict[str, float] = _SHIRTING, under: Opening | None = None) -> Made:
    random = tailor.random
    made = tailor.fabric(patterns, "weave" if kind != "polo" else "knit")
    sleeve = tailor.sleeve(0.0 if kind == "polo" else 0.85)
    cloth = tailor.sheet(Cut(random.uniform(0.004, 0.007), 4, random.uniform(0.002, 0.006), sleeve))
    if under:
        cloth = cloth.where(_TUCK - under(cloth))
    button = np.full(3, random.choice([0.1, 0.5, 0.9]))
    leaf = random.uniform(0.045, 0.065)
    if kind in ("open shirt", "polo"):
        tip, gap = random.uniform(-0.29, -0.23), random.uniform(0.3, 0.5)
        # the V is as wide as the collar's gap where it leaves the collar
        half_width = 0.046 * np.sin(gap) * (-0.165 - tip) / (-0.188 - tip)
        cloth = cloth.where(v_neck(cloth, 0.004, tip, half_width))
        front, top = -tip - 0.18, tip + 0.01
    else:
        cloth = cloth.where(round_neck(cloth, 0.002, 0.006))
        gap, front, top = 0.03, 0.0, -0.185
    pieces = list(sewn(cloth, made))
    pieces += garments.placket(cloth, made, button, top, 2 if kind == "polo" else 6)
    pieces.append(collars.shirt_collar(tailor.neck, made, gap, leaf, random.uniform(0.1, 0.4)))
    if kind == "shirt and tie":
        pieces += garments.tie(cloth, tailor.fabric(_TIES, "twill", 0.0, 0.06))
    return pieces, float(front), 0.012


def _suit(tailor: _Tailor, kind: str) -> Made:
    random = tailor.random
    made = tailor.fabric(_SUITING, "twill", 0.7)
    cloth = tailor.sheet(Cut(random.uniform(0.012, 0.017), 7, random.uniform(0.001, 0.004)))
    tip = random.uniform(-0.46, -0.34)
    half_width = random.uniform(0.055, 0.068)

    def opening(worn: Cloth) -> Array:
        return v_neck(worn, 0.014, tip, half_width)

    if kind == "suit":
        shirt = "shirt and tie" if random.random() < 0.75 else "open shirt"
        under, front, _ = _shirt(tailor, shirt, {"plain": 6, "stripes": 2, "checks": 1}, opening)
    else:
        under, front, _ = _jersey(tailor, str(random.choice(["t-shirt", "v-neck", "blouse"])), opening)
    outside = opening(cloth)
    pieces = [*under, *sewn(cloth.where(outside), made)]
    pieces += garments.lapels(cloth, outside, tip, random.uniform(0.035, 0.06), made)
    pieces.append(collars.jacket_collar(tailor.neck, made, 0.012))
    return pieces, front, 0.024


def _knitted(tailor: _Tailor, kind: str) -> Made:
    random = tailor.random
    made = tailor.fabric(_CASUAL, "knit" if random.random() < 0.75 else "rib")
    band = fabric(random, "plain", "rib", ground(made), np.zeros(3), made.material)
    cloth = tailor.sheet(Cut(random.uniform(0.006, 0.011), 5, random.uniform(0.003, 0.007)))
    if kind == "turtleneck":
        pieces = list(sewn(cloth.where(round_neck(cloth, 0.016, 0.016)), made))
        pieces.append(collars.turtleneck(tailor.neck, band, random.uniform(0.022, 0.044), random.random() < 0.7))
        return pieces, -0.1, 0.018
    front = random.uniform(0.016, 0.05)
    outside = round_neck(cloth, 0.008, front)
    if random.random() < 0.25:
        outside = v_neck(cloth, 0.010, random.uniform(-0.28, -0.24))
        front = 0.08
    return banded(cloth, outside, random.uniform(0.014, 0.03), made, band), float(front), 0.016


def _hoodie(tailor: _Tailor, kind: str) -> Made:
    random = tailor.random
    made = tailor.fabric({"plain": 6, "melange": 3, "camouflage": 0.5}, "weave")
    cloth = tailor.sheet(Cut(random.uniform(0.010, 0.016), 6, random.uniform(0.005, 0.009)))
    cloth = cloth.where(round_neck(cloth, 0.010, random.uniform(0.01, 0.03)))
    cords = cloth.where(np.minimum(cloth.front, 0.0028 - np.abs(np.abs(cloth.mean[:, 0]) - 0.03)))
    cords = cords.where(np.minimum(cords.mean[:, 2] + random.uniform(0.28, 0.36), cords.way - 0.034)).raised(0.006)
    pieces = [*sewn(cloth, made), collars.hood(tailor.neck, made, random.uniform(0.7, 1.2))]
    if random.random() < 0.7:
        pieces += sewn(cords, solid(made, tailor.colour()))
    if random.random() < 0.3:
        pieces += garments.chest_print(cloth, made, tailor.colour(), random)
    return pieces, 0.02, 0.03


def _dress(tailor: _Tailor, kind: str) -> Made:
    random = tailor.random
    made = tailor.fabric({"plain": 4, "flowers": 3, "dots": 1, "stripes": 1}, "weave", 0.8, 0.05)
    cloth = tailor.sheet(Cut(0.004, 3, random.uniform(0.002, 0.006)))
    if kind == "off-shoulder":
        top = random.uniform(-0.255, -0.225)
        return banded(cloth, top - cloth.mean[:, 2], 0.03, made, made), 0.1, 0.006
    top = random.uniform(-0.30, -0.265)
    torso = cloth.where(0.183 - np.abs(cloth.mean[:, 0]))
    dip = 0.03 * np.exp(-((torso.mean[:, 0] / 0.05) ** 2)) * (torso.front > 0)
    pieces = list(sewn(torso.where(top - dip - torso.mean[:, 2]), made))
    pieces += garments.straps(torso, top, random.uniform(0.075, 0.1), random.uniform(0.012, 0.035), made)
    return pieces, 0.1, 0.006


def _historical(tailor: _Tailor, kind: str) -> Made:
    random = tailor.random
    if kind == "armour":
        steel = np.array([0.55, 0.56, 0.6]) * random.uniform(0.5, 1.2)
        made = fabric(random, "plain", "smooth", steel, steel, _STEEL, 0.15)
        cloth = tailor.sheet(Cut(0.014, 9, 0.0))
        pieces = banded(cloth, round_neck(cloth, 0.01, 0.01), 0.02, made, made)
        pieces.append(collars.turtleneck(tailor.neck, made, 0.02, True))
        return pieces, -0.1, 0.02
    made = tailor.fabric({"plain": 3, "flowers": 2, "stripes": 1}, "twill")
    cloth = tailor.sheet(Cut(0.010, 6, 0.002))
    cloth = cloth.where(round_neck(cloth, 0.0, 0.0))
    linen = fabric(random, "plain", "weave", np.full(3, 0.92), np.ones(3), crease=0.0)
    pieces = [*sewn(cloth, made), *garments.placket(cloth, made, np.array([0.6, 0.5, 0.25]), -0.2, 6)]
    pieces.append(collars.ruff(tailor.neck, linen, random.uniform(0.04, 0.09), int(random.integers(18, 30))))
    return pieces, -0.1, 0.02


_MAKERS: dict[str, Callable[[_Tailor, str], Made]] = {
    "t-shirt": _jersey,
    "v-neck": _jersey,
    "tank top": _jersey,
    "blouse": _jersey,
    "polo": _shirt,
    "shirt": _shirt,
    "open shirt": _shirt,
    "shirt and tie": _shirt,
    "suit": _suit,
    "blazer": _suit,
    "turtleneck": _knitted,
    "sweater": _knitted,
    "hoodie": _hoodie,
    "dress": _dress,
    "off-shoulder": _dress,
    "ruff": _historical,
    "armour": _historical,
}


def clothes(seed: int, traits: Traits, neutral: NDArray[np.floating], garment: str | None = None) -> Clothes:
    """What the person of that seed wears.

    Args:
        seed: of the person.
        traits: age and sex sway the choice.
        neutral: [6931, 3] metres, the head model at rest.
        garment: one of :data:`backend.people.wardrobe.GARMENTS` instead of the person's choice.
    """
    random = stream(seed, "clothes")
    who = group(traits, random)
    kind = chosen(random, {name: weights[who] for name, weights in GARMENTS.items()})
    kind = garment or kind
    wound = random.random() < SCARF and kind not in ("ruff", "armour")
    tailor = _Tailor(random, neutral, neck_of(neutral), traits.arbitrary)
    pieces, neckline, thickness = _MAKERS[kind](tailor, kind)
    if wound:
        made = tailor.fabric(_CASUAL, "knit" if random.random() < 0.6 else "weave")
        pieces = [*pieces, collars.scarf(tailor.neck, made, random, thickness)]
        if random.random() < 0.6:
            over = tailor.sheet(Cut(thickness + 0.008, 8, 0.004))
            pieces += garments.scarf_end(over, random, made)
        kind, neckline, thickness = f"{kind} + scarf", -0.1, 0.035
    return Clothes(merged(pieces), kind, neckline, thickness)
