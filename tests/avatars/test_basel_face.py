"""The Basel Face Model on a photograph: its fit, ARKit's actions in its expressions and back, its PNCC and its pose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.avatars.real3d.bfm import BaselModel, load_basel_model
from backend.avatars.real3d.bfm_actions import UNSEEN, BaselActions
from backend.avatars.real3d.bfm_fit import BaselFit, fit_basel
from backend.avatars.real3d.canonical import MEAN_FRAME
from backend.avatars.real3d.face import AnnyFace, BaselFace
from backend.avatars.real3d.portrait import BaselPortrait
from backend.avatars.real3d.pose import Pose
from backend.capture.correspondence import correspondence
from backend.head.model import head_model
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.camera import Camera

from .synthetic_bfm import synthetic_folder

FRONTAL = Pose(np.zeros(3), np.zeros(3))
POSED = Pose(np.array([0.15, -0.2, 0.05]), np.array([0.1, -0.15, -0.8]))


@pytest.fixture(scope="module")
def model() -> BaselModel:
    return load_basel_model(synthetic_folder())


@pytest.fixture(scope="module")
def actions(model: BaselModel) -> BaselActions:
    return BaselActions.of(model)


def somebody(model: BaselModel) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Vertices and expression."""
    dice = np.random.default_rng(1)
    expression = dice.normal(0, 0.5, 64)
    return model.expressed(model.neutral(dice.normal(0, 0.7, 80)), expression), expression


def seen(model: BaselModel, vertices: NDArray[np.float32], pose: Pose) -> NDArray[np.float64]:
    """[468, 2] what mediapipe would find; far off where the model has no vertex."""
    marks = np.full((468, 2), 7.0)
    marks[model.marked] = pose.project(vertices[model.marks[model.marked]])
    return marks


