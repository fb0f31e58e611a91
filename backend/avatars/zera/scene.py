"""What the steps of a reconstruction share: the fitted head and the photograph's masks, everything on the canvas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.capture.fit import HeadFit
from backend.capture.masks import Masks
from backend.capture.rasteriser import Hits
from shared.camera import Camera

NECK_SHARE = 0.97  # less of the head's motion than this is neck or torso


@dataclass(frozen=True)
class Scene:
    """A fitted photograph on its canvas.

    Args:
        fit: the head's fit.
        camera: the photograph's camera, its picture enlarged by the margin.
        masks: [H, W] each, on the canvas.
        source: [V, 3] metres, the head in the photograph, head frame.
        world: [V, 3] metres, the same in the world.
        hits: the whole head model seen in the photograph.
        metre: pixels a metre at the head's distance.
        depth: metres along the camera's axis of the head's origin.
    """

    fit: HeadFit
    camera: Camera
    masks: Masks
    source: NDArray[np.float64]
    world: NDArray[np.float64]
    hits: Hits
    metre: float
    depth: float
