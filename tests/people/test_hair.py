"""Hair grows from the scalp, keeps out of the body and turns with the head."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from backend.head.model import bend, head_model
from backend.people.body_field import body_field, skin_faces, skin_normals
from backend.people.hair import Hair, hair, worn
from backend.people.hair_cuts import CUTS
from backend.people.hair_tint import Tint
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.render import render
from backend.people.scalp import Hairline, scalp_roots
from backend.people.scene import Layer, Person, Surface
from backend.people.studio import portrait_camera, studio_shot

TRAITS = draw_traits(4)
FULL = ["short", "side parting", "bob", "long", "afro", "ponytail"]


@lru_cache(maxsize=1)
def neutral() -> NDArray[np.float32]:
    return head_model().neutral(draw_identity(4, TRAITS)).astype(np.float32)


def wearing(cut: str) -> Hair:
    brown = np.array([0.3, 0.2, 0.1], np.float32)
    return worn(CUTS[cut], Hairline(), Tint(brown, brown, brown, 0, 0, 1, 1), neutral(), np.random.default_rng(1))


def heights(points: NDArray[np.floating], vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Metres from the skin, below 0 inside, by the planes of the triangles with the nearest of many samples.

    At the rim of an ear the nearest triangle may look away from a point outside: rare, so tests ask for percentiles.
    """
    faces = skin_faces()
    weights = np.random.default_rng(0).dirichlet([1, 1, 1], (len(faces), 40))
    surface = np.einsum("fnk,fkc->fnc", weights, vertices[faces]).reshape(-1, 3)
    across = vertices[faces]
    facing = np.cross(across[:, 1] - across[:, 0], across[:, 2] - across[:, 0])
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    nearest = cKDTree(surface).query(points)[1]
    return np.einsum("nc,nc->n", points - surface[nearest], facing[nearest // 40])


def test_a_seed_always_gives_the_same_hair() -> None:
    first, second = (hair(7, TRAITS, neutral()) for _ in range(2))
    assert first.style == second.style and len(first.strands) == len(second.strands) > 0
    for one, other in zip(first.strands, second.strands, strict=True):
        assert np.array_equal(one.points, other.points) and np.array_equal(one.colour, other.colour)
    assert not np.array_equal(first.strands[0].points[:50], hair(8, TRAITS, neutral()).strands[0].points[:50])


@pytest.mark.parametrize("cut", FULL + ["plaits", "long curls", "quiff"])
def test_hair_stays_out_of_head_neck_and_shoulders(cut: str) -> None:
    depth = -heights(wearing(cut).strands[0].points[:800, 1:].reshape(-1, 3), neutral())
    assert np.percentile(depth, 99.5) < 0.0005


@pytest.mark.parametrize("cut", ["long", "long waves"])
def test_long_hair_leaves_room_for_clothes_on_the_shoulders(cut: str) -> None:
    points = wearing(cut).strands[0].points.reshape(-1, 3)
    low = points[points[:, 2] < -0.19]
    assert len(low) > 1000 and np.percentile(heights(low[:8000], neutral()), 2) > 0.009


def test_roots_lie_on_the_scalp_and_not_on_the_face() -> None:
    roots = wearing("short").strands[0].points[:, 0]
    assert np.percentile(np.abs(heights(roots, neutral())), 99) < 0.0005
    mean = scalp_roots(Hairline(), 4000, np.random.default_rng(0)).on(head_model().mean)
    face = (mean[:, 1] < -0.07) & (mean[:, 2] < 0.05)
    ear = (np.abs(mean[:, 0]) > 0.082) & (mean[:, 2] < 0.0)
    assert not face.any() and not ear.any()


def test_only_the_hairline_bounds_the_scalp() -> None:
    model = head_model()
    high = model.mean[np.unique(skin_faces())]
    high = high[high[:, 2] > 0.095].astype(np.float32)
    assert len(high) > 30 and Hairline(sideburns=0.02).inside(high).min() > 0.01


@pytest.mark.parametrize("cut", ["long", "shoulder length", "long waves"])
def test_hair_that_is_no_fringe_hangs_beside_the_face(cut: str) -> None:
    plain = replace(CUTS[cut], fringe=None)
    for seed in range(3):
        grown = worn(
            plain,
            Hairline(),
            Tint(*np.full((3, 3), 0.3, np.float32), 0, 0, 1, 1),
            neutral(),
            np.random.default_rng(seed),
        )
        points = grown.strands[0].points
        over_face = (np.abs(points[..., 0]) < 0.03) & (points[..., 1] < -0.08) & (np.abs(points[..., 2] + 0.04) < 0.06)
        assert not over_face.any()


def test_what_recedes_bares_the_forehead_and_a_bald_crown_has_no_hair() -> None:
    bald = Hairline(forehead=0.03, crown=0.05)
    random = np.random.default_rng(0)
    before = scalp_roots(Hairline(), 4000, random).on(head_model().mean)
    after = scalp_roots(bald, 4000, random).on(head_model().mean)
    assert len(after) < 0.85 * len(before)
    crown = np.array([0, 0.043, 0.103])
    assert np.linalg.norm(after - crown, axis=1).min() > 0.04 > np.linalg.norm(before - crown, axis=1).min()


@pytest.mark.parametrize("cut", FULL)
def test_no_scalp_shines_through_a_full_cut_from_behind_and_above(cut: str) -> None:
    head, model = wearing(cut), head_model()
    skin = Surface(neutral(), skin_faces(), np.ones((len(neutral()), 3), np.float32), Layer.FACE, model.head_share)
    person = Person(4, TRAITS, np.zeros(80), neutral(), (skin, *head.surfaces), head.strands)
    for yaw, pitch in ((180, 0), (150, 40)):
        shot = replace(studio_shot(192), camera=portrait_camera(192, yaw, pitch, 0.35))
        shares = render(person, shot).masks[[Layer.FACE, Layer.HAIR]].astype(float)
        bare = replace(person, surfaces=(skin,), strands=())
        depth = render(bare, shot).depth
        rows, columns = np.nonzero(np.isfinite(depth))
        rays = (
            np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1) @ np.linalg.inv(shot.camera.intrinsics).T
        )
        seen = (
            rays * depth[rows, columns][:, None] - shot.camera.world_to_camera[:3, 3]
        ) @ shot.camera.world_to_camera[:3, :3]
        nearest = cKDTree(neutral()).query(seen)[1]
        scalp = Hairline().inside(model.mean[nearest].astype(np.float32)) > 0.01
        shown = shares[:, rows[scalp], columns[scalp]].sum(axis=1)
        assert shown[0] / shown.sum() < 0.02


def test_long_hair_turns_with_the_head_above_and_stays_with_the_torso_below() -> None:
    strands = wearing("long").strands[0]
    share = strands.head_share
    assert (np.diff(share, axis=1) < 1e-5).all() and (share[:, 0] > 0.4).all()
    resting = strands.points[:, -1, 2] < -0.25
    assert resting.sum() > 100 and share[resting, -1].max() < 0.15


@pytest.mark.parametrize("cut", ["long", "bob"])
def test_turning_the_head_drives_no_hair_into_the_shoulders(cut: str) -> None:
    strands, model = wearing(cut).strands[0], head_model()
    turn, still = np.array([0, 0, np.radians(30)]), np.zeros(3)
    posed = bend(neutral(), model.head_share, turn, still)
    points = bend(strands.points[:700, 1:].reshape(-1, 3), strands.head_share[:700, 1:].reshape(-1), turn, still)
    assert np.percentile(-heights(points, posed), 98) < 0.003


def test_every_cut_grows_within_the_budget() -> None:
    for name in CUTS:
        head = wearing(name)
        quads = sum(group.points.shape[0] * (group.points.shape[1] - 1) for group in head.strands)
        assert quads < 52_000
        for group in head.strands:
            assert np.isfinite(group.points).all() and (group.half_width >= 0).all()
            assert group.colour.min() >= 0 and group.colour.max() <= 1


def test_the_field_knows_the_distance_to_the_mean_skin() -> None:
    mean = head_model().mean.astype(np.float32)
    skin = np.unique(skin_faces())
    scalp = skin[Hairline().inside(mean[skin]) > 0.01]
    normals = skin_normals(mean)
    for height in (-0.004, 0.0, 0.01, 0.03):
        distance, _ = body_field().clearance(mean[scalp] + normals[scalp] * np.float32(height))
        assert np.percentile(np.abs(distance - height), 99) < 0.003
