"""Skin: its atlas, and what is painted on it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from backend.capture.correspondence import correspondence
from backend.head.model import head_model
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Layer, Surface
from backend.people.skin import skin_surfaces
from backend.people.skin_atlas import SIZE, skin_atlas
from backend.people.skin_regions import LIPS


def skin(seed: int, **changes: float) -> tuple[Surface, ...]:
    traits = replace(draw_traits(seed), **changes)
    neutral = head_model().neutral(draw_identity(seed, traits)).astype(np.float32)
    return skin_surfaces(seed, traits, neutral)


def at(surface: Surface, landmark: int) -> np.ndarray:
    """[3] mean colour of the texture around a landmark."""
    assert surface.texture is not None
    column, row = skin_atlas().landmarks[landmark].astype(int)
    return surface.texture[row - 6 : row + 7, column - 6 : column + 7].reshape(-1, 3).mean(axis=0)


def test_the_atlas_knows_where_its_texels_are() -> None:
    atlas = skin_atlas()
    marks = correspondence().on(head_model().mean)[:468]
    column, row = atlas.landmarks.T.astype(int)
    assert np.median(np.linalg.norm(atlas.position[row, column] - marks, axis=1)) < 0.001


def test_face_and_body_meet_along_the_jaw_without_a_gap() -> None:
    face, body = skin(0)
    assert (face.layer, body.layer) == (Layer.FACE, Layer.BODY)
    assert len(face.faces) + len(body.faces) >= len(skin_atlas().faces)
    chin = correspondence().on(head_model().neutral(draw_identity(0, draw_traits(0))))[152]
    assert body.vertices[:, 2].max() > chin[2]  # the neck goes on behind the jaw
    distance = np.linalg.norm(face.vertices[:, None] - body.vertices[None, ::1], axis=2).min(axis=1)
    assert np.sum(distance < 1e-6) > 40


def test_same_seed_same_skin() -> None:
    first, again, other = skin(3)[0], skin(3)[0], skin(4)[0]
    assert first.texture is not None and first.relief is not None and again.relief is not None
    assert np.array_equal(first.texture, again.texture) and np.array_equal(first.relief, again.relief)
    assert other.texture is not None and not np.array_equal(first.texture, other.texture)


def test_pigment_spans_the_tones_of_skin() -> None:
    shades = [at(skin(1, pigment=pigment, arbitrary=False, age=30)[0], 151) for pigment in (0.05, 0.35, 0.65, 0.95)]
    assert all(light.mean() > dark.mean() + 20 for light, dark in pairwise(shades))
    assert shades[0].mean() > 190 and shades[-1].mean() < 80
    for red, green, blue in shades:
        assert red > green > blue


def test_lips_are_redder_than_the_skin_around_them() -> None:
    for seed in range(4):
        face = skin(seed, arbitrary=False, age=30)[0]
        lip, chin = at(face, 17 if seed % 2 else 0), at(face, 199)
        assert lip[1] / lip[0] < chin[1] / chin[0]
    outline = skin_atlas().landmarks[LIPS]
    assert np.ptp(outline[:, 0]) > 0.08 * SIZE  # the face gets most of the texels


@pytest.mark.parametrize("seed", [2, 5])
def test_age_deepens_lines(seed: int) -> None:
    young, old = (skin(seed, age=age, arbitrary=False)[0].relief for age in (8, 85))
    assert young is not None and old is not None
    column, row = skin_atlas().landmarks[206].astype(int)  # on the fold from the nose to the mouth
    beside = np.s_[row - 8 : row + 9, column - 8 : column + 9]
    assert np.ptp(old[beside]) > 1.5 * np.ptp(young[beside])
