"""The mouth's inside: how light falls into it, and its colours beside skin and lips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.avatars.interface import FrameRequest
from backend.avatars.zera import render
from backend.avatars.zera.avatar import ZeraAvatar
from backend.avatars.zera.levels import CanvasLevels, Level
from backend.avatars.zera.mouth import RIM_SHADE, as_lit, light_in_mouth, mouth_colours, with_rims
from backend.avatars.zera.sight import Sight
from backend.head.model import GUM, MOUTH_CAVITY, SKIN, TEETH, TONGUE, head_model
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES

SKIN_COLOUR, LIPS = np.array([0.8, 0.6, 0.5]), np.array([0.7, 0.35, 0.35])


def light(**values: float) -> np.ndarray:
    """[V] in the mean head with some actions."""
    model, coefficients = head_model(), np.zeros(len(ARKIT_NAMES))
    for name, value in values.items():
        coefficients[ARKIT_INDEX[name]] = value
    return light_in_mouth(model.expressed(model.mean, coefficients))


def test_the_wider_the_mouth_the_more_light_falls_in_and_the_less_the_deeper() -> None:
    model = head_model()
    tongue = np.flatnonzero(model.region == TONGUE)
    opened = [light(jawOpen=value)[tongue].mean() for value in (0.0, 0.2, 0.5, 1.0)]
    assert opened == sorted(opened) and opened[0] < 0.45 < opened[-1] < 1
    middle = tongue[np.abs(model.mean[tongue, 0]) < 0.004]
    front, back = (middle[np.argsort(model.mean[middle, 1])[part]] for part in (slice(0, 4), slice(-4, None)))
    assert light(jawOpen=0.6)[front].mean() > 1.3 * light(jawOpen=0.6)[back].mean()


def test_faces_and_tongues_put_out_have_all_the_light() -> None:
    model = head_model()
    shut, out = light(), light(tongueOut=1, jawOpen=0.3)
    outside = (model.region == SKIN) & (np.abs(model.mean[:, 2] + 0.07) > 0.02)
    assert (shut[outside] == 1).all() and (shut > 0.2).all() and shut.max() == 1
    tip = np.flatnonzero(model.region == TONGUE)[model.mean[model.region == TONGUE, 1].argmin()]
    assert out[tip] > 0.95 > 0.5 > shut[tip]


def test_teeth_are_light_flesh_is_red_and_black_and_white_has_no_colours() -> None:
    model = head_model()
    plain = np.repeat(SKIN_COLOUR[None], len(model.mean), axis=0)
    colours = mouth_colours(plain, SKIN_COLOUR, LIPS, None)
    teeth, tongue, gum = (colours[model.region == part] for part in (TEETH, TONGUE, GUM))
    assert SKIN_COLOUR.mean() < teeth.max(axis=0).mean() <= 0.95
    assert (tongue[:, 0] > 1.3 * tongue[:, 1]).all() and (gum[:, 0] > 1.3 * gum[:, 2]).all()
    np.testing.assert_array_equal(colours[model.region == SKIN], plain[model.region == SKIN])
    grey = mouth_colours(plain.mean(axis=1, keepdims=True).repeat(3, 1), np.full(3, 0.6), np.full(3, 0.4), None)
    assert np.ptp(grey, axis=1).max() < 1e-6
    assert np.ptp(as_lit(np.array([0.8, 0.5, 0.5]), np.array([0.95, 0.92, 0.9]), LIPS)) > 0.2  # pale skin, red lips


def test_the_lips_colour_goes_on_over_their_hidden_rims_and_into_the_mouth() -> None:
    model = head_model()
    seen = (model.region == SKIN) & (model.mean[:, 1] < -0.11)
    around = np.linalg.norm(model.mean - model.mean[model.region == TEETH].mean(axis=0), axis=1)
    photograph = np.where((np.abs(model.mean[:, 2] + 0.07) < 0.008)[:, None], LIPS, SKIN_COLOUR)
    smooth = np.repeat(SKIN_COLOUR[None], len(model.mean), axis=0)
    colours, lips = with_rims(smooth, photograph, seen.astype(float))
    assert lips is not None and np.abs(lips - LIPS).max() < 0.02
    hidden = np.flatnonzero((colours != smooth).any(axis=1))
    share = colours[hidden] / LIPS
    assert len(hidden) > 30 and share.min() > 0.7 and share.max() < 1.05 and np.ptp(share, axis=1).max() < 0.05
    assert around[hidden].max() < 0.05
    wall = mouth_colours(colours, SKIN_COLOUR, lips, None)[model.region == MOUTH_CAVITY]
    assert np.abs(wall - RIM_SHADE * LIPS).sum(axis=1).min() < 0.15
    assert with_rims(smooth, photograph, np.zeros(len(smooth)))[1] is None


def test_edges_inside_the_mouth_are_soft(avatar: ZeraAvatar, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn at three times the size and made smaller, a mouth is nearly what it is at its own size."""
    coefficients = avatar.coefficients.copy()
    coefficients[ARKIT_INDEX["jawOpen"]] += 0.4

    def frame(size: int) -> np.ndarray:
        return avatar.render(FrameRequest(coefficients, size=size)).rgba[..., :3].astype(float)

    small = frame(160)
    large = frame(480).reshape(*[side for length in small.shape[:2] for side in (length, 3)], 3).mean(axis=(1, 3))
    monkeypatch.setattr(render, "FINER", 1)
    stepped = frame(160)
    changed = (np.abs(stepped - small) > 12).any(axis=2)
    assert changed.sum() > 10
    assert np.abs(small - large)[changed].mean() < 0.6 * np.abs(stepped - large)[changed].mean()


def test_upper_teeth_keep_what_the_photograph_shows_only_where_it_looks_like_teeth(avatar: ZeraAvatar) -> None:
    """The astronaut smiles with her teeth; of lips that were taken for a mouth's inside nothing may stay behind."""
    person, model = avatar.person, head_model()
    skin = person.canvas.skin.copy()
    skin[person.canvas.cut[..., 2] > 100] = (160, 70, 60)
    red = replace(person, canvas=replace(person.canvas, skin=skin))
    coefficients = person.coefficients.copy()
    coefficients[ARKIT_INDEX["jawOpen"]] = 0.6
    opened = person.expressed(coefficients)
    rides_on_jaw = np.linalg.norm(model.actions[ARKIT_INDEX["jawOpen"]], axis=1) > 0.004
    upper, lower = (model.region == TEETH) & ~rides_on_jaw, (model.region == TEETH) & rides_on_jaw
    shown = {}
    for name, each in (("teeth", person), ("lips", red)):
        sight = Sight(each, model.faces, CanvasLevels(each.canvas, Level, torch.device("cpu")))
        for vertices in (person.source_vertices, opened):
            travel = np.linalg.norm(vertices - person.source_vertices, axis=1)
            left = sight.dimmed(torch.ones(len(travel), 1), person.to_world(vertices), travel)[:, 0].numpy()
            shown[name, vertices is opened] = tuple(float(left[row].mean()) for row in (upper, lower))
    assert shown["teeth", False] == shown["lips", False] == pytest.approx((1, 1), abs=1e-5)
    assert shown["teeth", True][0] > 0.9 and shown["teeth", True][1] < 0.1
    assert max(shown["lips", True]) < 0.1
