"""The sheet that clothes are cut from: laid flat undistorted, cut along curves, carried on past the model's ends."""

from __future__ import annotations

import numpy as np

from backend.head.model import head_model
from backend.people.anchors import cast
from backend.people.cloth import draped
from backend.people.cloth_base import cloth_base
from backend.people.clothes import clothes
from backend.people.hair import hair
from backend.people.hair_on_clothes import lifted
from backend.people.limbs import LENGTH, open_edges, with_limbs
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Layer
from backend.people.skin import skin_surfaces
from backend.people.yoke import TOP, yoke


def neutral_of(seed: int) -> np.ndarray:
    return head_model().neutral(draw_identity(seed, draw_traits(seed))).astype(np.float32)


def test_rays_meet_a_tetrahedron_where_they_should() -> None:
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
    met = cast(np.zeros(3), np.array([[1.0, 1, -1], [-1, -1, -1.0]]), corners, faces)
    assert np.allclose(met.on(corners), [[1 / 3, 1 / 3, -1 / 3], [-1 / 3] * 3])


def test_panels_are_flat_without_distortion() -> None:
    base = cloth_base()
    for columns, side in ((slice(0, 2), 1), (slice(2, 4), -1)):
        faces = base.faces[(side * base.front[base.faces] > 0).all(axis=1)]
        flat, round_ = base.panels[:, columns][faces], base.mean[faces]
        lengths = [np.linalg.norm(at - np.roll(at, 1, axis=1), axis=-1) for at in (flat, round_)]
        ratio = lengths[0] / lengths[1]
        assert 0.95 < np.median(ratio) < 1.05
        assert np.percentile(ratio, 5) > 0.8
        assert np.percentile(ratio, 95) < 1.2


def test_ways_grow_down_the_body() -> None:
    points = yoke().sheet.on(head_model().mean)
    _, way = yoke().locate(points[:, ::4].reshape(-1, 3))
    wanted = TOP + 0.006 * np.arange(0, points.shape[1], 4)
    difference = np.abs(way.reshape(points.shape[0], -1) - wanted)
    assert np.median(difference) < 0.002


def test_a_cut_ends_on_its_curve() -> None:
    cloth = draped(neutral_of(1), 0.005, 3)
    cut = cloth.where(cloth.way - 0.03)
    assert cut.way.min() > 0.0299
    rim = np.unique(open_edges(cut.faces))
    assert (np.abs(cut.way[rim] - 0.03) < 1e-5).sum() > 50
    assert cut.faces.max() == len(cut.table) - 1


def test_bare_arms_go_on_below_the_model() -> None:
    seed = 2
    neutral = neutral_of(seed)
    skin = next(part for part in skin_surfaces(seed, draw_traits(seed), neutral) if part.layer == Layer.BODY)
    whole = with_limbs(skin)
    assert whole.vertices[:, 2].min() < skin.vertices[:, 2].min() - 0.8 * LENGTH
    assert whole.uv is not None and len(whole.uv) == len(whole.vertices) == len(whole.head_share)
    # the model's open ends are closed by what was added; texture seams are open edges too, but come in pairs
    middles = whole.vertices[open_edges(whole.faces)].mean(axis=1).round(5)
    unique, count = np.unique(middles, axis=0, return_counts=True)
    ends = unique[count == 1]
    assert not ((ends[:, 2] < neutral[:, 2].min() + 0.02) & (ends[:, 2] > neutral[:, 2].min() - 0.08)).any()


def test_long_hair_falls_over_a_hood() -> None:
    for seed in range(600, 640):
        traits, neutral = draw_traits(seed), neutral_of(seed)
        grown = hair(seed, traits, neutral)
        if grown.style.startswith("long"):
            break
    over = lifted(grown.strands, neutral, clothes(seed, traits, neutral, "hoodie"))
    moved = np.linalg.norm(over[0].points - grown.strands[0].points, axis=-1)
    assert moved[:, 0].max() < 1e-6
    assert moved.max() > 0.01
    assert lifted(grown.strands, neutral, clothes(seed, traits, neutral, "t-shirt")) is grown.strands
