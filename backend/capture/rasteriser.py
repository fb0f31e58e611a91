"""Off-screen triangle rasterisation with OpenGL: which triangle each pixel shows, and where on it.

One buffer holds (triangle + 1, barycentric b0, b1, depth) for every pixel; whatever else is wanted of the surface is
interpolated from it. The context is EGL without a surface (a GPU's driver or Mesa's llvmpipe), else OSMesa.
"""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch

from shared.camera import Camera
from shared.errors import LimnerError

_VERTEX_SHADER = """#version 330 core
layout(location = 0) in vec4 position;
out vec2 barycentric;
void main() {
    int corner = gl_VertexID % 3;
    barycentric = vec2(corner == 0 ? 1.0 : 0.0, corner == 1 ? 1.0 : 0.0);
    gl_Position = position;
}"""
_FRAGMENT_SHADER = """#version 330 core
in vec2 barycentric;
out vec4 hit;
void main() { hit = vec4(float(gl_PrimitiveID + 1), barycentric, 1.0 / gl_FragCoord.w); }"""

NEAR, FAR = 0.02, 100.0  # metres


@dataclass(frozen=True, eq=False)
class Hits:
    """What a rasterised view shows.

    Args:
        buffer: [H, W, 4] float32: triangle + 1 (0 where none is), first two barycentric weights, depth.
    """

    buffer: np.ndarray

    @cached_property
    def seen(self) -> np.ndarray:
        """[N] indices into the flat picture of the pixels that show a triangle."""
        return np.flatnonzero(self.buffer[..., 0])

    @cached_property
    def seen_triangle(self) -> np.ndarray:
        """[N] int32 the triangles they show."""
        return self.buffer.reshape(-1, 4)[self.seen, 0].astype(np.int32) - 1

    @cached_property
    def seen_barycentric(self) -> np.ndarray:
        """[N, 3] float32 perspective-correct weights of the triangles' corners."""
        first_two = self.buffer.reshape(-1, 4)[self.seen, 1:3]
        return np.concatenate([first_two, 1 - first_two.sum(axis=1, keepdims=True)], axis=1)

    @cached_property
    def triangle(self) -> np.ndarray:
        """[H, W] int32, the index of the triangle seen, -1 where none is."""
        return self.buffer[..., 0].astype(np.int32) - 1

    @cached_property
    def barycentric(self) -> np.ndarray:
        """[H, W, 3] float32, perspective-correct weights of the triangle's corners."""
        first, second = self.buffer[..., 1], self.buffer[..., 2]
        return np.stack([first, second, 1 - first - second], axis=-1)

    @cached_property
    def depth(self) -> np.ndarray:
        """[H, W] float32 metres along the camera's axis, ``inf`` where no triangle is."""
        return np.where(self.buffer[..., 0] > 0, self.buffer[..., 3], np.float32(np.inf))

    def interpolate(self, faces: np.ndarray, attribute: np.ndarray, fill: float = 0.0) -> np.ndarray:
        """Carry a per-vertex attribute to the pixels: [V, C] -> [H, W, C] float32, ``fill`` where no triangle is."""
        # torch's gathers are several times as fast as numpy's here
        height, width, _ = self.buffer.shape
        buffer = torch.from_numpy(self.buffer).reshape(-1, 4)
        seen = buffer[:, 0].nonzero()[:, 0]
        hit = buffer.index_select(0, seen)
        corners = torch.from_numpy(np.asarray(attribute, np.float32)[faces])
        first, second, third = corners.index_select(0, hit[:, 0].long() - 1).unbind(dim=1)
        out = torch.full((height * width, attribute.shape[1]), fill, dtype=torch.float32)
        out[seen] = (first - third) * hit[:, 1:2] + (second - third) * hit[:, 2:3] + third
        return out.reshape(height, width, -1).numpy()


