"""What stands in for skin that the photograph does not show, and where its colours are not to be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from backend.avatars.zera.appearance import OUTLINE_REACH, outlines_around
from backend.avatars.zera.avatar import ZeraAvatar
from backend.capture.correspondence import correspondence
from backend.head.model import SKIN

MOUTH_CORNERS, CHEEK = (61, 291), 50


@pytest.mark.parametrize("corner", MOUTH_CORNERS)
def test_the_mouths_shade_ends_at_its_corners(avatar: ZeraAvatar, corner: int) -> None:
    person, model = avatar.person, avatar.person.model
    places = correspondence().on(model.mean)
    skin, light = model.region == SKIN, person.skin.fallback.mean(axis=1)
    beside = skin & (np.linalg.norm(model.mean - places[corner], axis=1) < 0.008)
    beside &= np.abs(model.mean[:, 0]) > abs(places[corner, 0])
    cheek = skin & (np.linalg.norm(model.mean - places[CHEEK], axis=1) < 0.02)
    assert beside.sum() > 10 and light[beside].min() > 0.5 * light[cheek].mean()


def test_outlines_are_where_one_thing_stands_before_another(avatar: ZeraAvatar) -> None:
    canvas = avatar.person.canvas
    metre = canvas.camera.intrinsics[0, 0] / canvas.camera.world_to_camera[2, 3]
    depth = np.full((80, 120), np.inf)
    depth[:, 20:100] = np.arange(80)[:, None] * 3.0 / metre  # a steep surface
    depth[30:50, 40:70] -= 0.02  # and what stands before it, 2 cm nearer
    found = outlines_around(depth, canvas)
    reach = round(OUTLINE_REACH * metre)
    assert np.allclose(found[40, [39, 70]], depth[40, 69], atol=(1 + reach) * 3.0 / metre)
    assert np.isinf(found[40, [39 - reach - 2, 70 + reach + 2]]).all() and np.isinf(found[5]).all()
