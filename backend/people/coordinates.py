"""The head's canonical coordinates (PNCC) as a mesh on the graphics device."""

from __future__ import annotations

import ctypes

import numpy as np
from OpenGL import GL as gl

from backend.capture.pncc import canonical_head
from backend.people.scene import Array


class HeadCoordinates:
    """Faces and colours of :func:`backend.capture.pncc.pncc`, drawn at vertices that change with every shot."""

    def __init__(self) -> None:
        faces, colours = canonical_head()
        indices = np.ascontiguousarray(faces, np.uint32)
        self._count = indices.size
        self._array = int(gl.glGenVertexArrays(1))
        self._vertices, colour_buffer, index_buffer = (int(name) for name in gl.glGenBuffers(3))
        gl.glBindVertexArray(self._array)
        gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, index_buffer)
        gl.glBufferData(gl.GL_ELEMENT_ARRAY_BUFFER, indices.nbytes, indices, gl.GL_STATIC_DRAW)
        for location, buffer in enumerate((self._vertices, colour_buffer)):
            gl.glBindBuffer(gl.GL_ARRAY_BUFFER, buffer)
            gl.glBufferData(gl.GL_ARRAY_BUFFER, colours.nbytes, colours, gl.GL_STATIC_DRAW)
            gl.glEnableVertexAttribArray(location)
            gl.glVertexAttribPointer(location, 3, gl.GL_FLOAT, gl.GL_FALSE, 0, ctypes.c_void_p(0))

    def draw(self, head: Array) -> None:
        """Draw the head; [6931, 3] float32 world."""
        gl.glBindVertexArray(self._array)
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, self._vertices)
        gl.glBufferData(gl.GL_ARRAY_BUFFER, head.nbytes, np.ascontiguousarray(head), gl.GL_STREAM_DRAW)
        gl.glDrawElements(gl.GL_TRIANGLES, self._count, gl.GL_UNSIGNED_INT, ctypes.c_void_p(0))
