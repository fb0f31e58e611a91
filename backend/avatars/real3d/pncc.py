"""PNCC pictures of the published convention: a head's front in canonical colours, unturned, seen by the 3DMM's camera.

Every surface point keeps the colour of its place on the published mean head; where it is drawn follows the person and
the expression. The published mesh has no eyeballs and no inside of the mouth, and ends before the ears, below the chin
and above the forehead: where its colours leave [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from backend.avatars.real3d.canonical import PublishedFrame, published_colours
from backend.capture.rasteriser import rasteriser
from backend.head.model import SKIN, head_model
from shared.camera import Camera

BACKGROUND = -1.0
FOCAL = 1015 / 224  # of the picture's side: a field of view of 2 atan(112 / 1015) = 12.594 degrees
DISTANCE = 10.0  # units from the camera to the origin of the published frame
# published frame (x right, y up, z towards the camera) to OpenCV's camera, the head unturned and in the middle
FRONT = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, DISTANCE], [0.0, 0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class _Front:
    """The part of the head model that the published mesh covers, with a rim for the pixels to be cut from.

    Args:
        vertices: [W] of the head model.
        faces: [F, 3] into ``vertices``.
        values: [W, 3] float32 network values, -1..1 and slightly beyond on the rim.
    """

    vertices: NDArray[np.intp]
    faces: NDArray[np.int32]
    values: NDArray[np.float32]


def pncc(vertices: NDArray[np.floating], frame: PublishedFrame, size: int = 512) -> NDArray[np.float32]:
    """Draw the PNCC of an expressed head.

    Args:
        vertices: [V, 3] metres in the head frame, the head model's topology: neutral for the canonical picture, with
            the photograph's expression for the source's, with the driving one for the target's. Not turned.
        frame: the person's.
        size: side of the picture in pixels.

    Returns:
        [size, size, 3] float32 in -1..1, ``BACKGROUND`` where no skin of the face is.

    Raises:
        LimnerError: ``GRAPHICS_UNAVAILABLE``.
    """
    front = _front()
    places = frame.places(np.asarray(vertices)[front.vertices])
    picture = (
        rasteriser()
        .draw(places, front.faces, published_camera(size))
        .interpolate(front.faces, front.values, BACKGROUND)
    )
    pixels = torch.from_numpy(picture).view(-1, 3)  # several times as fast as numpy here
    red, green, blue = (pixels[:, channel].abs() > 1 for channel in range(3))
    pixels[(red | green | blue).nonzero()[:, 0]] = BACKGROUND
    return picture


def published_camera(size: int) -> Camera:
    """The 3DMM's camera in published units, for pictures of so many pixels a side."""
    focal = FOCAL * size
    return Camera(np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1.0]]), FRONT, size, size)


@lru_cache(maxsize=1)
def _front() -> _Front:
    model, colours = head_model(), published_colours()
    inside = ((colours >= 0) & (colours <= 1)).all(axis=1)
    skin = (model.region == SKIN)[model.faces].all(axis=1)
    faces = model.faces[skin & inside[model.faces].any(axis=1)]
    vertices = np.unique(faces)
    index = np.zeros(len(model.mean), np.int32)
    index[vertices] = np.arange(len(vertices))
    return _Front(vertices, index[faces], 2 * colours[vertices] - 1)
