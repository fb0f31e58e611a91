"""The Basel Face Model laid on a photograph: identity, expression and pose from mediapipe's landmarks.

The error is the published one (``seed_systems.md`` 1.10, of single images): squared distances on a canvas 224 wide,
averaged with the landmarks' weights, and the mean squares of identity and expression. What the published system goes
down by 400 steps of Adam, Gauss-Newton reaches the bottom of in about ten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.avatars.real3d.bfm import EXPRESSION, IDENTITY, LANDMARKS, BaselModel
from backend.avatars.real3d.pose import Pose, projected, projection_slope, turn_slope
from backend.capture.correspondence import INNER_LIPS
from backend.capture.lids import LOWER_LEFT, LOWER_RIGHT, UPPER_LEFT, UPPER_RIGHT

CANVAS = 224.0  # pixels a side that the published error is measured in
IDENTITY_PRIOR, EXPRESSION_PRIOR = 0.3, 0.05
EYES = [33, 133, 263, 362, *LOWER_LEFT, *LOWER_RIGHT, *UPPER_LEFT, *UPPER_RIGHT]
OUTER_LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
EYE_WEIGHT, LIP_WEIGHT = 5.0, 2.0
_STEPS = 30


@dataclass(frozen=True)
class BaselFit:
    """A photographed person in the Basel Face Model.

    Args:
        identity: [80].
        expression: [64] the photograph's.
        pose: in the published camera that sees the photograph's crop.
    """

    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    pose: Pose

    def to_json(self) -> dict[str, list[float]]:
        """Numbers alone, nothing of the model."""
        values = {"identity": self.identity, "expression": self.expression}
        return {name: value.tolist() for name, value in {**values, **vars(self.pose)}.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BaselFit:
        """The inverse of :meth:`to_json`.

        Raises:
            KeyError, ValueError: for anything else.
        """
        lengths = {"identity": IDENTITY, "expression": EXPRESSION, "euler": 3, "trans": 3}
        values = {name: np.array(data[name], np.float64) for name in lengths}
        if any(values[name].shape != (length,) for name, length in lengths.items()):
            raise ValueError("a fit of another size")
        return cls(values["identity"], values["expression"], Pose(values["euler"], values["trans"]))


def landmark_weights() -> NDArray[np.float64]:
    """[468] of the published error, for landmarks that the model has; their errors are averaged over all 468."""
    weights = np.ones(LANDMARKS)
    weights[EYES] = EYE_WEIGHT
    weights[[*INNER_LIPS, *OUTER_LIPS]] = LIP_WEIGHT
    return weights


def fit_basel(model: BaselModel, seen: NDArray[np.floating], start: Pose) -> BaselFit:
    """Find identity, expression and pose together.

    Args:
        model: the user's.
        seen: [468, 2] mediapipe's landmarks on the crop, -1..1, x right, y down.
        start: where to begin; within some tens of degrees is enough.
    """
    marked = model.marked
    seen = np.asarray(seen, np.float64)[marked]
    mean = np.asarray(model.mean[model.marks[marked]], np.float64)
    basis = np.concatenate([model.at_landmarks(model.identity), model.at_landmarks(model.expression)], axis=2)
    root = (CANVAS / 2) * np.sqrt(landmark_weights()[marked] / (2 * LANDMARKS))[:, None]
    prior = np.zeros(IDENTITY + EXPRESSION + 6)
    prior[:IDENTITY], prior[IDENTITY:-6] = IDENTITY_PRIOR / IDENTITY, EXPRESSION_PRIOR / EXPRESSION
    shape = np.zeros(IDENTITY + EXPRESSION)
    rotation, trans = start.rotation, start.trans
    for _ in range(_STEPS):
        arms = (mean + basis @ shape) @ rotation.T
        slope = projection_slope(arms + trans)
        rows = np.concatenate([slope @ (rotation @ basis), slope @ turn_slope(arms), slope], axis=2) * root[..., None]
        error = (seen - projected(arms + trans)) * root
        flat = rows.reshape(-1, len(prior))
        gradient = flat.T @ error.reshape(-1) - prior * np.concatenate([shape, np.zeros(6)])
        change = np.linalg.solve(flat.T @ flat + np.diag(prior), gradient)
        shape = shape + change[:-6]
        rotation = Rotation.from_rotvec(change[-6:-3]).as_matrix() @ rotation
        trans = trans + change[-3:]
        if np.abs(change).max() < 1e-7:
            break
    return BaselFit(shape[:IDENTITY], shape[IDENTITY:], Pose.of(rotation, trans))
