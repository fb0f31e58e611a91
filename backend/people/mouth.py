"""The inside of the mouth: teeth, gums, tongue and the dark behind."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backend.head.clearance import missing_room
from backend.head.model import GUM, MOUTH_CAVITY, SKIN, TEETH, TONGUE, head_model
from backend.head.teeth import COLUMNS_A_TOOTH, ROWS, TEETH_AN_ARCH
from backend.people.head_parts import faces_of, moved_by, part
from backend.people.normals import seamless_normals
from backend.people.randomness import stream
from backend.people.scene import Array, Layer, Material, Surface, Traits

CLEARANCE = 0.0008  # metres between teeth and the skin before them
_NARROW: tuple[dict[str, float], ...] = (  # expressions that press the skin onto the teeth
    {},
    {"mouthSmileLeft": 1, "mouthSmileRight": 1},
    {"mouthSmileLeft": 1, "mouthSmileRight": 1, "jawOpen": 0.4},
    {"mouthRollLower": 1, "mouthRollUpper": 1},
    {"mouthRollLower": 0.8, "mouthRollUpper": 0.8, "mouthFrownLeft": 1, "mouthFrownRight": 1},
)


def mouth_surfaces(seed: int, traits: Traits, neutral: Array) -> tuple[Surface, ...]:
    """Teeth with gums, tongue, and the mouth's cavity."""
    random = stream(seed, "mouth")
    model = head_model()
    mean_y = model.mean[:, 1].astype(np.float32)
    dark = np.exp(-np.clip(mean_y + 0.103, 0, 1) / 0.016)[:, None]
    flesh = np.array([0.68, 0.36, 0.36], np.float32) * (1 - 0.25 * traits.pigment)
    tongue = np.array([0.80, 0.46, 0.46], np.float32) * random.uniform(0.85, 1.1) * np.exp(random.normal(0, 0.03, 3))
    if traits.arbitrary:
        flesh, tongue = random.uniform(0.2, 0.9, (2, 3)).astype(np.float32)
    teeth, colour = _teeth(random, traits, neutral, flesh)
    return (
        part(faces_of(TEETH, GUM), teeth, colour, Layer.MOUTH, Material(0.05, 0.22, 0.3)),
        part(faces_of(TONGUE), neutral, tongue * (0.5 + 0.5 * dark), Layer.MOUTH, Material(0.04, 0.35, 0.5)),
        part(faces_of(MOUTH_CAVITY), neutral, flesh * (0.06 + 0.9 * dark), Layer.MOUTH, Material(0.04, 0.4, 0.4)),
    )


def _teeth(random: np.random.Generator, traits: Traits, neutral: Array, flesh: Array) -> tuple[Array, Array]:
    """[6931, 3] the head with slightly irregular teeth, and [6931, 3] the teeth's and gums' colours."""
    model = head_model()
    members = np.flatnonzero(np.isin(model.region, (TEETH, GUM)))
    columns = TEETH_AN_ARCH * COLUMNS_A_TOOTH + 1
    tooth = np.minimum(np.arange(columns) // COLUMNS_A_TOOTH, TEETH_AN_ARCH - 1)
    within = (np.arange(columns) % COLUMNS_A_TOOTH) / COLUMNS_A_TOOTH - 0.5
    yellow = np.clip(random.beta(1.5, 3) + 0.3 * np.clip((traits.age - 30) / 60, 0, 1), 0, 1)
    ivory = np.array([0.95, 0.93, 0.89]) * (1 - yellow) + np.array([0.84, 0.74, 0.55]) * yellow
    crooked = random.beta(1.2, 4)
    heads, colour = neutral.copy(), np.zeros_like(neutral)
    for arch in np.split(members, 2):
        heads[arch, 1] += _too_near(neutral, arch)
        lean = (
            random.normal(0, 4e-4 * crooked, TEETH_AN_ARCH)[tooth]
            + random.normal(0, 9e-4 * crooked, TEETH_AN_ARCH)[tooth] * within
        )
        reach = random.normal(0, 5e-4 * crooked, TEETH_AN_ARCH)[tooth]
        crown = np.linspace(0, 1, ROWS)[:, None]  # the gum's edge stays
        heads[arch, 1] += (crown * lean).ravel()
        heads[arch, 2] += (crown * reach).ravel()
        tone = np.repeat(ivory[None], columns, 0) * np.exp(random.normal(0, 0.025, TEETH_AN_ARCH))[tooth][:, None]
        colour[arch] = np.tile(tone, (ROWS, 1))
    gum = model.region == GUM
    colour[gum] = flesh * (1.08, 0.95, 0.95)
    return heads, colour * model.shade[:, None].astype(np.float32)


def _too_near(neutral: Array, arch: NDArray[np.int64]) -> float:
    """Metres that an arch must stand back for skin above and below the lips to stay before it as the mouth moves."""
    skin = _around_the_lips()
    front = arch[head_model().mean[arch, 1] < -0.085]
    needed = 0.0
    for skin_moved, teeth_moved in zip(moved_by(_NARROW, skin), moved_by(_NARROW, front), strict=True):
        needed = max(needed, missing_room(neutral[front] + teeth_moved, neutral[skin] + skin_moved, CLEARANCE))
    return needed


@lru_cache(maxsize=1)
def _around_the_lips() -> NDArray[np.int64]:
    """The head model's vertices on the outside of the mouth, without the lips."""
    model = head_model()
    x, y, z = model.mean.T
    mouth = (np.abs(x) < 0.032) & (y < -0.085) & (np.abs(z + 0.075) < 0.03) & (np.abs(z + 0.071) > 0.009)
    forward = seamless_normals(model.mean.astype(np.float32), faces_of(SKIN))[:, 1] < -0.25
    return np.flatnonzero((model.region == SKIN) & mouth & forward)
