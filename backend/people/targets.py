"""Pictures on the graphics device that are drawn into and read from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from OpenGL import GL as gl

from backend.people.shadows import RANGE, SIZE
from shared.errors import LimnerError

_FORMATS = {  # format, type for an upload of nothing
    gl.GL_R32F: (gl.GL_RED, gl.GL_FLOAT),
    gl.GL_RGBA8: (gl.GL_RGBA, gl.GL_UNSIGNED_BYTE),
    gl.GL_RGBA16F: (gl.GL_RGBA, gl.GL_FLOAT),
    gl.GL_RGBA32F: (gl.GL_RGBA, gl.GL_FLOAT),
    gl.GL_DEPTH_COMPONENT32F: (gl.GL_DEPTH_COMPONENT, gl.GL_FLOAT),
}


def picture_texture(kind: int, width: int, height: int) -> int:
    """An empty texture of one value a pixel."""
    name = gl.glGenTextures(1)
    gl.glBindTexture(gl.GL_TEXTURE_2D, name)
    gl.glTexImage2D(gl.GL_TEXTURE_2D, 0, kind, width, height, 0, *_FORMATS[kind], None)
    for parameter in (gl.GL_TEXTURE_MIN_FILTER, gl.GL_TEXTURE_MAG_FILTER):
        gl.glTexParameteri(gl.GL_TEXTURE_2D, parameter, gl.GL_NEAREST)
    return int(name)


def moments_texture(count: int) -> int:
    """An empty texture for the moments of ``count`` maps; outside of a map nothing is in the way."""
    name = int(gl.glGenTextures(1))
    kind = gl.GL_TEXTURE_2D_ARRAY
    gl.glBindTexture(kind, name)
    gl.glTexImage3D(kind, 0, gl.GL_RG32F, SIZE, SIZE, count, 0, gl.GL_RG, gl.GL_FLOAT, None)
    for parameter in (gl.GL_TEXTURE_MIN_FILTER, gl.GL_TEXTURE_MAG_FILTER):
        gl.glTexParameteri(kind, parameter, gl.GL_LINEAR)
    for parameter in (gl.GL_TEXTURE_WRAP_S, gl.GL_TEXTURE_WRAP_T):
        gl.glTexParameteri(kind, parameter, gl.GL_CLAMP_TO_BORDER)
    gl.glTexParameterfv(kind, gl.GL_TEXTURE_BORDER_COLOR, [RANGE, RANGE * RANGE, 0.0, 0.0])
    return name


class Target:
    """A frame buffer over colour textures and a depth texture, all of one size."""

    def __init__(self, width: int, height: int, colours: Sequence[int], depth: int) -> None:
        self.width, self.height = width, height
        self.colours = tuple(colours)
        self.depth = depth
        self._name = gl.glGenFramebuffers(1)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._name)
        kind = gl.GL_TEXTURE_2D
        for index, texture in enumerate(self.colours):
            gl.glFramebufferTexture2D(gl.GL_FRAMEBUFFER, gl.GL_COLOR_ATTACHMENT0 + index, kind, texture, 0)
        gl.glFramebufferTexture2D(gl.GL_FRAMEBUFFER, gl.GL_DEPTH_ATTACHMENT, kind, depth, 0)
        self.draw_to(range(len(self.colours)))
        if gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER) != gl.GL_FRAMEBUFFER_COMPLETE:
            raise LimnerError(
                "GRAPHICS_UNAVAILABLE",
                f"A {width} x {height} frame buffer for pictures of people cannot be made.",
                "Render at a smaller size or update the graphics driver.",
            )

    def bind(self) -> None:
        """Draw into this target from now on."""
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._name)
        gl.glViewport(0, 0, self.width, self.height)

    def draw_to(self, indices: Sequence[int | None]) -> None:
        """Send the shader's outputs to these colour textures, ``None`` to nowhere (the target is bound)."""
        if indices:
            places = [gl.GL_NONE if index is None else gl.GL_COLOR_ATTACHMENT0 + index for index in indices]
            gl.glDrawBuffers(len(places), places)
        else:
            gl.glDrawBuffer(gl.GL_NONE)
            gl.glReadBuffer(gl.GL_NONE)

    def read(self, index: int, dtype: Any) -> np.ndarray:
        """[H, W, 4] of a colour texture (the target is bound); ``dtype`` float32 or uint8."""
        pixels = np.empty((self.height, self.width, 4), dtype)
        gl.glReadBuffer(gl.GL_COLOR_ATTACHMENT0 + index)
        kind = gl.GL_UNSIGNED_BYTE if pixels.dtype == np.uint8 else gl.GL_FLOAT
        gl.glReadPixels(0, 0, self.width, self.height, gl.GL_RGBA, kind, pixels)
        return pixels

    def read_depth(self) -> np.ndarray:
        """[H, W] float32 of the depth texture (the target is bound)."""
        pixels = np.empty((self.height, self.width), np.float32)
        gl.glReadPixels(0, 0, self.width, self.height, gl.GL_DEPTH_COMPONENT, gl.GL_FLOAT, pixels)
        return pixels

    def delete(self) -> None:
        """Give the textures back."""
        gl.glDeleteFramebuffers(1, [self._name])
        gl.glDeleteTextures([*self.colours, self.depth])


class PictureTargets:
    """Everything that pictures of one size are drawn through.

    Attributes:
        samples: colour, normal and depth of every sample, two by two a pixel.
        pixels: normal and depth of each pixel, and three textures of its layers.
        lit: linear radiance, and the same three textures.
        open: texture of the share of the surroundings that reaches each pixel.
        coordinates: the head's PNCC.
    """

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)

        def texture(kind: int, scale: int = 1) -> int:
            return picture_texture(kind, scale * width, scale * height)

        colours = [texture(gl.GL_RGBA8, 2), texture(gl.GL_RGBA8, 2)]
        self.samples = Target(2 * width, 2 * height, colours, texture(gl.GL_DEPTH_COMPONENT32F, 2))
        layers = [texture(gl.GL_RGBA8) for _ in range(3)]
        depth = texture(gl.GL_DEPTH_COMPONENT32F)
        self.pixels = Target(width, height, [texture(gl.GL_RGBA32F), *layers], depth)
        self.lit = Target(width, height, [texture(gl.GL_RGBA16F), *layers], depth)
        self.open = texture(gl.GL_R32F)
        self.coordinates = Target(width, height, [texture(gl.GL_RGBA32F)], texture(gl.GL_DEPTH_COMPONENT32F))

    def read_layers(self) -> np.ndarray:
        """[3, H, W, 4] uint8 shares of 255 of the layers (``lit`` or ``pixels`` was drawn into last)."""
        self.lit.bind()
        return np.stack([self.lit.read(index, np.uint8) for index in (1, 2, 3)])

    def delete(self) -> None:
        """Give the textures back."""
        for target in (self.samples, self.pixels, self.lit, self.coordinates):
            target.delete()
        gl.glDeleteTextures([self.open])
