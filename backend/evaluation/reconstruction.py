"""An avatar of a picture that is in memory, made as users make theirs: from a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.avatars.interface import Avatar
from backend.weights import without_weights
from shared.progress import Progress, part

AVATAR, WITHOUT_WEIGHTS = "avatar", "without weights"


def avatars_compared(picture: NDArray[np.uint8], name: str, progress: Progress) -> dict[str, Avatar]:
    """The avatar of the person on a picture as users get it, and without weights; see :func:`reconstructed`."""
    made = {AVATAR: reconstructed(picture, name, part(progress, 0.0, 0.5))}
    with without_weights():
        made[WITHOUT_WEIGHTS] = reconstructed(picture, name, part(progress, 0.5, 1.0))
    return made


def reconstructed(picture: NDArray[np.uint8], name: str, progress: Progress) -> Avatar:
    """Reconstruct the person on a picture.

    Args:
        picture: [H, W, 3].
        name: of the file, without suffix, by which refusals call it.
        progress: told the stage; may raise ``Cancelled``.

    Raises:
        LimnerError: what reconstructing raises, ``FACE_NOT_FOUND`` above all.
    """
    from backend.avatars.reconstruct import reconstruct  # heavy: only when there is work

    with tempfile.TemporaryDirectory(prefix="limner-evaluate-") as folder:
        path = Path(folder) / f"{name}.png"
        Image.fromarray(picture).save(path)
        return reconstruct([path], progress=progress)[0]
