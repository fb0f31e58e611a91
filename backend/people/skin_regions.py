"""Parts of the skin by their place on the mean head, softly bounded: what blood, pigment, stubble and make-up go by."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from backend.nerf.images import smoothstep
from backend.people.scene import Array
from backend.people.skin_atlas import SIZE, skin_atlas

LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
INNER_LIPS = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
# right and left, each from the outer corner over the top to the inner corner and back below
EYES = (
    [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
    [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
)
BROWS = ([46, 53, 52, 65, 55, 107, 66, 105, 63, 70], [276, 283, 282, 295, 285, 336, 296, 334, 293, 300])
# lid rim outside in, then the brow's lower edge back
UPPER_LIDS = (
    [33, 246, 161, 160, 159, 158, 157, 173, 133, 55, 65, 52, 53, 46],
    [263, 466, 388, 387, 386, 385, 384, 398, 362, 285, 295, 282, 283, 276],
)
UNDER_EYES = (
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 232, 231, 230, 229, 228, 31],
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 452, 451, 450, 449, 448, 261],
)


@lru_cache(maxsize=1)
def skin_regions() -> dict[str, Array]:
    """[SIZE, SIZE] in [0, 1] by name (computed once a process)."""
    atlas = skin_atlas()
    x, y, z = atlas.position.transpose(2, 0, 1)
    side = np.abs(x)
    none = np.zeros((SIZE, SIZE), np.float32)

    def both(landmarks: tuple[list[int], list[int]], blur: float) -> Array:
        return np.maximum(atlas.polygon(landmarks[0], blur), atlas.polygon(landmarks[1], blur))

    lips = atlas.polygon(LIPS, 1.5)
    eyes = both(EYES, 1.0)
    ears = smoothstep(0.069, 0.078, side) * smoothstep(-0.04, -0.03, y) * smoothstep(0.03, 0.02, y)
    ears = ears * smoothstep(-0.06, -0.045, z) * smoothstep(0.055, 0.045, z)
    # the beard's upper edge falls from the sideburns to the corners of the mouth and rises to the nose
    beard_edge = [(0, -54), (18, -55), (28, -64), (42, -74), (54, -66), (62, -40), (68, 0), (80, 10)]
    edge = np.interp(side, *np.transpose(beard_edge) * 1e-3).astype(np.float32)
    beard = smoothstep(0.006, -0.014, z - edge) * smoothstep(-0.015, -0.035, y) * smoothstep(-0.155, -0.125, z)
    # the hairline runs over the forehead, down before the ears, round behind them and across the nape
    hairline = [(-115, 74), (-90, 66), (-60, 35), (-35, 0), (-20, 30), (10, 20), (30, -50), (100, -75)]
    line = np.interp(y, *np.transpose(hairline) * 1e-3).astype(np.float32)
    scalp = smoothstep(-0.012, 0.022, z - line) * (1 - ears)
    lid_lines = none.copy()
    for eye in EYES:
        rim = np.round(atlas.landmarks[eye[:9]] * 16).astype(np.int32)
        cv2.polylines(lid_lines, [rim], False, 1.0, 2, cv2.LINE_AA, 4)
    brow_height = 0.022
    return {
        "lips": lips,
        "inner_lips": atlas.polygon(INNER_LIPS, 2.5),
        "eyes": eyes,
        "lid_lines": cv2.GaussianBlur(lid_lines, (0, 0), 0.8),
        "upper_lids": both(UPPER_LIDS, 3.0) * (1 - eyes),
        "under_eyes": both(UNDER_EYES, 4.0) * (1 - eyes),
        "brows": both(BROWS, 2.5),
        "cheeks": np.maximum(atlas.at(50, 0.021), atlas.at(280, 0.021)),
        "cheekbones": np.maximum(atlas.at(117, 0.013), atlas.at(346, 0.013)),
        "nose": np.maximum(atlas.at(4, 0.011), 0.6 * np.maximum(atlas.at(129, 0.006), atlas.at(358, 0.006))),
        "forehead": smoothstep(brow_height, 0.04, z) * smoothstep(-0.05, -0.08, y) * (1 - scalp),
        "chin": atlas.at(199, 0.012),
        "neck": smoothstep(-0.10, -0.13, z),
        "ears": ears,
        "beard": beard * (1 - lips),
        "scalp": scalp,
        "freckled": np.clip(
            atlas.at(50, 0.022) + atlas.at(280, 0.022) + atlas.at(6, 0.02) + 0.35 * smoothstep(0.0, 0.05, z)
            + 0.5 * smoothstep(-0.19, -0.25, z), 0, 1
        ) * (1 - lips) * (1 - scalp),
        "temples": np.maximum(atlas.at(54, 0.025), atlas.at(284, 0.025)),
    }  # fmt: skip