def published_error(model: BaselModel, marks: NDArray[np.float64], values: torch.Tensor) -> torch.Tensor:
    """As ``seed_systems.md`` 1.10 tells it: identity, expression, Euler angles and translation in one row."""
    identity, expression, euler, trans = values.split([80, 64, 3, 3])
    basis = [torch.from_numpy(model.at_landmarks(part)) for part in (model.identity, model.expression)]
    mean = torch.from_numpy(model.mean[model.marks[model.marked]].astype(np.float64))
    shape = mean + basis[0] @ identity + basis[1] @ expression
    (sx, sy, sz), (cx, cy, cz) = torch.sin(euler), torch.cos(euler)
    one, zero = torch.ones_like(sx), torch.zeros_like(sx)
    x = torch.stack([one, zero, zero, zero, cx, -sx, zero, sx, cx]).view(3, 3)
    y = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy]).view(3, 3)
    z = torch.stack([cz, -sz, zero, sz, cz, zero, zero, zero, one]).view(3, 3)
    place = shape @ (z @ y @ x).T + trans
    canvas = 1015 * place[:, :2] / (10 - place[:, 2:]) + 112  # y upwards
    wanted = torch.from_numpy((marks[model.marked] * (1, -1) + 1) * 112)
    weights = torch.ones(468, dtype=torch.float64)
    eyes = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
    eyes += [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]
    lips = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
    lips += [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
    weights[eyes], weights[lips] = 5.0, 2.0
    misfit = (weights[model.marked, None] * (canvas - wanted) ** 2).sum() / (468 * 2)
    return misfit + 0.3 * (identity**2).mean() + 0.05 * (expression**2).mean()


def test_the_fit_is_the_bottom_of_the_published_error(model: BaselModel) -> None:
    vertices, _ = somebody(model)
    marks = seen(model, vertices, POSED) + np.random.default_rng(2).normal(0, 0.003, (468, 2))
    fit = fit_basel(model, marks, FRONTAL)
    values = np.concatenate([fit.identity, fit.expression, fit.pose.euler, fit.pose.trans])
    at = torch.from_numpy(values).requires_grad_()
    error = published_error(model, marks, at)
    error.backward()
    start = published_error(model, marks, torch.cat([torch.zeros(147), at[147:].detach()]))
    assert error < 0.02 * start
    assert at.grad.abs().max() < 1e-6


def test_a_face_is_found_again(model: BaselModel) -> None:
    vertices, expression = somebody(model)
    marks = seen(model, vertices, POSED)
    fit = fit_basel(model, marks, FRONTAL)
    found = model.expressed(model.neutral(fit.identity), fit.expression)
    pixels = 112 * (seen(model, found, fit.pose) - marks)
    assert np.sqrt((pixels**2).mean()) < 0.3
    assert np.abs(fit.pose.euler - POSED.euler).max() < 0.05
    # one picture leaves some of it open: what is identity, what expression
    basis = model.at_landmarks(model.expression)
    motion, wanted = (basis @ fit.expression).ravel(), (basis @ expression).ravel()
    assert motion @ wanted / np.linalg.norm(motion) / np.linalg.norm(wanted) > 0.85
    again = fit_basel(model, marks, FRONTAL)
    assert np.array_equal(again.expression, fit.expression)


def test_actions_move_the_landmarks_as_they_move_the_head_models(model: BaselModel, actions: BaselActions) -> None:
    basis = model.at_landmarks(model.expression)
    offsets = correspondence().on(head_model().actions)[:, model.marked]
    for name in ("jawOpen", "mouthSmileLeft", "mouthPucker", "browInnerUp"):
        wanted = MEAN_FRAME.scale * offsets[ARKIT_INDEX[name]] @ MEAN_FRAME.rotation.T
        moved = basis @ actions.expressions(np.eye(52)[ARKIT_INDEX[name]])
        assert np.linalg.norm(moved - wanted) < 0.15 * np.linalg.norm(wanted), name


def test_actions_come_back(actions: BaselActions) -> None:
    alone = actions.coefficients(0.8 * actions.expressions(np.eye(52)))
    assert alone.dtype == np.float32 and alone.min() >= 0 and alone.max() <= 1
    assert np.abs(alone - 0.8 * np.eye(52))[~UNSEEN].max() < 0.1
    assert (alone[:, UNSEEN] == 0).all()
    dice = np.random.default_rng(0)
    mixed = dice.uniform(0, 1, (60, 52)) * (dice.uniform(size=(60, 52)) < 0.2) * ~UNSEEN
    assert np.sqrt(((actions.coefficients(actions.expressions(mixed)) - mixed) ** 2).mean()) < 0.08
    # what no actions make is met as well as they can
    free = dice.normal(0, 0.5, (20, 64))
    left = np.linalg.norm((actions.expressions(actions.coefficients(free)) - free) @ actions.metric.T, axis=1)
    assert (left < np.linalg.norm(free @ actions.metric.T, axis=1)).all()


@pytest.fixture(scope="module")
def photograph() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64], Camera]:
    """Neutral head, coefficients, head to world, camera: a smiling person somewhat turned, seen from a metre."""
    coefficients = np.zeros(len(ARKIT_NAMES), np.float32)
    coefficients[[ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"], ARKIT_INDEX["jawOpen"]]] = (
        0.5,
        0.5,
        0.2,
    )
    head_to_world = np.eye(4)
    head_to_world[:3, :3] = Rotation.from_euler("xyz", [0.05, 0.02, 0.25]).as_matrix()
    look = np.array([[1.0, 0, 0, 0.02], [0, 0, -1, 0.01], [0, 1, 0, 1.0], [0, 0, 0, 1]])
    camera = Camera(np.array([[1400.0, 0, 250], [0, 1400, 260], [0, 0, 1]]), look, 512, 512)
    neutral = head_model().neutral(np.random.default_rng(3).normal(0, 0.5, 80)).astype(np.float32)
    return neutral, coefficients, head_to_world, camera


@pytest.fixture(scope="module")
def faces(model: BaselModel, photograph: tuple) -> tuple[AnnyFace, BaselFace, BaselFit]:
    own = AnnyFace(*photograph)
    camera = photograph[3]
    world = own.head.marks @ photograph[2][:3, :3].T + photograph[2][:3, 3]
    fit = fit_basel(model, camera.project(world)[:, :2] * 2 / 512 - 1, own.head.photographed)
    return own, BaselFace(model, fit, photograph[1], own), fit


def test_pictures_carry_the_published_colours(model: BaselModel, faces: tuple[AnnyFace, BaselFace, BaselFit]) -> None:
    _, face, _ = faces
    picture = face.pncc(face.neutral, 512)
    assert picture.shape == (512, 512, 3) and picture.dtype == np.float32
    assert (picture[0] == -1).all() and (picture >= -1).all() and (picture <= 1).all()
    places = (seen(model, face.neutral, FRONTAL)[model.marked] + 1) * 256
    column, row = np.floor(places).astype(int).T
    wanted = 2 * model.colours[model.marks[model.marked]] - 1
    shown = (picture[row, column] > -1).any(axis=1)
    assert shown.mean() > 0.9  # some lie on the rims of eyes and mouth
    assert np.median(np.abs(picture[row, column] - wanted)[shown]) < 0.01
    assert np.quantile(np.abs(picture[row, column] - wanted)[shown], 0.95) < 0.05
    for middle in ((33, 133), (263, 362)):
        corners = (seen(model, face.neutral, FRONTAL)[list(middle)] + 1) * 256
        x, y = corners.mean(axis=0).astype(int)
        assert (picture[y - 1 : y + 2, x - 1 : x + 2] == -1).all()  # eyes are holes


def test_facial_actions_move_from_the_photograph(
    photograph: tuple, faces: tuple[AnnyFace, BaselFace, BaselFit]
) -> None:
    _, face, fit = faces
    assert np.abs(face.expressed(photograph[1]) - face.photographed).max() < 1e-5
    opened = photograph[1].copy()
    opened[ARKIT_INDEX["jawOpen"]] += 0.5
    chin = np.asarray(face.expressed(opened) - face.photographed)[:, 1].min()
    assert chin < -0.1  # units, downwards
    exact = np.linspace(-1, 1, 64)
    assert np.array_equal(face.expressed(opened, fit.expression), face.photographed)
    assert np.abs(face.expressed(opened, exact) - face.neutral).max() > 0.01


def test_the_head_turns_from_where_the_photograph_has_it(
    model: BaselModel, faces: tuple[AnnyFace, BaselFace, BaselFit]
) -> None:
    own, face, fit = faces
    rest = face.head.moved()
    assert np.abs(rest.euler - fit.pose.euler).max() < 1e-9 and np.abs(rest.trans - fit.pose.trans).max() < 1e-6
    for rotation, location in (((0.0, 0.0, 0.3), (0, 0, 0)), ((0.2, 0.1, -0.2), (0.02, 0.0, -0.01))):
        turned, wanted = face.head.moved(rotation, location), own.head.moved(rotation, location)
        ours = turned.rotation @ rest.rotation.T
        theirs = wanted.rotation @ own.head.photographed.rotation.T
        assert Rotation.from_matrix(ours @ theirs.T).magnitude() < 0.03
        # the face stays where the head model's is
        marks = face.photographed[model.marks[model.marked]], own.frame.places(own.head.marks)[model.marked]
        apart = turned.project(marks[0]).mean(axis=0) - wanted.project(marks[1]).mean(axis=0)
        assert np.abs(apart).max() < 0.02
    points = face.keypoints(face.photographed, rest)
    assert points.shape == (4, 2) and np.abs(points).max() <= 1
    assert points[0, 0] < points[1, 0] < points[2, 0]  # right end of the jaw, chin, left end
    assert points[3, 1] < points[1, 1]  # the nose's root above the chin
    assert np.abs(points - own.keypoints(own.photographed, own.head.photographed)).max() < 0.1


def test_the_avatar_keeps_coefficients_only(faces: tuple[AnnyFace, BaselFace, BaselFit], tmp_path: Path) -> None:
    kept = BaselPortrait(tmp_path / "elsewhere" / "BFM", faces[2])
    description = json.loads(json.dumps(kept.to_json()))
    assert len(json.dumps(description)) < 5000
    found = BaselPortrait.found(description, tmp_path / "a.limner")
    assert found.folder == kept.folder
    assert np.array_equal(found.fit.identity, kept.fit.identity) and np.array_equal(
        found.fit.pose.trans, kept.fit.pose.trans
    )
    (tmp_path / "BFM").mkdir()
    assert BaselPortrait.found(description, tmp_path / "a.limner").folder == tmp_path / "BFM"
    with pytest.raises(ValueError):
        BaselPortrait.found({**description, "expression": [0.0] * 63}, tmp_path / "a.limner")
