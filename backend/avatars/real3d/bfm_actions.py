"""ARKit's facial actions in the Basel Face Model's expressions, and back: one set of curves drives every avatar.

What an action does to the landmarks of Limner's mean head, in published units, is met by an expression as well as the
basis allows; weights and prior are those of the published fit. The way back keeps every action in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from backend.avatars.real3d.bfm import EXPRESSION, LANDMARKS, BaselModel
from backend.avatars.real3d.bfm_fit import CANVAS, EXPRESSION_PRIOR, landmark_weights
from backend.avatars.real3d.canonical import MEAN_FRAME
from backend.avatars.real3d.pncc import DISTANCE, FOCAL
from backend.capture.correspondence import correspondence
from backend.capture.lids import fitted_actions
from backend.head.model import head_model
from shared.arkit import ARKIT_NAMES
from shared.progress import Progress, silent

# what landmarks on the skin do not tell
UNSEEN = np.array([name == "tongueOut" or name.startswith("eyeLook") for name in ARKIT_NAMES])
ACTION_PRIOR = 1e-2  # of a squared action, in the published error's units: keeps opposite actions from cancelling


@dataclass(frozen=True, eq=False)
class BaselActions:
    """The map of one model.

    Args:
        matrix: [52, 64] the expression of each action at 1.
        metric: [64, 64] R with ``|R e|²`` the published error that an expression e makes at the landmarks.
    """

    matrix: NDArray[np.float64]
    metric: NDArray[np.float64]

    @classmethod
    def of(cls, model: BaselModel) -> BaselActions:
        """Least squares of the landmarks' motion."""
        offsets = correspondence().on(fitted_actions(head_model().mean))[:, model.marked]
        offsets = MEAN_FRAME.scale * offsets.astype(np.float64) @ MEAN_FRAME.rotation.T
        # pixels a unit on the published canvas, all axes alike: depth matters as soon as the head turns
        pixels = CANVAS * FOCAL / DISTANCE
        root = pixels * np.sqrt(landmark_weights()[model.marked] / (2 * LANDMARKS))[:, None]
        basis = (model.at_landmarks(model.expression) * root[..., None]).reshape(-1, EXPRESSION)
        wanted = (offsets * root).reshape(len(ARKIT_NAMES), -1)
        normal = basis.T @ basis + EXPRESSION_PRIOR / EXPRESSION * np.eye(EXPRESSION)
        matrix = np.linalg.solve(normal, basis.T @ wanted.T).T
        return cls(matrix, np.asarray(np.linalg.qr(basis, mode="r")))

    def expressions(self, coefficients: NDArray[np.floating]) -> NDArray[np.float64]:
        """[..., 52] -> [..., 64]"""
        return np.asarray(coefficients, np.float64) @ self.matrix

    def coefficients(self, expressions: NDArray[np.floating], progress: Progress = silent) -> NDArray[np.float32]:
        """Bounded least squares of the landmarks' motion.

        Args:
            expressions: [T, 64].
            progress: told now and then.

        Returns:
            [T, 52] in [0, 1]; ``UNSEEN`` actions are 0.
        """
        seen = self.matrix[~UNSEEN] @ self.metric.T
        system = np.concatenate([seen.T, np.sqrt(ACTION_PRIOR) * np.eye(len(seen))])
        wanted = np.asarray(expressions, np.float64) @ self.metric.T
        still = np.zeros(len(seen))
        found = np.zeros((len(wanted), len(ARKIT_NAMES)), np.float32)
        for frame, motion in enumerate(wanted):
            found[frame, ~UNSEEN] = lsq_linear(system, np.concatenate([motion, still]), (0, 1), method="bvls").x.clip(
                0, 1
            )
            if frame % 100 == 0:
                progress(frame / len(wanted), "Finding the facial actions")
        return found
