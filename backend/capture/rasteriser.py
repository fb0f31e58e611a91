"""Off-screen triangle rasterisation with OpenGL: which triangle each pixel shows, and where on it.

One buffer holds (triangle + 1, barycentric b0, b1, depth) for every pixel; whatever else is wanted of the surface is
interpolated from it.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch

from backend.capture.graphics import compile_program, make_context, projection
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
_VALUES_VERTEX_SHADER = """#version 330 core
layout(location = 0) in vec4 position;
layout(location = 1) in vec3 value;
out vec3 carried;
void main() {
    carried = value;
    gl_Position = position;
}"""
_VALUES_FRAGMENT_SHADER = """#version 330 core
in vec3 carried;
out vec4 hit;
void main() { hit = vec4(carried, 1.0); }"""


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
    def _seen_buffer(self) -> np.ndarray:
        """[N, 4] the buffer there."""
        return self.buffer.reshape(-1, 4).take(self.seen, axis=0)

    @cached_property
    def seen_triangle(self) -> np.ndarray:
        """[N] int32 the triangles they show."""
        return self._seen_buffer[:, 0].astype(np.int32) - 1

    @cached_property
    def seen_barycentric(self) -> np.ndarray:
        """[N, 3] float32 perspective-correct weights of the triangles' corners."""
        first_two = self._seen_buffer[:, 1:3]
        return np.concatenate([first_two, 1 - first_two.sum(axis=1, keepdims=True)], axis=1)

    @cached_property
    def seen_depth(self) -> np.ndarray:
        """[N] float32 metres along the camera's axis."""
        return self._seen_buffer[:, 3]

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
        self._context = make_context()
        from OpenGL import GL as gl

        self._gl = gl
        self._program = compile_program(_VERTEX_SHADER, _FRAGMENT_SHADER)
        self._vertex_array = gl.glGenVertexArrays(1)
        self._vertex_buffer = gl.glGenBuffers(1)
        self._values_program = compile_program(_VALUES_VERTEX_SHADER, _VALUES_FRAGMENT_SHADER)
        self._values_array = gl.glGenVertexArrays(1)
        self._values_buffers = gl.glGenBuffers(3)
        self._size: tuple[int, int] | None = None
        self._frame_buffer = gl.glGenFramebuffers(1)
        self._colour, self._depth = gl.glGenRenderbuffers(2)
        self.renderer: str = gl.glGetString(gl.GL_RENDERER).decode()

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
        self._context.make_current()
        corners = _clipped(vertices, camera).take(faces.reshape(-1), axis=0)
        self._begin(camera, 0.0, cull_back)
        gl = self._gl
        gl.glUseProgram(self._program)
        gl.glBindVertexArray(self._vertex_array)
        self._give(self._vertex_buffer, 0, corners)
        gl.glDrawArrays(gl.GL_TRIANGLES, 0, len(corners))
        return Hits(self._read(camera))

    def draw_values(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        values: np.ndarray,
        camera: Camera,
        fill: float = 0.0,
        cull_back: bool = True,
    ) -> np.ndarray:
        """Rasterise three values of the vertices, and nothing else: twice as fast for meshes of tens of thousands.

        Args:
            vertices: [V, 3] world, metres.
            faces: [F, 3] integer, counter-clockwise seen from outside.
            values: [V, 3].
            camera: its width and height are the picture's.
            fill: where no triangle is.
            cull_back: drop triangles seen from behind.

        Returns:
            [H, W, 3] float32, as :meth:`Hits.interpolate` gives them.
        """
        self._context.make_current()
        clip, index = _clipped(vertices, camera), np.ascontiguousarray(faces, np.uint32)
        self._begin(camera, fill, cull_back)
        gl, (places, carried, indices) = self._gl, self._values_buffers
        gl.glUseProgram(self._values_program)
        gl.glBindVertexArray(self._values_array)
        self._give(places, 0, clip)
        self._give(carried, 1, np.ascontiguousarray(values, np.float32))
        gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, indices)
        gl.glBufferData(gl.GL_ELEMENT_ARRAY_BUFFER, index.nbytes, index, gl.GL_STREAM_DRAW)
        gl.glDrawElements(gl.GL_TRIANGLES, index.size, gl.GL_UNSIGNED_INT, ctypes.c_void_p(0))
        return np.ascontiguousarray(self._read(camera)[..., :3])

    def _begin(self, camera: Camera, fill: float, cull_back: bool) -> None:
        """An empty picture of the camera's size."""
        gl = self._gl
        self._resize(camera.width, camera.height)
        gl.glViewport(0, 0, camera.width, camera.height)
        gl.glClearColor(fill, fill, fill, fill)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT | gl.GL_DEPTH_BUFFER_BIT)
        gl.glEnable(gl.GL_DEPTH_TEST)
        if cull_back:
            gl.glEnable(gl.GL_CULL_FACE)
            gl.glFrontFace(gl.GL_CW)  # rows are stored top first: the flipped y axis turns the winding round
        else:
            gl.glDisable(gl.GL_CULL_FACE)

    def _give(self, buffer: int, location: int, rows: np.ndarray) -> None:
        """Float32 rows to a place of the bound vertex array."""
        gl = self._gl
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, buffer)
        gl.glBufferData(gl.GL_ARRAY_BUFFER, rows.nbytes, rows, gl.GL_STREAM_DRAW)
        gl.glEnableVertexAttribArray(location)
        gl.glVertexAttribPointer(location, rows.shape[1], gl.GL_FLOAT, gl.GL_FALSE, 0, ctypes.c_void_p(0))

    def _read(self, camera: Camera) -> np.ndarray:
        """[H, W, 4] float32, the picture."""
        gl = self._gl
        pixels = np.empty((camera.height, camera.width, 4), np.float32)
        gl.glReadPixels(0, 0, camera.width, camera.height, gl.GL_RGBA, gl.GL_FLOAT, pixels)
        return pixels


def _clipped(vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """[V, 3] world -> [V, 4] float32 in OpenGL's clip space."""
    to_clip = projection(camera) @ camera.world_to_camera
    return (vertices @ to_clip[:, :3].T + to_clip[:, 3]).astype(np.float32)


@lru_cache(maxsize=1)
def rasteriser() -> Rasteriser:
    """The process's rasteriser.

    Raises:
        LimnerError: ``GRAPHICS_UNAVAILABLE`` when no off-screen OpenGL 3.3 context can be made.
    """
    return Rasteriser()
