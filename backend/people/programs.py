"""The renderer's shader programs, from the GLSL sources beside this file."""

from __future__ import annotations

from pathlib import Path

from OpenGL import GL as gl

from backend.capture.graphics import FAR, NEAR, compile_program
from backend.people.scene import Layer

SAMPLES = 4  # of every pixel, two by two; llvmpipe's own multisampling takes twice as long
MOST_PARTS = 128  # surfaces and strands of one person
# texture units of all programs
UNITS = {
    "texture_map": 0,
    "slope_map": 1,
    "shadow_moments": 2,
    "strand_movement": 3,
    "colours": 4,
    "normals": 5,
    "depths": 6,
    "open_map": 7,
}
FRAME_BLOCK, PARTS_BLOCK = 0, 1  # binding points of the uniform blocks
_HEADER = f"""#version 330 core
#define SAMPLES {SAMPLES}
#define PARTS {MOST_PARTS}
#define MOUTH {int(Layer.MOUTH)}
#define NEAR {NEAR}
#define FAR {FAR}
"""


class Program:
    """A shader program with its texture units and uniform blocks bound."""

    def __init__(self, vertex: tuple[str, ...], fragment: tuple[str, ...]) -> None:
        self.name = compile_program(_source(vertex), _source(fragment))
        self._uniforms: dict[str, int] = {}
        gl.glUseProgram(self.name)
        for sampler, unit in UNITS.items():
            gl.glUniform1i(self.uniform(sampler), unit)
        for block, binding in (("Frame", FRAME_BLOCK), ("Parts", PARTS_BLOCK)):
            index = gl.glGetUniformBlockIndex(self.name, block)
            if index != gl.GL_INVALID_INDEX:
                gl.glUniformBlockBinding(self.name, index, binding)

    def uniform(self, name: str) -> int:
        """The location of a uniform, -1 (which OpenGL ignores) where the program has none of that name."""
        if name not in self._uniforms:
            self._uniforms[name] = gl.glGetUniformLocation(self.name, name)
        return self._uniforms[name]


class Programs:
    """All programs of the renderer, in the current context."""

    def __init__(self) -> None:
        surface, strands = ("pose", "surface.vert"), ("pose", "shadow", "strands.vert")
        self.surface = Program(surface, ("surface.frag",))
        self.strands = Program(strands, ("strands.frag",))
        self.surface_shadow = Program(surface, ("empty.frag",))
        self.strand_shadow = Program(strands, ("empty.frag",))
        self.resolve = Program(("screen.vert",), ("samples", "resolve.frag"))
        self.shade = Program(("screen.vert",), ("samples", "shadow", "reflect", "shade.frag"))
        self.lens = Program(surface, ("reflect", "lens.frag"))
        self.coordinates = Program(("coordinates.vert",), ("coordinates.frag",))


def _source(names: tuple[str, ...]) -> str:
    folder = Path(__file__).with_name("shaders")
    return _HEADER + "\n".join((folder / f"{name}.glsl").read_text(encoding="utf-8") for name in ("frame", *names))
