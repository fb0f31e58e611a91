"""What face parsing learns from: aligned heads of procedural people, with the shares of their parts and the hints."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.capture.correspondence import correspondence
from backend.capture.detection_models import person_probability
from backend.capture.head_frame import HeadFrame, face_map
from backend.people.person import make_person
from backend.people.render import render
from backend.people.scene import Layer, Picture
from backend.people.shots import draw_shots

PICTURES = 4  # of a person
PICTURE_SIDE = 256  # pixels
CROP_SIDE = 256  # pixels
BACKGROUND, HAIR, FACE, NECK, CLOTHES = range(5)
CLASS_NAMES = ("background", "hair", "face", "neck", "clothes")
# channels of a crop
RGB, SHARES, PERSON, FACE_MAP = slice(0, 3), slice(3, 8), slice(8, 9), slice(9, 10)
CHANNELS = 10

_CLASS = {
    Layer.BACKGROUND: BACKGROUND,
    Layer.FACE: FACE,
    Layer.EYES: FACE,
    Layer.MOUTH: FACE,
    Layer.BEARD: FACE,
    Layer.GLASSES: FACE,
    Layer.HAIR: HAIR,
    Layer.HEADWEAR: HAIR,
    Layer.BODY: NECK,
    Layer.CLOTHES: CLOTHES,
}


def class_shares(picture: Picture) -> NDArray[np.float32]:
    """[H, W, 5] shares of background, hair, face, neck and clothes; jewellery counts as what it hangs on."""
    masks = picture.masks.astype(np.float32) / 255
    shares = np.zeros((*masks.shape[1:], len(CLASS_NAMES)), np.float32)
    for layer, part in _CLASS.items():
        shares[..., part] += masks[layer]
    if masks[Layer.JEWELLERY].any():
        around = cv2.GaussianBlur(shares, (0, 0), masks.shape[2] / 80)
        around[..., BACKGROUND] = 1e-6
        shares += masks[Layer.JEWELLERY][..., None] * around / around.sum(axis=2, keepdims=True)
    return shares


def crop(picture: Picture) -> NDArray[np.uint8]:
    """[10, CROP_SIDE, CROP_SIDE]: colours, shares (all zero beyond the picture), the segmenter's belief in a person,
    the map of the face from 0 (far outside) to 255.
    """
    camera = picture.shot.camera
    points = camera.project(correspondence().on(picture.head))
    frame = HeadFrame.of(points.astype(np.float32), CROP_SIDE)
    belief = person_probability(picture.rgb) + person_probability(picture.rgb[:, ::-1])[:, ::-1]
    channels = [
        frame.take(picture.rgb, outside=0),
        (frame.take(class_shares(picture), outside=0) * 255).round(),
        (frame.take(belief / 2, outside=0)[..., None] * 255).round(),
        ((face_map(frame.marks(points), CROP_SIDE)[..., None] + 1) * 127.5).round(),
    ]
    return np.concatenate(channels, axis=2).astype(np.uint8).transpose(2, 0, 1)


def person_pictures(seed: int) -> Iterator[Picture]:
    """``PICTURES`` of the person of that seed, each in its own light."""
    person = make_person(seed)
    for shot in draw_shots(person, seed, PICTURES, PICTURE_SIDE, same_light=False):
        yield render(person, shot)


def person_crops(seed: int) -> NDArray[np.uint8]:
    """[PICTURES, 10, CROP_SIDE, CROP_SIDE] of the person of that seed, as :func:`crop` gives them."""
    return np.stack([crop(picture) for picture in person_pictures(seed)])
