"""Which pixel belongs to what: hair, face, bare neck, clothes, and how much of it is the person at all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.capture.detection import FaceLandmarks
from backend.capture.masks_matting import person_matte
from backend.capture.masks_parsing import parse


@dataclass(frozen=True, eq=False)
class Masks:
    """Soft masks of one picture, each [H, W] float32 in [0, 1]; the four parts sum to ``person``.

    Args:
        person: the matte; soft on hair.
        hair: hair, and whatever else sits on the head without being skin (hat, scarf).
        face: skin of face and ears, with eyes, mouth, beard and glasses.
        neck: bare skin of neck and chest, and of shoulders and arms near them.
        clothes: the rest of the person: clothes, arms, hands, what they hold.
    """

    person: NDArray[np.float32]
    hair: NDArray[np.float32]
    face: NDArray[np.float32]
    neck: NDArray[np.float32]
    clothes: NDArray[np.float32]


def segment(rgb: NDArray[np.uint8], face: FaceLandmarks, alpha: NDArray[np.uint8] | None = None) -> Masks:
    """Cut the person out and divide it into parts, at the picture's own resolution.

    Args:
        rgb: [H, W, 3] uint8. face: the face found in it.
        alpha: [H, W] uint8, the file's own transparency, which limits the person where given.
    """
    person = person_matte(rgb, face)
    if alpha is not None:
        person = np.minimum(person, alpha.astype(np.float32) / 255)
    height, width = person.shape
    shrink = min(1.0, 1024 / max(height, width))
    size = (round(width * shrink), round(height * shrink))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if shrink < 1 else rgb
    small_person = cv2.resize(person, size, interpolation=cv2.INTER_AREA) if shrink < 1 else person
    shares = parse(small, small_person, face.points * shrink)
    if shrink < 1:
        shares = cv2.resize(shares, (width, height), interpolation=cv2.INTER_LINEAR)
    portion = person / np.maximum(np.einsum("hwc->hw", shares), 1e-6)
    hair, skin, neck, clothes = (np.ascontiguousarray(shares[..., k] * portion, np.float32) for k in range(4))
    return Masks(hair + skin + neck + clothes, hair, skin, neck, clothes)
