"""The Basel Face Model of the published system, read from a folder that the user owns; nothing in it is run.

``BFM_model_front.mat`` is what Deep3DFaceReconstruction makes of the registered ``01_MorphableModel.mat`` and
``Exp_Pca.bin``: 35709 vertices of the face's front, in decimetres (the raw model divided by 1e5), bases scaled by their
standard deviations. As published, the mean is moved so that its vertices' mean is the origin. Triangles, eye faces and
the 68 key points count from 1, the table of mediapipe's landmarks from 0. Sources: ``seed_systems.md`` sections 1.3 and
1.10; sicxu/Deep3DFaceRecon_pytorch, ``models/bfm.py`` and ``util/load_mats.py``; yerfor/Real3DPortrait,
``deep_3drecon/``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from shared.errors import LimnerError
from shared.motion import BASEL_EXPRESSIONS

VERTICES = 35709
IDENTITY, EXPRESSION = 80, BASEL_EXPRESSIONS
LANDMARKS, KEYPOINTS = 468, 68
MODEL = "BFM_model_front.mat"
COLOURS = "ncc_code.npy"
EYES = ("bfm_left_eye_faces.npy", "bfm_right_eye_faces.npy")
MARKS = "index_mp468_from_mesh35709_v3.1.npy"
FROM_BASEL = (
    "Register for the Basel Face Model 2009 (faces.dmi.unibas.ch) and let Deep3DFaceReconstruction make it of"
    " 01_MorphableModel.mat and Exp_Pca.bin."
)
FROM_REPOSITORY = "Copy it from the folder deep_3drecon/BFM of the Real3D-Portrait repository."


@dataclass(frozen=True, eq=False)
class BaselModel:
    """A linear face: published units (decimetres), x the person's left, y up, z forward.

    Args:
        folder: where it was read from.
        mean: [V, 3] float32, centred.
        identity: [3 V, 80] float32 directions, one standard deviation each.
        expression: [3 V, 64] float32.
        faces: [F, 3] int32 triangles without those of the eyes, which are holes in the published PNCC.
        colours: [V, 3] float32 the published PNCC's, 0..1.
        marks: [468] vertices at mediapipe's landmarks, -1 where there is none.
        keypoints: [68] vertices of the published landmarks.
    """

    folder: Path
    mean: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    faces: NDArray[np.int32]
    colours: NDArray[np.float32]
    marks: NDArray[np.int64]
    keypoints: NDArray[np.int64]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the numbers, wherever they were read from."""
        state = hashlib.sha256()
        for values in (self.mean, self.identity, self.expression, self.faces, self.colours, self.marks, self.keypoints):
            state.update(np.ascontiguousarray(values).data)
        return state.hexdigest()

    def neutral(self, identity: NDArray[np.floating]) -> NDArray[np.float32]:
        """[80] -> [V, 3] the face of that person."""
        return self.mean + (self.identity @ np.asarray(identity, np.float32)).reshape(-1, 3)

    def expressed(self, neutral: NDArray[np.float32], expression: NDArray[np.floating]) -> NDArray[np.float32]:
        """A neutral face [V, 3] with an expression [64] -> [V, 3]."""
        return neutral + (self.expression @ np.asarray(expression, np.float32)).reshape(-1, 3)

    @property
    def marked(self) -> NDArray[np.int64]:
        """[N] the landmarks of mediapipe's that have a vertex."""
        return np.flatnonzero(self.marks >= 0)

    def at_landmarks(self, basis: NDArray[np.float32]) -> NDArray[np.float64]:
        """``identity`` or ``expression`` [3 V, K] -> [N, 3, K] at the landmarks of ``marked``."""
        rows = basis.reshape(VERTICES, 3, -1)[self.marks[self.marked]]
        return np.asarray(rows, np.float64)


def load_basel_model(folder: Path) -> BaselModel:
    """Read the folder ``deep_3drecon/BFM`` of a Real3D-Portrait installation.

    Args:
        folder: holds ``MODEL``, ``COLOURS``, ``EYES`` and ``MARKS``.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` naming what is missing and where to get it, ``WEIGHTS_UNREADABLE`` for what is
            damaged or of another form.
    """
    folder = Path(folder)
    for name in (MODEL, COLOURS, *EYES, MARKS):
        if not (folder / name).is_file():
            remedy = FROM_BASEL if name == MODEL else FROM_REPOSITORY
            raise LimnerError("FILE_NOT_FOUND", f"The Basel Face Model in {folder} lacks {name}.", remedy)
    path = folder / MODEL
    try:
        stored = loadmat(path, variable_names=["meanshape", "idBase", "exBase", "tri", "keypoints"])
        mean = _numbers(stored["meanshape"], (3 * VERTICES,)).reshape(VERTICES, 3)
        identity = _numbers(stored["idBase"], (3 * VERTICES, IDENTITY))
        expression = _numbers(stored["exBase"], (3 * VERTICES, EXPRESSION))
        faces = _indices(stored["tri"], (len(stored["tri"]), 3), 1, VERTICES) - 1
        keypoints = _indices(stored["keypoints"], (KEYPOINTS,), 1, VERTICES)
        path = folder / COLOURS
        colours = np.clip(_numbers(_stored(path), (3, VERTICES), 1.001), 0, 1).T
        eyes = []
        for name in EYES:
            path = folder / name
            eyes.append(_indices(_stored(path), (-1,), 1, len(faces)) - 1)
        path = folder / MARKS
        marks = _indices(_stored(path), (LANDMARKS,), -999, VERTICES - 1)
    except Exception as error:  # damaged files are answered with any kind of error
        why = f"no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        remedy = FROM_BASEL if path.name == MODEL else FROM_REPOSITORY
        raise LimnerError("WEIGHTS_UNREADABLE", f"{path} is damaged or of another form ({why}).", remedy) from error
    return BaselModel(
        folder=folder,
        mean=mean - mean.mean(axis=0, dtype=np.float64).astype(np.float32),
        identity=identity,
        expression=expression,
        faces=np.delete(faces, np.concatenate(eyes), axis=0).astype(np.int32),
        colours=np.ascontiguousarray(colours),
        marks=np.maximum(marks, -1),
        # the published code takes these numbers, which count from 1, as if they counted from 0: so were its torso
        # networks trained
        keypoints=np.minimum(keypoints, VERTICES - 1),
    )


def _stored(path: Path) -> NDArray:
    return np.asarray(np.load(path, allow_pickle=False))


def _numbers(values: NDArray, shape: tuple[int, ...], most: float = 1e4) -> NDArray[np.float32]:
    """Values as float32 of a shape, of an absolute value of ``most`` at most; sides of 1 do not count."""
    values = _shaped(values, shape).astype(np.float32)
    if not (np.abs(values) <= most).all():
        raise ValueError("values out of range")
    return np.ascontiguousarray(values)


def _indices(values: NDArray, shape: tuple[int, ...], least: int, most: int) -> NDArray[np.int64]:
    values = _shaped(values, shape)
    whole = values.astype(np.int64)
    if not (whole == values).all() or not whole.size or whole.min() < least or whole.max() > most:
        raise ValueError("indices out of range")
    return whole


def _shaped(values: NDArray, shape: tuple[int, ...]) -> NDArray:
    """The array without sides of 1; ValueError unless it holds numbers in this shape (-1: of any length)."""
    values = np.squeeze(values)
    if values.dtype.kind not in "fiu" or (shape != (-1,) and values.shape != shape) or values.ndim != len(shape):
        raise ValueError(f"{values.dtype} of shape {values.shape} instead of numbers of shape {shape}")
    return values
