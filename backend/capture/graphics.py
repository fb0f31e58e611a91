"""OpenGL without a window: the context, shader programs and the way from cameras to clip coordinates.

The context is EGL without a surface (a GPU's driver or Mesa's llvmpipe), else OSMesa.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

import numpy as np

from shared.camera import Camera
from shared.errors import LimnerError

NEAR, FAR = 0.02, 100.0  # metres


def projection(camera: Camera) -> np.ndarray:
    """[4, 4] OpenCV camera coordinates to OpenGL clip coordinates; image rows run downwards in memory."""
    (fx, skew, cx), (_, fy, cy), _ = camera.intrinsics
    width, height = camera.width, camera.height
    return np.array(
        [
            [2 * fx / width, 2 * skew / width, 2 * cx / width - 1, 0],
            [0, 2 * fy / height, 2 * cy / height - 1, 0],
            [0, 0, (FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)],
            [0, 0, 1, 0],
        ]
    )


def compile_program(vertex_shader: str, fragment_shader: str) -> int:
    """Build a shader program in the current context.

    Raises:
        LimnerError: ``GRAPHICS_UNAVAILABLE`` when the driver refuses it.
    """
    from OpenGL import GL as gl

    program = gl.glCreateProgram()
    logs = []
    for kind, source in ((gl.GL_VERTEX_SHADER, vertex_shader), (gl.GL_FRAGMENT_SHADER, fragment_shader)):
        shader = gl.glCreateShader(kind)
        gl.glShaderSource(shader, source)
        gl.glCompileShader(shader)
        logs.append(gl.glGetShaderInfoLog(shader))
        gl.glAttachShader(program, shader)
        gl.glDeleteShader(shader)  # the program keeps it
    gl.glLinkProgram(program)
    if not gl.glGetProgramiv(program, gl.GL_LINK_STATUS):
        raise LimnerError(
            "GRAPHICS_UNAVAILABLE",
            f"The OpenGL driver refuses Limner's shaders ({logs!r}, {gl.glGetProgramInfoLog(program)!r}).",
            "Install Mesa with `python install.py` or update the graphics driver.",
        )
    return int(program)


def make_context() -> Any:
    """A new off-screen OpenGL 3.3 context, current on this thread; its ``make_current`` brings it back.

    Raises:
        LimnerError: ``GRAPHICS_UNAVAILABLE`` when none can be made.
    """
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