class Rasteriser:
    """An OpenGL context and one frame buffer that grows with the pictures asked of it; not for use by two threads."""

    def __init__(self) -> None:
        self._context = _make_context()
        from OpenGL import GL as gl

        self._gl = gl
        self._program = self._compile()
        self._vertex_array = gl.glGenVertexArrays(1)
        self._vertex_buffer = gl.glGenBuffers(1)
        self._size: tuple[int, int] | None = None
        self._frame_buffer = gl.glGenFramebuffers(1)
        self._colour, self._depth = gl.glGenRenderbuffers(2)
        self.renderer: str = gl.glGetString(gl.GL_RENDERER).decode()

    def _compile(self) -> int:
        gl = self._gl
        program = gl.glCreateProgram()
        for kind, source in ((gl.GL_VERTEX_SHADER, _VERTEX_SHADER), (gl.GL_FRAGMENT_SHADER, _FRAGMENT_SHADER)):
            shader = gl.glCreateShader(kind)
            gl.glShaderSource(shader, source)
            gl.glCompileShader(shader)
            gl.glAttachShader(program, shader)
        gl.glLinkProgram(program)
        if not gl.glGetProgramiv(program, gl.GL_LINK_STATUS):
            raise LimnerError(
                "GRAPHICS_UNAVAILABLE",
                f"The OpenGL driver refuses Limner's shaders ({gl.glGetProgramInfoLog(program)!r}).",
                "Install Mesa with `python install.py` or update the graphics driver.",
            )
        return program

    def _resize(self, width: int, height: int) -> None:
        gl = self._gl
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._frame_buffer)
        if self._size == (width, height):
            return
        for buffer, storage, attachment in (
            (self._colour, gl.GL_RGBA32F, gl.GL_COLOR_ATTACHMENT0),
            (self._depth, gl.GL_DEPTH_COMPONENT32F, gl.GL_DEPTH_ATTACHMENT),
        ):
            gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, buffer)
            gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, storage, width, height)
            gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, attachment, gl.GL_RENDERBUFFER, buffer)
        if gl.glCheckFramebufferStatus(gl.GL_FRAMEBUFFER) != gl.GL_FRAMEBUFFER_COMPLETE:
            raise LimnerError(
                "GRAPHICS_UNAVAILABLE",
                f"A {width} x {height} float frame buffer cannot be made.",
                "Render at a smaller size or update the graphics driver.",
            )
        self._size = (width, height)

    def draw(self, vertices: np.ndarray, faces: np.ndarray, camera: Camera, cull_back: bool = True) -> Hits:
        """Rasterise a mesh.

        Args:
            vertices: [V, 3] world, metres.
            faces: [F, 3] integer, counter-clockwise seen from outside.
            camera: its width and height are the picture's.
            cull_back: drop triangles seen from behind.

        Returns:
            ``Hits`` of [height, width].
        """
        gl = self._gl
        self._context.make_current()
        width, height = camera.width, camera.height
        clip = vertices @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
        corners = (clip @ _clip_matrix(camera).T + _CLIP_OFFSET).astype(np.float32).take(faces.reshape(-1), axis=0)

        self._resize(width, height)
        gl.glViewport(0, 0, width, height)
        gl.glClearColor(0.0, 0.0, 0.0, 0.0)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT | gl.GL_DEPTH_BUFFER_BIT)
        gl.glEnable(gl.GL_DEPTH_TEST)
        if cull_back:
            gl.glEnable(gl.GL_CULL_FACE)
            gl.glFrontFace(gl.GL_CW)  # rows are stored top first: the flipped y axis turns the winding round
        else:
            gl.glDisable(gl.GL_CULL_FACE)
        gl.glUseProgram(self._program)
        gl.glBindVertexArray(self._vertex_array)
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, self._vertex_buffer)
        gl.glBufferData(gl.GL_ARRAY_BUFFER, corners.nbytes, corners, gl.GL_STREAM_DRAW)
        gl.glEnableVertexAttribArray(0)
        gl.glVertexAttribPointer(0, 4, gl.GL_FLOAT, gl.GL_FALSE, 0, ctypes.c_void_p(0))
        gl.glDrawArrays(gl.GL_TRIANGLES, 0, len(corners))
        pixels = np.empty((height, width, 4), np.float32)
        gl.glReadPixels(0, 0, width, height, gl.GL_RGBA, gl.GL_FLOAT, pixels)
        return Hits(pixels)


_CLIP_OFFSET = np.array([0.0, 0.0, -2 * FAR * NEAR / (FAR - NEAR), 0.0])


def _clip_matrix(camera: Camera) -> np.ndarray:
    """[4, 3] OpenCV camera coordinates to OpenGL clip coordinates; image rows run downwards in memory."""
    (fx, skew, cx), (_, fy, cy), _ = camera.intrinsics
    width, height = camera.width, camera.height
    return np.array(
        [
            [2 * fx / width, 2 * skew / width, 2 * cx / width - 1],
            [0, 2 * fy / height, 2 * cy / height - 1],
            [0, 0, (FAR + NEAR) / (FAR - NEAR)],
            [0, 0, 1],
        ]
    )


