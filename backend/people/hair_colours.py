"""Colours of hair by pigment, for hair, brows, lashes and beards alike."""

from __future__ import annotations

import numpy as np

from backend.people.scene import Array, Traits

# sRGB from white over blond and brown to black, with brown (eumelanin) and with red (pheomelanin) pigment
_BROWN = np.array([[236, 228, 212], [205, 170, 118], [150, 110, 70], [92, 62, 40], [52, 36, 27], [26, 21, 19]])
_RED = np.array([[240, 222, 196], [218, 156, 92], [184, 98, 46], [128, 58, 30], [70, 34, 22], [30, 20, 17]])
_AT = np.array([0, 0.2, 0.42, 0.62, 0.82, 1.0])
_GREY = np.array([196, 194, 190])


def hair_colour(random: np.random.Generator, traits: Traits) -> Array:
    """[3] sRGB in [0, 1] of the person's hair, grey mixed in; ``random`` varies it a little."""
    brown, red = (
        np.array([np.interp(traits.hair_pigment, _AT, ramp[:, c]) for c in range(3)]) for ramp in (_BROWN, _RED)
    )
    colour = (1 - traits.redness) * brown + traits.redness * red
    colour = (1 - traits.grey) * colour + traits.grey * _GREY
    return np.asarray((colour * np.exp(random.normal(0, 0.04))).clip(0, 255) / 255, np.float32)
