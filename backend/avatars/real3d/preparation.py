"""A photograph becomes what the published networks take: a square crop and its layers."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.avatars.real3d.classes import CLOTHES, FACE, HAIR, HEAD_CLASSES, NECK
from backend.avatars.real3d.crop import Crop, choose_crop
from backend.avatars.real3d.torso_inpainting import inpainted_torso
from backend.capture.detection import FaceLandmarks
from backend.capture.masks import Masks
from backend.capture.masks_fill import background_plate

# how far a head that the photograph's edge cuts off goes on beyond it: an oval, in heights of the landmarks' box
HEAD_OVAL = (0.5, 0.66)
HEAD_MIDDLE = 0.08  # above the box's middle
STREAKS = 0.012  # of the crop's side: how much they are blurred


@dataclass(frozen=True, eq=False)
class Preparation:
    """The layers of a photograph's crop; black in ``head`` and ``torso`` means that nothing is there, as published.

    Args:
        crop: the square of the photograph.
        picture: [S, S, 3] uint8 sRGB, the crop itself.
        labels: [S, S] uint8 published classes.
        head: [S, S, 3] uint8 hair and face.
        torso: [S, S, 3] uint8 neck and clothes, in-painted upwards under the head.
        background: [S, S, 3] uint8 the scene without the person.
    """

    crop: Crop
    picture: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    head: NDArray[np.uint8]
    torso: NDArray[np.uint8]
    background: NDArray[np.uint8]


def prepare(rgb: NDArray[np.uint8], face: FaceLandmarks, masks: Masks, size: int = 512) -> Preparation:
    """Cut a photograph's head and shoulders out and take them apart.

    Args:
        rgb: [H, W, 3] the photograph.
        face: its landmarks.
        masks: [H, W] each, on the photograph.
        size: pixels a side of the layers.
    """
    crop = choose_crop(face, masks.hair + masks.face, size)
    beyond = crop.beyond(*rgb.shape[:2])
    layers = _layers(masks, crop, beyond, face)
    labels = _labels(layers)
    person = np.clip(sum(layers.values()), 0, 1).astype(np.float32)
    picture = crop.resized(crop.extended(rgb))
    unknown = crop.resized(beyond.astype(np.float32))
    background = background_plate(picture, np.maximum(person, unknown), reach=0.05 * size)
    # beyond the photograph's edges the person goes on as the edge's own pixels, less streaky, the scene as the plate
    smooth = cv2.GaussianBlur(picture, (0, 0), STREAKS * size)
    invented = person[..., None] * smooth + (1 - person[..., None]) * background
    picture = np.round(unknown[..., None] * invented + (1 - unknown[..., None]) * picture).astype(np.uint8)
    head = np.where(np.isin(labels, HEAD_CLASSES)[..., None], picture, 0).astype(np.uint8)
    return Preparation(crop, picture, labels, head, inpainted_torso(picture, labels), background)


def _layers(masks: Masks, crop: Crop, beyond: NDArray[np.bool_], face: FaceLandmarks) -> dict[int, NDArray[np.float32]]:
    """[S, S] share of each published class on the crop, continued beyond the photograph."""
    layers = {
        HAIR: crop.extended(masks.hair),
        NECK: crop.extended(masks.neck),
        FACE: crop.extended(masks.face),
        CLOTHES: crop.extended(masks.clothes),
    }
    if beyond.any():
        goes_on = _head_goes_on(crop, face, *masks.person.shape)
        for part in (HAIR, FACE):
            layers[part] = np.where(beyond, layers[part] * goes_on[part], layers[part]).astype(np.float32)
    return {part: np.clip(crop.resized(layer), 0, 1) for part, layer in layers.items()}


def _head_goes_on(crop: Crop, face: FaceLandmarks, height: int, width: int) -> dict[int, NDArray[np.bool_]]:
    """[side, side] where hair and face that a photograph of this size cuts off go on: in an oval around the face, and
    hair straight downwards.
    """
    left, top, right, bottom = face.box
    rows, columns = crop.top + np.arange(crop.side)[:, None], crop.left + np.arange(crop.side)
    across = (columns - (left + right) / 2) / HEAD_OVAL[0]
    down = (rows - (top + bottom) / 2 + HEAD_MIDDLE * (bottom - top)) / HEAD_OVAL[1]
    oval = across**2 + down**2 < (bottom - top) ** 2
    below = (rows >= height) & (columns >= 0) & (columns < width)
    return {HAIR: oval | below, FACE: oval}


def _labels(layers: dict[int, NDArray[np.float32]]) -> NDArray[np.uint8]:
    """[S, S] the class with the largest share."""
    parts = np.array([0, *layers])
    shares = np.stack([1 - sum(layers.values()), *layers.values()])
    return parts[shares.argmax(axis=0)].astype(np.uint8)
