"""What must not be wrong with a person or a picture, whoever it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from backend.capture.correspondence import correspondence
from backend.capture.detection import detect_faces
from backend.people.scene import Layer, Person, Picture

LEAST_FACE = 0.02  # share of a picture below which the face counts as hidden
MOST_STRAY = 0.003  # metres that eyes and mouth may show outside their openings, the landmarks' own error
# Landmarks around each eye and around the outer lips
_LEFT_EYE = [362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398]
_RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]
_LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
_NOSE_TIP = 1


def faults_of_person(person: Person) -> list[str]:
    """Names of what a person must not be: made of numbers that are none."""
    numbers = [surface.vertices for surface in person.surfaces] + [surface.colour for surface in person.surfaces]
    numbers += [hairs.points for hairs in person.strands] + [hairs.colour for hairs in person.strands]
    return [] if all(np.isfinite(part).all() for part in numbers) else ["not finite"]


def faults_of_picture(picture: Picture) -> list[str]:
    """Names of what is wrong with a picture."""
    masks = picture.masks
    # lenses have no depth of their own
    solid = masks[Layer.BACKGROUND].astype(int) + masks[Layer.GLASSES] < 255
    length = np.linalg.norm(picture.normals, axis=2)
    faults = {
        "masks do not sum to 255": (masks.sum(axis=0, dtype=np.int32) != 255).any(),
        "not finite": not (np.isfinite(picture.pncc).all() and np.isfinite(picture.head).all()),
        "depth": not (np.isfinite(picture.depth) | ~solid).all() or (picture.depth <= 0).any(),
        "normals": not (np.abs(length[np.isfinite(picture.depth)] - 1) < 0.01).all(),
        "face hidden": masks[Layer.FACE].mean() < 255 * LEAST_FACE,
        "face black or white": not 8 < _mean_of(picture, Layer.FACE) < 247,
        "eyes outside their lids": _strays(picture, Layer.EYES, (_LEFT_EYE, _RIGHT_EYE)),
        "mouth outside the lips": _strays(picture, Layer.MOUTH, (_LIPS,)),
    }
    return [name for name, wrong in faults.items() if wrong]


def found(picture: Picture) -> bool:
    """Whether the detector finds a face around the nose."""
    nose = _projected(picture, [_NOSE_TIP])[0]
    boxes = (face.box for face in detect_faces(picture.rgb))
    return any(box[0] < nose[0] < box[2] and box[1] < nose[1] < box[3] for box in boxes)


def _mean_of(picture: Picture, layer: Layer) -> float:
    shown = picture.rgb[picture.masks[layer] > 127]
    return float(shown.mean()) if len(shown) else 127.0


def _projected(picture: Picture, landmarks: Sequence[int]) -> np.ndarray:
    """[N, 2] pixels of landmarks of the head in the picture."""
    return np.asarray(picture.shot.camera.project(correspondence().on(picture.head)[list(landmarks)])[:, :2])


def _strays(picture: Picture, layer: Layer, openings: Iterable[Sequence[int]]) -> bool:
    """Whether pixels of the layer lie farther than ``MOST_STRAY`` outside the landmarks' convex hulls."""
    camera = picture.shot.camera
    scale = camera.intrinsics[0, 0] / camera.project(picture.head.mean(axis=0, keepdims=True))[0, 2]
    allowed = np.zeros(picture.depth.shape, np.uint8)
    for opening in openings:
        hull = cv2.convexHull(np.round(_projected(picture, opening) - 0.5).astype(np.int32))
        cv2.fillConvexPoly(allowed, hull, 1)
    radius = int(np.ceil(max(2.0, MOST_STRAY * scale)))
    allowed = cv2.dilate(allowed, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
    return bool(((picture.masks[layer] > 127) & (allowed == 0)).sum() > 2)
