"""A seed makes a person."""

from __future__ import annotations

import numpy as np

from backend.head.model import head_model
from backend.people.beard import beard
from backend.people.brows import brows_and_lashes
from backend.people.clothes import clothes
from backend.people.eyes import eye_surfaces
from backend.people.glasses import glasses
from backend.people.hair import hair
from backend.people.hair_on_clothes import lifted
from backend.people.hat_hair import covered, covered_surface
from backend.people.headwear import headwear
from backend.people.jewellery import jewellery
from backend.people.limbs import with_limbs
from backend.people.mouth import mouth_surfaces
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Layer, Person
from backend.people.skin import skin_surfaces


def make_person(seed: int) -> Person:
    """The person of that seed: same seed, same person."""
    traits = draw_traits(seed)
    identity = draw_identity(seed, traits)
    neutral = head_model().neutral(identity).astype(np.float32)
    worn = clothes(seed, traits, neutral)
    grown = hair(seed, traits, neutral)
    whiskers = beard(seed, traits, neutral)
    hat = headwear(seed, traits, neutral, worn.thickness)
    coat, locks = grown.surfaces, lifted(grown.strands, neutral, worn)
    if hat:
        coat = tuple(left for sheet in coat if (left := covered_surface(sheet, hat)))
        locks = tuple(shown for hairs in locks if (shown := covered(hairs, hat)))
    spectacles = glasses(seed, traits, neutral)
    jewels = jewellery(seed, traits, neutral, worn.neckline, ears=not (hat and hat.hides_hair))
    surfaces = (
        *(with_limbs(skin) if skin.layer == Layer.BODY else skin for skin in skin_surfaces(seed, traits, neutral)),
        *eye_surfaces(seed, traits, neutral),
        *mouth_surfaces(seed, traits, neutral),
        *worn.surfaces,
        *coat,
        *(hat.surfaces if hat else ()),
        *jewels.surfaces,
        *(spectacles.surfaces if spectacles else ()),
    )
    strands = (*brows_and_lashes(seed, traits, neutral), *locks, *whiskers.strands)
    style = {
        "clothes": worn.style,
        "hair": grown.style,
        "beard": whiskers.style,
        "headwear": hat.style if hat else "none",
        "glasses": spectacles.style if spectacles else "none",
        "jewellery": jewels.style,
    }
    return Person(seed, traits, identity, neutral, surfaces, strands, style)
