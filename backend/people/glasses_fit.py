"""Where glasses rest: this person's nose, brows, cheeks, temples and ears."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backend.head.model import EYE, SKIN, head_model
from backend.people.scene import Array


@dataclass(frozen=True, eq=False)
class _Face:
    """Vertices of the head model by where they are on the mean head, the left side's where there are two."""

    eye: NDArray[np.int64]
    nose: NDArray[np.int64]  # its upper half
    brow: NDArray[np.int64]
    cheek: NDArray[np.int64]
    temple: NDArray[np.int64]  # the head's side between eye and ear
    ear: NDArray[np.int64]  # [3] over the ear, behind it, further down behind it


@lru_cache(maxsize=1)
def _face() -> _Face:
    model = head_model()
    x, y, z = model.mean.T
    skin = (model.region == SKIN) & (y < 0.06)

    def within(*limits: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.flatnonzero(np.logical_and.reduce([skin, *limits]))

    side = within(x > 0.05)
    over_ear = np.array([[0.0745, -0.006, 0.008], [0.073, 0.010, -0.002], [0.068, 0.019, -0.02]])
    distance = np.linalg.norm(model.mean[side] - over_ear[:, None], axis=-1)
    return _Face(
        np.flatnonzero((model.region == EYE) & (x > 0)),
        within(np.abs(x) < 0.02, z < 0.006, z > -0.034, y < -0.09),
        within(x > 0.012, x < 0.055, z > 0.006, z < 0.03, y < -0.07),
        within(x > 0.014, x < 0.055, z < -0.014, z > -0.045, y < -0.07),
        within(x > 0.045, z > -0.006, z < 0.024, y > -0.1, y < -0.026),
        side[distance.argmin(axis=1)],
    )


@dataclass(frozen=True, eq=False)
class Fit:
    """A bowed, leaning surface in front of the eyes that carries both lenses, and the way to the ears.

    Args:
        middle: metres from the nose's middle to a lens's.
        rise: metres of the lenses' middles over eye height.
        front: metres of the surface's middle along Y.
        bow: 1/m, how far it bends back beside the face.
        lean: how far it leans in to the cheeks below.
        ears: [2, 3, 3] left and right: over the ear, behind it, further down behind it.
        temples: [N, 2] Y and X of the head's left and right side, whichever is wider, front first.
    """

    middle: float
    rise: float
    front: float
    bow: float
    lean: float
    ears: Array
    temples: Array

    def depth(self, x: ArrayLike, z: ArrayLike) -> NDArray[np.floating]:
        """Y of the surface at metres beside the nose and over eye height."""
        return np.asarray(self.front + self.bow * np.square(x) - self.lean * (np.asarray(z) - self.rise))

    def placed(self, flat: NDArray[np.floating], side: int) -> Array:
        """[N, 2] metres outwards and up from a lens's middle -> [N, 3]; ``side`` is 1 on the left, -1 on the right."""
        x, z = self.middle + flat[:, 0], self.rise + flat[:, 1]
        return np.stack([side * x, self.depth(x, z), z], axis=1).astype(np.float32)

    def temple(self, start: Array, side: int) -> Array:
        """[N, 3] from a hinge along the head's side, over the ear and down behind it."""
        over, behind, down = self.ears[0 if side > 0 else 1]
        count = 14
        share = np.linspace(0, 1, count)[:, None]
        straight = start + (over - start) * share
        beside = np.interp(straight[:, 1], self.temples[:, 0], self.temples[:, 1]) + 0.003
        wide = np.maximum(np.abs(straight[:, 0]), beside * (share[:, 0] > 0.05))
        straight[:, 0] = side * wide
        straight[1:-1, 0] = (straight[:-2, 0] + 2 * straight[1:-1, 0] + straight[2:, 0]) / 4
        return np.concatenate([straight, (behind + straight[-1:]) / 2, behind[None], down[None]]).astype(np.float32)


def face_scale(neutral: NDArray[np.floating]) -> float:
    """How large glasses this face takes: 1 for the mean face."""
    face, mean = _face(), head_model().mean

    def size(vertices: NDArray[np.floating]) -> float:
        return float(np.median(vertices[face.eye, 0]) / 0.032 + vertices[face.temple, 0].max() / 0.073)

    return size(neutral) / size(mean)


def fitted(
    neutral: NDArray[np.floating], outline: Array, half_depth: float, half_height: float, random: np.random.Generator
) -> Fit:
    """Glasses with lenses of an outline [N, 2] (metres outwards and up from their middle) on a face.

    Args:
        neutral: [6931, 3] the head model at rest.
        outline: of the left lens.
        half_depth: metres from the frame's middle to its back.
        half_height: metres from the middle of a rim to its edge.
        random: how low and tilted they are worn.
    """
    face = _face()
    mirror = head_model().mirror
    both = [neutral, neutral[mirror] * [-1, 1, 1]]
    eyes = np.concatenate([side[face.eye] for side in both])
    pupil = np.array([np.median(eyes[:, 0]), eyes[:, 1].min(), np.median(eyes[:, 2])])
    nose = neutral[face.nose]
    lean, bow = random.uniform(0.06, 0.16), random.uniform(1.2, 2.6)
    rise = pupil[2] + random.uniform(-0.006, 0.001)
    flat = Fit(0.0, rise, 0.0, bow, lean, np.zeros((2, 3, 3), np.float32), np.zeros((1, 2), np.float32))

    # in front of lashes, brows and cheeks, and no deeper than the nose's ridge under the bridge
    near = np.concatenate([*(side[np.concatenate([face.brow, face.cheek])] for side in both), [pupil - [0, 0.010, 0]]])
    near = near[(near[:, 2] < rise + outline[:, 1].max() + 0.003) & (near[:, 2] > rise + outline[:, 1].min() - 0.003)]
    bridge = rise + 0.15 * np.ptp(outline[:, 1])
    ridge = nose[np.abs(nose[:, 0]) < 0.004]
    ridge = ridge[ridge[:, 2].argsort()]
    on_ridge = np.interp(bridge, ridge[:, 2], ridge[:, 1])
    front = min(
        (near[:, 1] - flat.depth(near[:, 0], near[:, 2])).min() - half_depth - 0.002,
        on_ridge - flat.depth(0.0, bridge) - half_depth - 0.0012,
    )
    # the nose stands through between the rims
    behind = front + flat.depth(nose[:, 0], nose[:, 2]) + half_depth
    through = nose[(nose[:, 1] < behind + 0.003) & (nose[:, 2] > rise + outline[:, 1].min())]
    clear = (np.abs(through[:, 0]).max() if len(through) else 0.004) + half_height + 0.001
    middle = max(pupil[0] + random.uniform(0.0, 0.003), clear - outline[:, 0].min())

    out = np.array([[0.003, 0.0, 0.001], [0.0025, 0.003, 0.0], [0.0015, 0.001, 0.0]])
    ears = np.stack([side[face.ear] + out for side in both]) * np.array([[[1, 1, 1]], [[-1, 1, 1]]])
    beside = np.concatenate([side[face.temple] for side in both])
    slots = np.linspace(beside[:, 1].min(), beside[:, 1].max(), 9)
    widest = [beside[np.abs(beside[:, 1] - slot) < 0.009, 0].max(initial=0.05) for slot in slots]
    temples = np.stack([slots, widest], axis=1)
    return Fit(float(middle), float(rise), float(front), bow, lean, ears.astype(np.float32), temples.astype(np.float32))
