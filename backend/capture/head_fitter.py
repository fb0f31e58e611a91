"""A known head laid on a picture: the pose from what is fixed to the skull, the expression from every landmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.capture.correspondence import INNER_LIPS, IRISES, LANDMARKS, correspondence
from backend.capture.fit import (
    ACTIONS,
    FitWeights,
    View,
    action_prior,
    bounded_step,
    equations,
    landmark_trust,
    mobility,
)
from backend.capture.lids import BLINKS, LOWER_LEFT, LOWER_RIGHT, UPPER_LEFT, UPPER_RIGHT, fitted_actions
from backend.capture.rasteriser import rasteriser
from backend.head.model import head_model
from shared.camera import Camera

WEIGHTS = FitWeights(landmark=0.008)  # the head's own shape is known: only noise and expression are left
EYES = (((UPPER_LEFT, LOWER_LEFT), IRISES[5:]), ((UPPER_RIGHT, LOWER_RIGHT), IRISES[:5]))
RIM_TRUST = 6.0  # of lids and inner lips, times as much as of the other landmarks: few tell of a blink or a closure
MOBILE = 0.005  # metres that all actions together move a landmark which tells half as much of the pose as a fixed one
STEADY = 0.004  # metres that they move a spot at most that tells of the pose at all
ON_HEAD = 0.95  # of the head's motion that such a spot takes
SPOT = 0.006  # standard deviation of a spot, in sides of the face: hair is not where the bald head model has it
SPOT_OUTLIER = 0.012  # sides of the face off, at which a spot counts half
ENOUGH = 100  # spots with which the landmarks tell half as much of the pose


@dataclass(frozen=True, eq=False)
class HeadFitter:
    """A person's head, to be laid on one picture after another.

    Args:
        body: [V, 3] metres, the neutral head.
        body_actions: [52, V, 3] its offsets at coefficient 1.
        neutral: [478, 3] the landmarks on it.
        actions: [52, 478, 3] their offsets.
        precision: [478] of the landmarks, in sides of the face to the power of -2.
        rigidity: [478] 0..1, how much a landmark may tell of the pose.
        prior: [52, 52] precision of the coefficients.
    """

    body: NDArray[np.float64]
    body_actions: NDArray[np.float32]
    neutral: NDArray[np.float64]
    actions: NDArray[np.float64]
    precision: NDArray[np.float64]
    rigidity: NDArray[np.float64]
    prior: NDArray[np.float64]

    @classmethod
    def of(cls, body: NDArray[np.floating]) -> HeadFitter:
        """For a neutral head [V, 3]."""
        marks = correspondence()
        trust = landmark_trust(marks.spread)
        trust[[*UPPER_LEFT, *LOWER_LEFT, *UPPER_RIGHT, *LOWER_RIGHT, *INNER_LIPS]] *= RIM_TRUST
        prior = action_prior(WEIGHTS)
        prior[BLINKS, BLINKS] -= 0.8 / WEIGHTS.action**2  # lids are shut as often as not
        body_actions = fitted_actions(body)
        actions = np.asarray(marks.on(body_actions), np.float64)
        # a chin that drops further than the head model's jaw must not pull the head along
        rigidity = 1 / (1 + (mobility(actions) / MOBILE) ** 2)
        return cls(
            np.asarray(body, np.float64),
            body_actions,
            np.asarray(marks.on(body), np.float64),
            actions,
            trust / WEIGHTS.landmark**2,
            rigidity,
            prior,
        )

    def fit(self, view: View, places: NDArray[np.float64], pixels: NDArray[np.float64], steps: int) -> None:
        """Improve pose and expression.

        Args:
            view: the guess.
            places: [S, 3] spots on the head, head frame.
            pixels: [S, 2] where the picture shows them.
            steps: how often.
        """
        precision = self.precision * self.rigidity / (1 + (len(places) / ENOUGH) ** 2)
        for _ in range(steps):
            normal, gradient = self._normal_equations(view, precision, ACTIONS + 6)
            shown, _, jacobian = view.motion(places)
            off = pixels - shown
            far = np.linalg.norm(off, axis=1) / view.side
            root = (1 / (SPOT * view.side) / np.sqrt(1 + (far / SPOT_OUTLIER) ** 2))[:, None]
            rows = (jacobian * root[..., None]).reshape(-1, 6)
            normal[ACTIONS:, ACTIONS:] += rows.T @ rows
            gradient[ACTIONS:] += rows.T @ (off * root).reshape(-1)
            view.move(bounded_step(normal, gradient, [view.coefficients], 0))

    def express(self, view: View, steps: int) -> None:
        """Improve the expression alone."""
        for _ in range(steps):
            normal, gradient = self._normal_equations(view, self.precision, ACTIONS)
            view.move(np.append(bounded_step(normal, gradient, [view.coefficients], 0), np.zeros(6)))

    def _normal_equations(
        self, view: View, precision: NDArray[np.float64], unknowns: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[U, U] and [U] of landmarks and prior, for the first U of 52 coefficients and 6 of the pose."""
        precision = precision.copy()
        for lids, iris in EYES:
            # behind lids that close, the irises are only guessed, and guessed too low
            precision[iris] *= np.clip(_openness(view.points, lids) / _openness(self.neutral, lids) * 2 - 0.8, 0, 1)
        rows, error = equations(view, self.neutral, np.zeros((0, LANDMARKS, 3)), self.actions, precision)
        rows = rows[:, :unknowns]
        normal, gradient = rows.T @ rows, rows.T @ error
        normal[:ACTIONS, :ACTIONS] += self.prior
        gradient[:ACTIONS] -= self.prior @ view.coefficients
        return normal, gradient

    def on_head(self, view: View, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where spots of a fitted picture are on the head.

        Args:
            view: the fit.
            pixels: [S, 2].

        Returns:
            [S, 3] metres, head frame; ``nan`` for what is not on the head, or on a part of it that expressions move.
        """
        model = head_model()
        vertices = model.expressed(self.body, view.coefficients, self.body_actions)
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = view.rotation, view.translation
        intrinsics = np.array([[view.focal, 0, view.centre[0]], [0, view.focal, view.centre[1]], [0, 0, 1.0]])
        hits = rasteriser().draw(vertices, model.faces, Camera(intrinsics, matrix, *view.size))
        column, row = np.clip(np.floor(pixels).astype(int), 0, np.array(view.size) - 1).T
        triangle = hits.triangle[row, column]
        corners = model.faces[triangle]
        places = np.einsum("skc,sk->sc", vertices[corners], hits.barycentric[row, column].astype(np.float64))
        steady = (mobility(self.body_actions) < STEADY) & (model.head_share > ON_HEAD)
        places[(triangle < 0) | ~steady[corners].all(axis=1)] = np.nan
        return places


def _openness(points: NDArray[np.floating], lids: tuple[list[int], list[int]]) -> float:
    """Opening over width of an eye, from landmarks [478, 2 or 3] of its upper and lower lid."""
    upper, lower = points[lids[0]], points[lids[1]]
    width = np.linalg.norm(upper[0] - upper[-1])
    return float(np.linalg.norm(upper[2:5] - lower[2:5], axis=1).mean() / width)
