"""Hats, caps and bands on this person's skull, and what they do to hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.people.fabric import merged
from backend.people.hats import HATS, hat_cloth
from backend.people.headscarf import headscarf
from backend.people.randomness import stream
from backend.people.scene import Array, Surface, Traits
from backend.people.skull import Skull, angles, skull_of
from backend.people.wardrobe import HAIR_BAND, HATS_WORN, HEADSCARF, HEADWEAR, chosen


@dataclass(frozen=True, eq=False)
class Headwear:
    """What a person wears on the head.

    Args:
        surfaces: of it.
        style: its name.
        skull: of whom.
        cover: [COLUMNS, ROWS] on the skull's sheet: radians inside the edge of what presses on the hair, below 0
            outside of it.
        room: metres between skin and headwear, where hair may be.
        hides_hair: whether no hair is seen at all.
    """

    surfaces: tuple[Surface, ...]
    style: str
    skull: Skull
    cover: Array
    room: float
    hides_hair: bool = False


def headwear(
    seed: int, traits: Traits, neutral: NDArray[np.floating], thickness: float, style: str | None = None
) -> Headwear | None:
    """What the person of that seed wears on the head, if anything.

    Args:
        seed: of the person.
        traits: headscarves and hair bands are women's, helmets no child's.
        neutral: [6931, 3] metres, the head model at rest.
        thickness: metres of the clothes that headscarves lie on.
        style: ``"cap"`` and so on: wear this whatever the seed says.
    """
    random = stream(seed, "headwear")
    draw = random.random()
    kind = chosen(random, HATS_WORN)
    scarf, band = HEADSCARF * 2 * traits.female, HAIR_BAND * 2 * traits.female
    if draw < scarf and traits.age > 8:
        kind = "headscarf"
    elif draw < scarf + band:
        kind = "hair band"
    elif draw > scarf + band + HEADWEAR and style is None:
        return None
    kind = style or kind
    skull = skull_of(neutral)
    if kind == "headscarf":
        made = hat_cloth(random, traits, {"plain": 6, "flowers": 2, "stripes": 1, "dots": 0.5}, "weave")
        return Headwear(
            headscarf(random, neutral, made, thickness), kind, skull, np.full(skull.radius.shape, 1.0), 0.004, True
        )
    surfaces, edge, width, room = HATS[kind](random, traits, skull)
    azimuth, elevation = angles()
    inside = elevation - edge(azimuth)
    cover = np.minimum(inside, width - inside)
    return Headwear(merged(surfaces), kind, skull, cover.astype(np.float32), room)
