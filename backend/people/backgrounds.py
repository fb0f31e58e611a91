"""What is behind a person: walls, studios, rooms, streets and gardens, out of focus, drawn in milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.people.outdoors import outdoors
from backend.people.painting import DRAWN, Random, noise, vignette
from backend.people.rooms import room
from backend.people.scene import Array
from backend.people.walls import boards, bokeh, bricks, canvas, gradient, plain, plaster, studio


def draw_background(random: Random, size: int, near: NDArray[np.floating] | None = None) -> NDArray[np.uint8]:
    """[size, size, 3] sRGB, the same for a generator in the same state.

    Args:
        random: what it is drawn by.
        size: in pixels.
        near: [3] sRGB in [0, 1] of the person's hair or clothes. One background in eight is then close to it, as
            mattes are hardest to tell there.
    """
    if near is not None and random.random() < 0.125:
        picture = gradient(random, np.clip(near + random.normal(0, 0.05, 3), 0.02, 0.98).astype(np.float32), 0.06)
    else:
        names = list(BACKGROUNDS)
        weights = np.array([BACKGROUNDS[name][1] for name in names])
        picture = BACKGROUNDS[names[random.choice(len(names), p=weights / weights.sum())]][0](random)
    picture = picture * random.uniform(0.75, 1.15)
    if random.random() < 0.3:
        picture = picture * vignette(random.uniform(0.1, 0.5))
    grain = random.uniform(0, 0.012)
    drawn = (np.clip(picture + grain * noise(random, DRAWN // 2)[..., None], 0, 1) * 255).astype(np.uint8)
    filtering = cv2.INTER_AREA if size < DRAWN else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(drawn, (size, size), interpolation=filtering))


# name: how it is drawn, how often
BACKGROUNDS: dict[str, tuple[Callable[[Random], Array], float]] = {
    "plain": (plain, 10),
    "gradient": (gradient, 10),
    "studio": (studio, 14),
    "plaster": (plaster, 10),
    "bricks": (bricks, 5),
    "boards": (boards, 5),
    "bokeh": (bokeh, 7),
    "canvas": (canvas, 7),
    "room": (room, 20),
    "outdoors": (outdoors, 16),
}
