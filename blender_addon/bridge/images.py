"""Pixels into Blender's images. Pictures arrive as display-referred sRGB, top row first; Blender's begin below."""

from __future__ import annotations

import zipfile
from pathlib import Path

import bpy
import numpy as np

from ..shared.errors import LimnerError


def image_from_pixels(name: str, pixels: np.ndarray) -> bpy.types.Image:
    """A new image, packed into the file.

    Args:
        name: the image's name.
        pixels: [H, W, 3 or 4] uint8 sRGB, straight alpha, top row first.
    """
    height, width, channels = pixels.shape
    image = bpy.data.images.new(name, width, height, alpha=channels == 4)
    # an image of bytes keeps display-referred values as they are
    image.colorspace_settings.name = "sRGB"
    rgba = np.ones((height, width, 4), np.float32)
    np.divide(pixels[::-1], 255, out=rgba[..., :channels], dtype=np.float32)
    image.pixels.foreach_set(rgba.ravel())
    image.update()
    image.pack()
    return image


def photograph_of(path: Path, name: str) -> bpy.types.Image:
    """The photograph an avatar was made from, upright as the backend saw it, packed into the file.

    Args:
        path: a ``.limner`` file.
        name: the image's name.

    Raises:
        LimnerError: ``AVATAR_UNREADABLE``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            data = archive.read("reference.png")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise LimnerError("AVATAR_UNREADABLE", f"{path} is not a whole .limner file ({error}).",
                          "Create the avatar again.") from error
    image = bpy.data.images.new(name, 1, 1)
    image.pack(data=data, data_len=len(data))
    image.source = "FILE"
    image.colorspace_settings.name = "sRGB"
    return image
