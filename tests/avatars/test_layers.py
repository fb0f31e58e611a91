"""Layers that meet in the photograph do not part, nor let the background through, when the head moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from backend.avatars.interface import FrameRequest
from backend.avatars.zera.build import lift
from backend.avatars.zera.data import Person
from backend.avatars.zera.render import PersonRenderer
from backend.capture.detection import detect_face
from backend.capture.fit import fit_heads
from backend.capture.masks import Masks, segment
from shared.progress import silent

SIZE = 256


def _with_long_hair(masks: Masks, below: float, softness: float) -> Masks:
    """All that is no face down to a row of the picture, where hair passes softly into clothes."""
    upper = np.zeros(masks.person.shape, np.float32)
    upper[: round(below)] = 1
    upper = gaussian_filter(upper, softness) * (masks.person - masks.face)
    lower = masks.person - masks.face - upper
    return replace(masks, hair=upper, clothes=lower, neck=np.zeros_like(lower))


@pytest.fixture(scope="module")
def long_haired(photograph: NDArray[np.uint8]) -> tuple[Person, Masks, int]:
    """The astronaut whose shoulders are taken for hair down to a hand's breadth below her chin; that row."""
    face = detect_face(photograph)
    seam = int(face.points[152, 1] + 0.25 * face.side)
    masks = _with_long_hair(segment(photograph, face), seam, 4.0)
    fit = fit_heads([face], [photograph.shape[1::-1]])[0]
    return lift(photograph, face, masks, fit, silent), masks, seam


@pytest.mark.parametrize(("roll", "least"), [(0.0, 0.95), (8.0, 0.8)])
def test_no_gap_opens_between_hair_and_clothes(
    long_haired: tuple[Person, Masks, int], roll: float, least: float
) -> None:
    person, masks, seam = long_haired
    renderer = PersonRenderer(person, torch.device("cpu"))
    request = FrameRequest(rotation=np.radians([0, roll, 0]), size=SIZE, background="transparent")
    alpha = renderer.render(request).rgba[..., 3]
    scale = SIZE / max(masks.person.shape)
    inner = np.flatnonzero((masks.person[seam - 30 : seam + 30] > 0.99).all(axis=0)) * scale
    middle = alpha[round((seam - 24) * scale) : round((seam + 24) * scale), int(inner.min()) + 4 : int(inner.max()) - 4]
    assert middle.shape[1] > SIZE / 8 and middle.min() > least * 255


def test_hair_that_lies_on_the_shoulders_stays_with_them(long_haired: tuple[Person, Masks, int]) -> None:
    hair, body = long_haired[0].hair, long_haired[0].body
    front = hair.vertices[: len(hair.vertices) // 2]
    away, nearest = cKDTree(body.vertices[: len(body.vertices) // 2]).query(front)
    shares, below = hair.head_share[: len(front)], body.head_share[nearest]
    lies = (away < 0.012) & (front[:, 2] < -0.15)
    assert lies.sum() > 30 and np.percentile(shares[lies] - below[lies], 90) < 0.2
    crown = front[:, 2] > 0.05
    assert crown.sum() > 100 and shares[crown].min() > 0.99
    np.testing.assert_array_equal(shares, hair.head_share[len(front) :])


def test_hair_on_the_temples_is_on_the_skin_too(
    long_haired: tuple[Person, Masks, int], photograph: NDArray[np.uint8]
) -> None:
    """Where the head model comes through the hair, nobody sees it."""
    person, masks, _ = long_haired
    mean = person.model.mean
    temples = (mean[:, 2] > 0.03) & (mean[:, 2] < 0.055) & (mean[:, 1] > -0.075) & (np.abs(mean[:, 0]) > 0.05)
    column, row, _ = person.camera.project(person.to_world(person.source_vertices))[temples].astype(int).T
    covered = masks.hair[row, column] > 0.98
    assert covered.sum() > 10
    margin = person.canvas.margin
    skin = person.canvas.skin[margin:-margin, margin:-margin][row, column].astype(float)
    difference = np.abs(skin - photograph[row, column])[covered].max(axis=1)
    assert np.percentile(difference, 90) < 20


def test_weak_shares_of_clothes_in_hair_go_with_the_hair(photograph: NDArray[np.uint8]) -> None:
    """A parser's doubt is no piece of cloth in the air that would hold the hair back."""
    face = detect_face(photograph)
    masks = segment(photograph, face)
    beside = masks.hair * (np.indices(masks.hair.shape)[1] < face.points[:, 0].min())
    doubtful = replace(masks, hair=masks.hair - 0.15 * beside, clothes=masks.clothes + 0.15 * beside)
    fit = fit_heads([face], [photograph.shape[1::-1]])[0]
    person = lift(photograph, face, doubtful, fit, silent)
    margin = person.canvas.margin
    hair, body = (layer[margin:-margin, margin:-margin, 3] / 255 for layer in (person.canvas.hair, person.canvas.body))
    high = (beside > 0.98) & (np.indices(beside.shape)[0] < face.points[1, 1])  # above the tip of the nose
    assert high.sum() > 100 and hair[high].min() > 0.95 and body[high].max() < 0.05
