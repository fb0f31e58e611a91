"""Pictures of people against the camera's own projection, against the light they are drawn under, and one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.capture.pncc import pncc
from backend.head.model import EYE, head_model
from backend.people.person import make_person
from backend.people.render import render
from backend.people.scene import (
    Layer,
    Light,
    Lighting,
    Material,
    Person,
    Picture,
    Shot,
    Strands,
    Surface,
    Traits,
)
from backend.people.shots import draw_shots
from backend.people.studio import portrait_camera, studio_shot

SIZE = 96


def grey_head() -> Person:
    """The mean head in one grey, its eyes in another."""
    model = head_model()
    neutral = model.mean.astype(np.float32)
    own = np.repeat(np.arange(len(neutral), dtype=np.int32)[:, None], 3, axis=1)
    weights = np.tile(np.array([1, 0, 0], np.float32), (len(neutral), 1))
    of_eye = (model.region == EYE)[model.faces].all(axis=1)
    surfaces = tuple(
        Surface(
            neutral,
            model.faces[chosen].astype(np.int32),
            np.full((len(neutral), 3), colour, np.float32),
            layer,
            model.head_share.astype(np.float32),
            carriers=own,
            carrier_weights=weights,
        )
        for chosen, colour, layer in ((~of_eye, 0.7, Layer.FACE), (of_eye, 0.3, Layer.EYES))
    )
    traits = Traits(30, 0.5, 0.5, 0.4, 0.7, 0.2, 0.0, False)
    return Person(0, traits, np.zeros(80, np.float32), neutral, surfaces, ())


def plate(centre: tuple[float, float, float], half: float, layer: Layer, material: Material) -> Surface:
    """A square across the line of sight of a camera in front, grey."""
    x, y, z = centre
    corners = np.array(
        [[x - half, y, z - half], [x + half, y, z - half], [x + half, y, z + half], [x - half, y, z + half]]
    )
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    grey = np.full((4, 3), 0.5, np.float32)
    return Surface(
        corners.astype(np.float32), faces, grey, layer, np.ones(4, np.float32), material=material, two_sided=True
    )


def lit_from(direction: tuple[float, float, float], size: int = SIZE) -> Shot:
    """A shot from the front under one sharp lamp."""
    towards = np.array(direction, np.float32) / np.linalg.norm(direction)
    dark = np.full(3, 0.05, np.float32)
    lighting = Lighting((Light(towards.astype(np.float32), np.ones(3, np.float32), 0.01),), dark, dark)
    return replace(studio_shot(size), camera=portrait_camera(size, height=0.3), lighting=lighting)


@pytest.fixture(scope="module")
def head() -> Person:
    return grey_head()


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    """Two drawn people in two shots each."""
    drawn = []
    for seed in (3, 7):
        person = make_person(seed)
        drawn += [render(person, shot) for shot in draw_shots(person, seed, 2, SIZE)]
    return drawn


def test_a_seed_is_a_picture(pictures: list[Picture]) -> None:
    person = make_person(3)
    again = render(person, draw_shots(person, 3, 2, SIZE)[1])
    for name in ("rgb", "masks", "depth", "normals", "pncc", "head"):
        assert np.array_equal(getattr(again, name), getattr(pictures[1], name)), name
    assert not np.array_equal(pictures[0].rgb, pictures[1].rgb)


def test_masks_share_every_pixel_and_agree_with_the_depth(pictures: list[Picture]) -> None:
    for picture in pictures:
        assert (picture.masks.sum(axis=0, dtype=int) == 255).all()
        assert np.array_equal(picture.masks[Layer.BACKGROUND] == 255, np.isinf(picture.depth))
    hair = np.stack([picture.masks[Layer.HAIR] for picture in pictures])
    assert ((hair > 0) & (hair < 255)).sum() > 200  # soft, not cut out


def test_normals_are_unit_vectors_towards_the_camera(pictures: list[Picture]) -> None:
    for picture in pictures:
        camera, seen = picture.shot.camera, np.isfinite(picture.depth)
        np.testing.assert_allclose(np.linalg.norm(picture.normals[seen], axis=1), 1, atol=1e-3)
        assert (picture.normals[~seen] == 0).all()
        rows, columns = np.nonzero(seen)
        pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
        rays = (camera.world_to_camera[:3, :3].T @ np.linalg.inv(camera.intrinsics) @ pixels).T
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        assert ((picture.normals[seen] * rays).sum(axis=1) < 0.1).mean() > 0.97


def test_coordinates_are_those_of_capture(pictures: list[Picture]) -> None:
    for picture in pictures:
        expected = pncc(picture.head.astype(np.float64), picture.shot.camera)
        same = np.abs(picture.pncc - expected).max(axis=-1) < 1e-3
        assert same.mean() > 0.995  # pixels whose centres lie on an edge may go either way


def test_a_turned_and_talking_head_stands_where_the_model_says(head: Person) -> None:
    shot = replace(
        studio_shot(192, expression={"jawOpen": 0.5}),
        rotation=np.array([0.1, 0.05, 0.4], np.float32),
        location=np.array([0.01, -0.02, 0.015], np.float32),
    )
    picture = render(head, shot)
    places = shot.camera.project(picture.head.astype(np.float64))
    front = picture.head[:, 1] < np.quantile(picture.head[:, 1], 0.02)  # nose and lips
    columns, rows = places[front, :2].astype(int).T
    assert np.median(np.abs(picture.depth[rows, columns] - places[front, 2])) < 0.002
    assert np.quantile(np.abs(picture.depth[rows, columns] - places[front, 2]), 0.9) < 0.02


def test_a_lamp_lights_its_own_side(head: Person) -> None:
    left = render(head, lit_from((1, -0.3, 0))).rgb.astype(float)
    right = render(head, lit_from((-1, -0.3, 0))).rgb.astype(float)
    middle = SIZE // 2
    assert left[:, middle:].mean() > left[:, :middle].mean() + 10  # the person's left is on the picture's right
    assert right[:, :middle].mean() > right[:, middle:].mean() + 10


def shadow_of(head: Person, softness: float) -> NDArray[np.float64]:
    """[SIZE, SIZE] what a plate over the forehead takes from the light that comes from the front and above."""
    shot = lit_from((0, -1, 0.6))
    light = replace(shot.lighting.lights[0], softness=softness)
    shot = replace(shot, lighting=replace(shot.lighting, lights=(light,)))
    shade = plate((0.0, -0.25, 0.13), 0.03, Layer.HEADWEAR, Material())
    shaded = render(replace(head, surfaces=(*head.surfaces, shade)), shot)
    lost = render(head, shot).rgb.astype(float).mean(axis=-1) - shaded.rgb.mean(axis=-1)
    return np.where(shaded.masks[Layer.HEADWEAR] == 0, lost, 0)


def test_shadows_fall_and_soft_lamps_blur_them(head: Person) -> None:
    hard, soft = shadow_of(head, 0.01), shadow_of(head, 0.5)
    assert (hard > 60).sum() > 60
    edge = (hard > 8).sum() - (hard > 60).sum()
    assert (soft > 8).sum() - (soft > 60).sum() > 1.5 * edge


def test_an_eye_is_seen_through_a_lens(head: Person) -> None:
    eye = head.neutral[head_model().region == EYE].astype(float)
    x = float(eye[eye[:, 0] > 0, 0].mean())
    shot = lit_from((0.3, -1, 0.3))
    bare = render(head, shot)
    seen = bare.masks[Layer.EYES] == 255
    for opacity, least, most in ((0.1, 215, 235), (1.0, 0, 0)):
        lens = plate((x, -0.16, 0.0), 0.03, Layer.GLASSES, Material(specular=0.04, roughness=0.1, opacity=opacity))
        picture = render(replace(head, surfaces=(*head.surfaces, lens)), shot)
        behind = seen & (picture.masks[Layer.GLASSES] > 0)
        assert behind.sum() > 5
        assert ((picture.masks[Layer.EYES][behind] >= least) & (picture.masks[Layer.EYES][behind] <= most)).all()
        assert (picture.masks.sum(axis=0, dtype=int) == 255).all()
        difference = np.abs(picture.rgb[behind].astype(int) - bare.rgb[behind]).mean()
        assert difference < 40 if opacity < 1 else difference > 10


def test_hair_narrower_than_a_pixel_covers_its_share(head: Person) -> None:
    pixel = 0.3 / SIZE  # metres at the head
    columns = np.linspace(-0.1, 0.1, 40)
    points = np.zeros((40, 6, 3), np.float32)
    points[..., 0] = columns[:, None] + np.linspace(0, 0.01, 6)
    points[..., 1], points[..., 2] = -0.16, np.linspace(-0.08, 0.08, 6)
    covered = []
    for share in (0.15, 0.3, 0.6):
        hair = Strands(
            points,
            np.full(points.shape[:2], share * pixel / 2, np.float32),
            np.full(points.shape, 0.3, np.float32),
            Layer.HAIR,
            np.ones(points.shape[:2], np.float32),
        )
        picture = render(replace(head, strands=(hair,)), lit_from((0, -1, 0.3)))
        covered.append(picture.masks[Layer.HAIR].sum() / 255 * pixel**2)
        partial = (picture.masks[Layer.HAIR] > 0) & (picture.masks[Layer.HAIR] < 255)
        assert share > 0.5 or partial.sum() > 0.8 * (picture.masks[Layer.HAIR] > 0).sum()
    # nearer than the head's middle by a tenth
    expected = 40 * 0.16 * pixel * np.array([0.15, 0.3, 0.6]) * 1.2
    np.testing.assert_allclose(covered, expected, rtol=0.2)


def test_four_lamps_are_one_too_many(head: Person) -> None:
    shot = lit_from((0, -1, 0))
    lighting = replace(shot.lighting, lights=shot.lighting.lights * 4)
    with pytest.raises(ValueError, match="at most 3"):
        render(head, replace(shot, lighting=lighting))


def test_sizes_and_shapes_in_turn_do_not_disturb_each_other(head: Person) -> None:
    shot = lit_from((0.5, -1, 0.3), 64)
    wide = replace(shot, camera=replace(shot.camera, width=90, height=50))
    first = render(head, shot)
    assert render(head, wide).rgb.shape == (50, 90, 3)
    assert np.array_equal(render(head, shot).rgb, first.rgb)
