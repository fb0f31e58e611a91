"""An avatar of pictures that are in memory, made as users make theirs: from files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.avatars.interface import Avatar
from backend.weights import without_weights
from shared.errors import LimnerError
from shared.progress import Progress, part

AVATAR, WITHOUT_WEIGHTS = "avatar", "without weights"


def avatars_compared(pictures: Sequence[NDArray[np.uint8]], name: str, progress: Progress) -> dict[str, Avatar]:
    """The avatar of the person on pictures as users get it, and without weights; see :func:`reconstructed`."""
    made = {AVATAR: reconstructed(pictures, name, part(progress, 0.0, 0.5))}
    with without_weights():
        made[WITHOUT_WEIGHTS] = reconstructed(pictures, name, part(progress, 0.5, 1.0))
    return made


def reconstructed(pictures: Sequence[NDArray[np.uint8]], name: str, progress: Progress) -> Avatar:
    """Reconstruct the person on pictures.

    Args:
        pictures: [H, W, 3] each; the first is the main one.
        name: of the files, without number and suffix, by which refusals call them.
        progress: told the stage; may raise ``Cancelled``.

    Raises:
        LimnerError: what reconstructing raises, ``FACE_NOT_FOUND`` above all, also where only the first cannot be used.
    """
    from backend.avatars.reconstruct import reconstruct  # heavy: only when there is work

    with tempfile.TemporaryDirectory(prefix="limner-evaluate-") as folder:
        paths = [Path(folder) / f"{name}{f'-{number}' if number else ''}.png" for number in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            Image.fromarray(picture).save(path)
        avatar, report = reconstruct(paths, references_kept=len(paths), progress=progress)
    main = report["references"][0]
    if not main["kept"]:
        raise LimnerError("FACE_NOT_FOUND", f"{name} is not measured: {main['reason']}.", "Measure others.")
    return avatar
