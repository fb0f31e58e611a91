"""Clothes fit anybody, cover the open end of the head model and stay outside the skin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from backend.head.model import bend, head_model
from backend.people.clothes import clothes
from backend.people.normals import head_normals
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Traits
from backend.people.wardrobe import GARMENTS


def body(seed: int) -> tuple[Traits, np.ndarray]:
    traits = draw_traits(seed)
    return traits, head_model().neutral(draw_identity(seed, traits)).astype(np.float32)


def test_the_same_seed_wears_the_same() -> None:
    traits, neutral = body(4)
    first, second = clothes(4, traits, neutral), clothes(4, traits, neutral)
    assert first.style == second.style
    for one, other in zip(first.surfaces, second.surfaces, strict=True):
        assert np.array_equal(one.vertices, other.vertices)
        assert np.array_equal(one.texture, other.texture) if one.texture is not None else other.texture is None


@pytest.mark.parametrize("garment", ["t-shirt", "suit", "turtleneck", "hoodie"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cloth_stays_outside_the_skin_when_the_head_turns(garment: str, seed: int) -> None:
    traits, neutral = body(seed)
    worn = clothes(seed, traits, neutral, garment)
    model = head_model()
    turn = np.radians([0, 0, 30])
    posed = bend(neutral, model.head_share, turn, np.zeros(3))
    normals = head_normals(posed)
    skin = np.flatnonzero((model.region == 0) & (np.abs(model.mean[:, 0]) < 0.2))  # not the open ends of the arms
    tree = cKDTree(posed[skin])
    for surface in worn.surfaces:
        points = bend(surface.vertices, surface.head_share, turn, np.zeros(3))
        near, index = tree.query(points)
        height = ((points - posed[skin[index]]) * normals[skin[index]]).sum(axis=1)
        near_torso = near < 0.02
        assert not near_torso.any() or height[near_torso].min() > -0.004  # half the sag of the skin's coarse triangles


def test_the_open_end_of_the_body_is_covered() -> None:
    traits, neutral = body(5)
    for garment in ("t-shirt", "shirt", "hoodie"):
        cloth = np.concatenate([surface.vertices for surface in clothes(5, traits, neutral, garment).surfaces])
        assert cloth[:, 2].min() < neutral[:, 2].min() - 0.2


def test_every_garment_is_made_of_sound_meshes() -> None:
    traits, neutral = body(6)
    for garment in GARMENTS:
        for surface in clothes(6, traits, neutral, garment).surfaces:
            assert np.isfinite(surface.vertices).all()
            assert surface.faces.min() >= 0
            assert surface.faces.max() < len(surface.vertices)
            assert (surface.head_share >= 0).all() and (surface.head_share <= 1).all()


def test_people_wear_different_things() -> None:
    styles = {clothes(seed, *body(seed)).style for seed in range(40)}
    assert len(styles) > 8
