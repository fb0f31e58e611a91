"""Where the tests' real pictures lie, and the awkward ones they make themselves."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.capture.detection import FaceLandmarks, detect_face
from backend.capture.image import load_image
from backend.capture.masks import Masks, segment

MEDIA = Path(os.environ.get("LIMNER_MEDIA", Path(__file__).resolve().parents[3] / "shared" / "media"))
FACES = [
    "cartoon_boy", "painting_lady", "painting_mona_lisa", "painting_pearl_earring", "photo_bw_man",
    "photo_man_glasses", "photo_man_mouth_open", "photo_woman", "photo_woman_mouth_open",
]  # fmt: skip


def portrait(name: str) -> Path:
    path = MEDIA / "portraits" / f"{name}.jpg"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


def astronaut() -> NDArray[np.uint8]:
    return pytest.importorskip("skimage.data").astronaut()


@lru_cache
def found(name: str) -> tuple[NDArray[np.uint8], FaceLandmarks]:
    """A portrait's pixels and its face."""
    rgb = astronaut() if name == "astronaut" else load_image(portrait(name)).rgb
    return rgb, detect_face(rgb)


@lru_cache
def masks(name: str) -> Masks:
    return segment(*found(name))
