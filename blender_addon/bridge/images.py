"""Pixels into Blender's images. Pictures arrive as display-referred sRGB, top row first; Blender's begin below."""

from __future__ import annotations

import bpy
import numpy as np


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