@lru_cache(maxsize=1)
def rasteriser() -> Rasteriser:
    """The process's rasteriser.

    Raises:
        LimnerError: ``GRAPHICS_UNAVAILABLE`` when no off-screen OpenGL 3.3 context can be made.
    """
    return Rasteriser()


def _make_context() -> Any:
    causes = []
    for platform, make in (("egl", _EglContext), ("osmesa", _OsMesaContext)):
        # PyOpenGL binds one platform for the life of the process, at its first import
        if "OpenGL" in sys.modules and os.environ.get("PYOPENGL_PLATFORM") != platform:
            continue
        os.environ["PYOPENGL_PLATFORM"] = platform
        try:
            return make()
        except Exception as error:  # every way a driver can be missing or broken ends in the same remedy
            causes.append(f"{platform}: {error}")
            for name in [name for name in sys.modules if name == "OpenGL" or name.startswith("OpenGL.")]:
                del sys.modules[name]
    raise LimnerError(
        "GRAPHICS_UNAVAILABLE",
        f"No off-screen OpenGL context can be made ({'; '.join(causes)}).",
        "Run `python install.py`, or install libegl1 and libgl1-mesa-dri (Debian) or a graphics driver.",
    )


class _EglContext:
    def __init__(self) -> None:
        from OpenGL import EGL as egl

        self._egl = egl
        platform_surfaceless = 0x31DD
        display = None
        get_platform_display = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
        if get_platform_display:
            function = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)
            display = function(get_platform_display)(platform_surfaceless, None, None)
        self._display = display or egl.eglGetDisplay(egl.EGL_DEFAULT_DISPLAY)
        major, minor = egl.EGLint(), egl.EGLint()
        if not egl.eglInitialize(self._display, major, minor):
            raise RuntimeError("eglInitialize failed")
        egl.eglBindAPI(egl.EGL_OPENGL_API)
        wanted = (egl.EGLint * 5)(egl.EGL_RENDERABLE_TYPE, egl.EGL_OPENGL_BIT, egl.EGL_SURFACE_TYPE, 0, egl.EGL_NONE)
        configurations = (egl.EGLConfig * 1)()
        found = egl.EGLint()
        egl.eglChooseConfig(self._display, wanted, configurations, 1, found)
        if not found.value:
            raise RuntimeError("no EGL configuration renders OpenGL")
        version = (egl.EGLint * 7)(0x3098, 3, 0x30FB, 3, 0x30FD, 1, egl.EGL_NONE)  # OpenGL 3.3 core
        self._context = egl.eglCreateContext(self._display, configurations[0], egl.EGL_NO_CONTEXT, version)
        self.make_current()

    def make_current(self) -> None:
        egl = self._egl
        if not egl.eglMakeCurrent(self._display, egl.EGL_NO_SURFACE, egl.EGL_NO_SURFACE, self._context):
            raise RuntimeError("eglMakeCurrent failed")


class _OsMesaContext:
    def __init__(self) -> None:
        from OpenGL import osmesa

        self._osmesa = osmesa
        attributes = [
            osmesa.OSMESA_FORMAT, osmesa.OSMESA_RGBA, osmesa.OSMESA_DEPTH_BITS, 24, osmesa.OSMESA_PROFILE,
            osmesa.OSMESA_CORE_PROFILE, osmesa.OSMESA_CONTEXT_MAJOR_VERSION, 3,
            osmesa.OSMESA_CONTEXT_MINOR_VERSION, 3, 0,
        ]  # fmt: skip
        self._context = osmesa.OSMesaCreateContextAttribs((ctypes.c_int * len(attributes))(*attributes), None)
        if not self._context:
            raise RuntimeError("OSMesaCreateContextAttribs failed")
        self._buffer = np.zeros((16, 16, 4), np.uint8)
        self.make_current()

    def make_current(self) -> None:
        from OpenGL import GL as gl

        if not self._osmesa.OSMesaMakeCurrent(self._context, self._buffer, gl.GL_UNSIGNED_BYTE, 16, 16):
            raise RuntimeError("OSMesaMakeCurrent failed")
