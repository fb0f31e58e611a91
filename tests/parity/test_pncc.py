"""Our PNCC against the published colours: the constants, where they come from, and how far they carry."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial.transform import Rotation

from backend.avatars.real3d import canonical
from backend.avatars.real3d.pncc import pncc, published_camera
from backend.capture.correspondence import correspondence
from backend.head.model import head_model
from tests.parity.fixtures import Parity

GATE = 0.02  # rms, each axis
RIDGE = 0.2  # the pulls are kept small: more of them than the data want
FOLDS = 10
# the middles of both eyes' corners, the nose's tip, the corners of the mouth: as published, in units
FIVE_POINTS = np.array(
    [
        [-0.31148657, 0.29036078, 0.13377953],
        [0.30979887, 0.28972036, 0.13179526],
        [0.0032535, -0.04617932, 0.55244243],
        [-0.25216928, -0.38133916, 0.22405732],
        [0.2484662, -0.38128236, 0.22235769],
    ]
)
FIVE_LANDMARKS = ([33, 133], [263, 362], [1, 4], [61], [291])
COLOURED = 460


@pytest.fixture(scope="module")
def published(parity: Parity) -> NDArray[np.float64]:
    """[468, 3] colours, NaN where the published mesh has no vertex."""
    stored = json.loads((parity.folder / "pncc_at_landmarks.json").read_text(encoding="utf-8"))["rgb"]
    return np.array([colour or [np.nan] * 3 for colour in stored], np.float64)


@pytest.fixture(scope="module")
def known(published: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.isfinite(published[:, 0])


@pytest.fixture(scope="module")
def marks() -> NDArray[np.float64]:
    """[468, 3] landmarks on the mean head, metres."""
    return correspondence().on(head_model().mean.astype(np.float64))[:468]


@pytest.fixture(scope="module")
def pulling() -> NDArray[np.float64]:
    """[468, K, 3] what a pull of one at each landmark of ``PULLS`` does to the colour at all landmarks."""
    weights = correspondence().matrix(len(head_model().mean))
    unit = np.eye(len(canonical.PULLS))
    return np.stack([weights @ canonical.pulled(np.tile(row[:, None], 3)) for row in unit], axis=1)


def affine_of(marks: NDArray[np.float64], colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """[4, 3] least squares; left and right alike: red depends on x alone, green and blue do not."""
    result = np.zeros((4, 3))
    one = np.ones(len(marks))
    result[[0, 3], 0] = np.linalg.lstsq(np.stack([marks[:, 0], one], axis=1), colours[:, 0], rcond=None)[0]
    result[1:, 1:] = np.linalg.lstsq(np.stack([marks[:, 1], marks[:, 2], one], axis=1), colours[:, 1:], rcond=None)[0]
    return result


def pulls_of(pulling: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.float64]:
    """[K, 3] ridge regression of what the affine map leaves."""
    pulls = np.zeros(pulling.shape[1:])
    for axis in range(3):
        effect = pulling[..., axis]
        pulls[:, axis] = np.linalg.solve(effect.T @ effect + RIDGE * np.eye(len(pulls)), effect.T @ left[:, axis])
    return pulls


def rms(error: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt((error**2).mean(axis=0))


def test_colours_at_the_landmarks_are_the_published_ones(
    published: NDArray[np.float64], known: NDArray[np.bool_]
) -> None:
    made = correspondence().on(canonical.published_colours())[:468][known]
    error = rms(made - published[known])
    assert known.sum() == COLOURED
    np.testing.assert_allclose(error, (0.0061, 0.0047, 0.0144), atol=2e-4)
    assert (error <= GATE).all()


def test_the_affine_map_is_the_least_squares_one(
    published: NDArray[np.float64], known: NDArray[np.bool_], marks: NDArray[np.float64]
) -> None:
    np.testing.assert_allclose(affine_of(marks[known], published[known]), canonical.COLOUR_OF_METRES, atol=1e-4)
    error = rms(marks[known] @ canonical.COLOUR_OF_METRES[:3] + canonical.COLOUR_OF_METRES[3] - published[known])
    np.testing.assert_allclose(error, (0.0120, 0.0090, 0.0219), atol=1e-4)


def test_the_pulls_are_the_least_squares_ones(
    published: NDArray[np.float64], known: NDArray[np.bool_], marks: NDArray[np.float64], pulling: NDArray[np.float64]
) -> None:
    left = published - (marks @ canonical.COLOUR_OF_METRES[:3] + canonical.COLOUR_OF_METRES[3])
    pulls = pulls_of(pulling[known], left[known])
    stated = np.array(list(canonical.PULLS.values()))
    # in the middle of the face nothing can pull sideways
    middle = np.abs(marks[list(canonical.PULLS), 0]) < 1e-3
    assert middle.sum() == 5 and (stated[middle, 0] == 0).all()
    np.testing.assert_allclose(pulls[~middle], stated[~middle], atol=6e-4)
    np.testing.assert_allclose(pulls[middle, 1:], stated[middle, 1:], atol=6e-4)


def held_out(marks: NDArray[np.float64], patches: bool) -> Iterator[NDArray[np.bool_]]:
    """Landmarks to leave out: one in ten at random, or all of a patch of the face, right and left."""
    if patches:
        one_half = np.column_stack([np.abs(marks[:, 0]), marks[:, 1:]])
        _, fold = kmeans2(one_half, 60, seed=3, minit="++")
    else:
        fold = np.random.default_rng(0).integers(0, FOLDS, len(marks))
    for number in np.unique(fold):
        yield fold == number


@pytest.mark.parametrize("patches", [False, True])
def test_the_map_holds_where_it_was_not_fitted(
    published: NDArray[np.float64],
    known: NDArray[np.bool_],
    marks: NDArray[np.float64],
    pulling: NDArray[np.float64],
    patches: bool,
) -> None:
    places, colours, effect = marks[known], published[known], pulling[known]
    error = np.zeros_like(colours)
    for out in held_out(places, patches):
        affine = affine_of(places[~out], colours[~out])
        left = colours - (places @ affine[:3] + affine[3])
        pulls = pulls_of(effect[~out], left[~out])
        error[out] = np.einsum("nka,ka->na", effect[out], pulls) - left[out]
    assert (rms(error) <= GATE).all(), rms(error)


def test_units_and_similarity_are_derived_from_the_five_published_points(
    published: NDArray[np.float64], known: NDArray[np.bool_], marks: NDArray[np.float64]
) -> None:
    five = np.stack([published[landmarks].mean(axis=0) for landmarks in FIVE_LANDMARKS])
    for axis in range(3):
        system = np.stack([five[:, axis], np.ones(5)], axis=1)
        spread, low = np.linalg.lstsq(system, FIVE_POINTS[:, axis], rcond=None)[0]
        assert spread == pytest.approx(canonical.BFM_RANGE[axis], abs=1e-3)
        assert low == pytest.approx(canonical.BFM_LOW[axis], abs=1e-3)
        assert np.abs(system @ (spread, low) - FIVE_POINTS[:, axis]).max() < 0.01
    units = canonical.BFM_LOW + canonical.BFM_RANGE * published[known]
    here = np.concatenate([marks[known], marks[known] * (-1, 1, 1)])
    there = np.concatenate([units, units * (-1, 1, 1)])
    turned = Rotation.align_vectors(there - there.mean(axis=0), here - here.mean(axis=0))[0].as_matrix()
    centred = (here - here.mean(axis=0)) @ turned.T
    scale = (centred * (there - there.mean(axis=0))).sum() / (centred**2).sum()
    frame = canonical.MEAN_FRAME
    assert scale == pytest.approx(frame.scale, rel=1e-3)
    np.testing.assert_allclose(turned, frame.rotation, atol=1e-3)
    np.testing.assert_allclose(there.mean(axis=0) - scale * turned @ here.mean(axis=0), frame.origin, atol=2e-3)
    # physically the unit is a decimetre
    assert scale == pytest.approx(10, rel=0.05)


def test_the_picture_has_the_published_colours_at_the_landmarks(
    published: NDArray[np.float64], known: NDArray[np.bool_], marks: NDArray[np.float64]
) -> None:
    """What the network sees: drawn, read back at the landmarks' pixels."""
    frame = canonical.MEAN_FRAME
    picture = pncc(head_model().mean, frame)
    column, row = np.floor(published_camera(512).project(frame.places(marks))[:, :2]).astype(int).T
    seen = known & (picture[row, column] > -1).any(axis=1)
    assert seen.sum() > 380  # the others lie on rims of eyes, lips and outline
    error = rms((picture[row, column][seen] + 1) / 2 - published[seen])
    assert (error <= GATE).all(), error
