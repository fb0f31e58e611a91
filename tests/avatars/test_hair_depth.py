"""Hair's shell stands where a network tells that hair is, in a made-up network's words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.avatars.zera import build
from backend.avatars.zera.data import Person
from backend.avatars.zera.hair_depth import relief_network, told_depth
from backend.capture.detection import FaceLandmarks, detect_face
from backend.capture.fit import HeadFit, fit_heads
from backend.capture.masks import Masks, segment
from backend.networks.face_parsing import FaceParsingConfig
from backend.networks.hair_relief import INPUTS, HairRelief, gone_on
from backend.weights import without_weights
from shared.progress import silent

NEARER = 0.06  # of the crop's side: about 4 centimetres
Fitted = tuple[NDArray[np.uint8], FaceLandmarks, Masks, HeadFit]


@dataclass(frozen=True)
class MadeUp:
    """Takes all for a head that is too far away by ``error``, and hair for nearer than the head model there."""

    error: float = 0.0
    config: FaceParsingConfig = field(default_factory=lambda: FaceParsingConfig(INPUTS, 1, size=64))

    def __call__(self, rgb: Tensor, shares: Tensor, head: Tensor, there: Tensor) -> Tensor:
        return gone_on(head, there) + self.error - NEARER * shares[:, 1:2]


@pytest.fixture(scope="module")
def fitted(photograph: NDArray[np.uint8]) -> Fitted:
    face = detect_face(photograph)
    fit = fit_heads([face], [photograph.shape[1::-1]])[0]
    return photograph, face, segment(photograph, face), fit


def _lifted(fitted: Fitted, network: MadeUp | None) -> Person:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "relief_network", lambda: network)
        return build.lift(*fitted, silent)


@pytest.fixture(scope="module")
def plain(fitted: Fitted) -> Person:
    return _lifted(fitted, None)


@pytest.fixture(scope="module")
def told(fitted: Fitted) -> Person:
    return _lifted(fitted, MadeUp())


def _depths(person: Person) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """[N] the hair's front's and back's depths, and [2, N] the rows and columns of the canvas where they are."""
    camera = person.canvas.camera
    places = camera.project(person.to_world(person.hair.vertices))
    front, back = np.split(places, 2)
    column, row = front[:, :2].round().astype(int).T
    height, width = person.canvas.hair.shape[:2]
    return front[:, 2], back[:, 2], np.stack([row.clip(0, height - 1), column.clip(0, width - 1)])


def test_hair_comes_nearer_and_its_back_stays_behind(plain: Person, told: Person, fitted: Fitted) -> None:
    before, _, (row, column) = _depths(plain)
    front, back, _ = _depths(told)
    assert front.shape == before.shape
    assert (back - front).min() > -1e-5
    margin = told.canvas.margin
    hair = np.pad(fitted[2].hair, margin)[row, column] > 0.95
    assert hair.sum() > 100 and np.percentile(before[hair] - front[hair], 75) > 0.008
    face = np.pad(fitted[2].face, margin)[row, column] > 0.95
    assert np.abs(before[face] - front[face]).max(initial=0) < 0.004, "nothing but hair moves"


def test_it_is_the_same_without_a_network(plain: Person, fitted: Fitted) -> None:
    with without_weights():
        assert relief_network() is None
        again = build.lift(*fitted, silent)
    np.testing.assert_array_equal(again.hair.vertices, plain.hair.vertices)


def test_a_depth_is_aligned_to_the_face(fitted: Fitted) -> None:
    rgb, face, masks, fit = fitted
    scene = build._outlined(masks, fit, build._margin(face))
    right, wrong = (told_depth(MadeUp(error), rgb, scene) for error in (0.0, 0.05))
    assert right.shape == scene.hits.depth.shape
    np.testing.assert_allclose(wrong, right, atol=1e-4)
    sure = np.isfinite(scene.hits.depth) & (scene.masks.face > 0.95)
    assert np.median(np.abs(right - scene.hits.depth)[sure]) < 0.003
    fresh = HairRelief(FaceParsingConfig(INPUTS, 1, size=64)).eval()
    with torch.no_grad():
        fresh.maps.head.bias += 0.3
    assert np.median(np.abs(told_depth(fresh, rgb, scene) - right)[sure]) < 0.001
