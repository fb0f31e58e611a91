"""A folder of the Basel Face Model's layout and sizes, made of Limner's own head: no licensed file is needed."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.io import savemat
from scipy.spatial import cKDTree

from backend.avatars.real3d import bfm
from backend.avatars.real3d.canonical import MEAN_FRAME, published_colours
from backend.avatars.real3d.pose import KEYPOINTS
from backend.capture.correspondence import correspondence
from backend.head.model import SKIN, head_model

UNMARKED = [93, 127, 132, 234, 323, 356, 361, 454]  # where the published table has no vertex
RANDOM = 14  # smooth expressions of no meaning beside the facial actions
OFF_CENTRE = np.array([0.01, -0.2, 0.05])


@cache
def _front() -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """Weights [35709, V] of the head model's vertices, and triangles: its face, with points added in triangles."""
    model, colours = head_model(), published_colours()
    inside = ((colours >= 0) & (colours <= 1)).all(axis=1) & (model.region == SKIN)
    faces = model.faces[inside[model.faces].all(axis=1)].astype(np.int64)
    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    weights = sparse.identity(len(model.mean), format="csr")[used]
    while weights.shape[0] < bfm.VERTICES:
        count = weights.shape[0]
        split, kept = np.split(faces, [min(len(faces), bfm.VERTICES - count)])
        middles = sum(weights[split[:, corner]] for corner in range(3)) / 3
        added = count + np.arange(len(split))
        rims = [np.stack([split[:, a], split[:, b], added], axis=1) for a, b in ((0, 1), (1, 2), (2, 0))]
        weights, faces = sparse.vstack([weights, middles]).tocsr(), np.concatenate([kept, *rims])
    return weights, faces


def _carried(basis: NDArray[np.floating]) -> NDArray[np.float32]:
    """Offsets [K, V, 3] in metres -> [3 * 35709, K] in published units."""
    weights, _ = _front()
    turned = [MEAN_FRAME.scale * (weights @ offsets.astype(np.float64)) @ MEAN_FRAME.rotation.T for offsets in basis]
    return np.stack([offsets.ravel() for offsets in turned], axis=1).astype(np.float32)


@cache
def synthetic_arrays() -> dict[str, dict[str, NDArray]]:
    """What each file of the folder holds; treat as read-only."""
    model = head_model()
    weights, faces = _front()
    mean = MEAN_FRAME.places(weights @ model.mean.astype(np.float64))
    dice = np.random.default_rng(0)
    actions = _carried(model.actions)
    # principal directions of the actions, each of about the size that the published ones have
    left, strength, _ = np.linalg.svd(actions, full_matrices=False)
    kept = bfm.EXPRESSION - RANDOM
    waves = [
        0.05 * np.sin(mean @ dice.normal(0, 2, 3) + dice.uniform(0, 6))[:, None] * dice.normal(0, 0.3, 3)
        for _ in range(RANDOM)
    ]
    expression = np.concatenate([left[:, :kept] * (strength[:kept] / 3), np.stack(waves, 2).reshape(-1, RANDOM)], 1)
    places = MEAN_FRAME.places(correspondence().on(model.mean.astype(np.float64))[:468])
    nearest = cKDTree(mean).query(places)[1]
    marks = nearest.copy()
    marks[UNMARKED] = -999
    keypoints = nearest[np.arange(bfm.KEYPOINTS)]
    keypoints[[0, 8, 16, 27]] = nearest[KEYPOINTS]
    by_eye = {name: np.argsort(np.linalg.norm(mean[faces].mean(1) - places[landmark], axis=1))[:count] + 1
              for name, landmark, count in zip(bfm.EYES, (386, 159), (569, 565), strict=True)}  # fmt: skip
    return {
        bfm.MODEL: {
            "meanshape": (mean + OFF_CENTRE).reshape(1, -1),
            "idBase": _carried(model.identity[: bfm.IDENTITY]),
            "exBase": expression.astype(np.float32),
            "tri": faces + 1,
            "keypoints": keypoints[None],
        },
        bfm.COLOURS: {"": np.clip(weights @ published_colours(), 0, 1).T.astype(np.float32)},
        bfm.MARKS: {"": marks.astype(np.int64)},
        **{name: {"": found.astype(np.int64)} for name, found in by_eye.items()},
    }


def write_file(folder: Path, name: str, arrays: dict[str, NDArray]) -> None:
    """Write one file of the folder."""
    if name.endswith(".mat"):
        savemat(folder / name, arrays)
    else:
        np.save(folder / name, arrays[""])


@cache
def synthetic_folder() -> Path:
    """The folder; it goes when the tests end."""
    folder = tempfile.TemporaryDirectory(prefix="synthetic-bfm-")
    atexit.register(folder.cleanup)
    for name, arrays in synthetic_arrays().items():
        write_file(Path(folder.name), name, arrays)
    return Path(folder.name)
