"""The published mean head as Anny's vertices see it: a colour for each, and Anny's metres in the published units.

The published PNCC paints a vertex with its place on the Basel Face Model's mean front mesh, each axis scaled to [0, 1].
What is known of that mesh without its file are its colours at mediapipe's landmarks (public correspondence table and
colour code; ``pncc_at_landmarks.json`` of the parity fixtures) and five points in its units. ``COLOUR_OF_METRES`` and
``PULLS`` are least squares over the 460 landmarks that have a colour; ``tests/parity/test_pncc.py`` derives them anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu
from scipy.spatial.transform import Rotation

from backend.capture.correspondence import IRISES, correspondence
from backend.head.model import head_model
from backend.head.smooth import laplacian

# [4, 3] colour = (x, y, z, 1) @ this, with Anny's mean head in metres: X the person's left, Y backwards, Z up.
# It leaves 0.0120, 0.0090 and 0.0219 rms in red, green and blue.
COLOUR_OF_METRES = np.array(
    [[6.8295, 0.0, 0.0], [0.0, -0.6904, -10.1542], [0.0, 5.7071, 0.0606], [0.5013, 0.585, -0.3502]]
)
# What is left is shape: the published bridge of the nose, brows and chin lie further in front, the nose's base further
# back. These landmarks, one half of the face, pull the colour of the surface around them by so much; with them 0.0061,
# 0.0047, 0.0144 are left (0.0063, 0.0049, 0.0157 at landmarks held out one tenth at a time, 0.0068, 0.0054, 0.0192 a
# patch of the face at a time).
PULLS: dict[int, tuple[float, float, float]] = {
    1: (0, -0.012, -0.112), 8: (0, 0.022, 0.042), 16: (0, 0.032, -0.005),
    152: (0, -0.018, 0.037), 200: (0, -0.03, 0.048), 248: (-0.002, 0.04, 0.09),
    251: (0.016, 0.018, 0.042), 262: (0.033, -0.012, 0.034), 264: (0.008, -0.002, -0.017),
    284: (0.004, 0.002, 0.009), 287: (0.03, -0.022, -0.041), 293: (-0.029, -0.04, 0.086),
    296: (-0.059, -0.015, -0.064), 332: (0.027, -0.005, -0.034), 337: (0.029, -0.012, -0.017),
    338: (0.022, 0.002, 0.005), 339: (-0.045, 0.01, -0.03), 341: (0.011, -0.002, -0.041),
    344: (-0.026, -0.006, 0.113), 345: (0.038, 0.01, -0.038), 366: (0.002, 0.014, -0.015),
    368: (0.021, -0.008, -0.042), 371: (-0.001, -0.004, -0.024), 379: (0.037, 0.011, -0.055),
    389: (0.032, 0.025, 0.031), 391: (-0.01, 0.01, -0.022), 397: (0.013, -0.001, -0.04),
    406: (-0.028, -0.004, -0.018), 411: (0.015, 0.006, -0.003), 425: (-0.013, 0.008, 0.066),
    434: (0.025, -0.012, 0.079), 435: (0.011, 0.009, 0.007),
}  # fmt: skip
PULL_WEIGHT = 1.0  # of a landmark against the bending of the field
PULL_DECAY = 0.01  # ties the field to zero, where no landmark is near
# Published units: colour c is BFM_LOW + BFM_RANGE * c. From the five points that published 3DMM fits are aligned with
# (the pairs of eye corners, the nose's tip, the corners of the mouth), met within 0.01.
BFM_LOW = np.array([-0.752, -0.844, -0.596])
BFM_RANGE = np.array([1.496, 1.780, 1.157])
# The similarity that lays Anny's mean landmarks on the colours in those units: 0.018, 0.023, 0.035 rms. The unit is
# physically a decimetre, so ten a metre were to be expected.
UNITS_PER_METRE = 10.283
PITCH = np.radians(-1.29)  # Anny's head looks a little further up
ORIGIN = np.array([0.0, 0.3045, -0.8600])  # where the head frame's origin lies, in units
# rows: published axes (x the person's left, y up, z forward) in the head frame's (x left, y backwards, z up)
_AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class PublishedFrame:
    """A similarity from the head frame to the published face model's frame and units.

    Args:
        scale: published units a metre.
        rotation: [3, 3].
        origin: [3] where the head frame's origin lies, in units.
    """

    scale: float
    rotation: NDArray[np.float64]
    origin: NDArray[np.float64]

    def places(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """[..., 3] metres in the head frame -> [..., 3] published units."""
        return np.asarray(self.scale * (points @ self.rotation.T) + self.origin)

    @classmethod
    def of(cls, neutral: NDArray[np.floating]) -> PublishedFrame:
        """The frame of a person: published heads are aligned with each other, and a photograph does not tell sizes.

        Args:
            neutral: [V, 3] metres in the head frame; its landmarks are laid on the mean head's by a similarity.
        """
        marks = correspondence()
        own = marks.on(np.asarray(neutral, np.float64))[: IRISES[0]]
        mean = marks.on(head_model().mean.astype(np.float64))[: IRISES[0]]
        return cls.between(own, MEAN_FRAME.places(mean))

    @classmethod
    def between(cls, here: NDArray[np.float64], there: NDArray[np.float64]) -> PublishedFrame:
        """The similarity of least squares, [N, 3] to [N, 3] (Umeyama 1991)."""
        from_middle, to_middle = here - here.mean(axis=0), there - there.mean(axis=0)
        left, strength, right = np.linalg.svd(to_middle.T @ from_middle)
        sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
        rotation = (left * sign) @ right
        scale = float((strength * sign).sum() / (from_middle**2).sum())
        return cls(scale, rotation, there.mean(axis=0) - scale * rotation @ here.mean(axis=0))


MEAN_FRAME = PublishedFrame(UNITS_PER_METRE, Rotation.from_euler("x", PITCH).as_matrix() @ _AXES, ORIGIN)


@lru_cache(maxsize=1)
def published_colours() -> NDArray[np.float32]:
    """[V, 3] the published PNCC colour of each vertex of the head model; in [0, 1] where the published mesh is."""
    mean = head_model().mean.astype(np.float64)
    affine = mean @ COLOUR_OF_METRES[:3] + COLOUR_OF_METRES[3]
    return (affine + pulled(np.array(list(PULLS.values())))).astype(np.float32)


def pulled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pulls of the landmarks in ``PULLS`` carried smoothly over the head, left and right alike.

    Args:
        values: [K, 3] change of colour.

    Returns:
        [V, 3]: minimises the squared bi-Laplacian, ``PULL_DECAY`` times the squared field and ``PULL_WEIGHT`` times the
        squared misfit at the landmarks and their mirror images.
    """
    solver, places = _pulling()
    both = np.concatenate([values, values * (-1, 1, 1)])
    return np.asarray(solver.solve(PULL_WEIGHT * (places.T @ both)))


@lru_cache(maxsize=1)
def _pulling() -> tuple[SuperLU, sparse.csr_matrix]:
    """The factorised system of :func:`pulled` and the [2 K, V] weights of the landmarks and their mirror images."""
    model = head_model()
    count = len(model.mean)
    here = correspondence().matrix(count)[list(PULLS)]
    places = sparse.vstack([here, here[:, model.mirror]]).tocsr()
    bending = laplacian(model.faces, model.mean, count)
    system = bending.T @ bending + PULL_DECAY * sparse.identity(count) + PULL_WEIGHT * places.T @ places
    return splu(system.tocsc()), places
