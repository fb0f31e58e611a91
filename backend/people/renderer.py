"""The renderer of people: passes, in an OpenGL context that must be there before this module is imported.

A picture takes five passes: the shadow maps; the surfaces and strands into samples of colour, normal and depth (strands
already lit); samples to pixels; light on each pixel's surface, once; and lenses over it.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np
from OpenGL import GL as gl

from backend.people.coordinates import HeadCoordinates
from backend.people.figure import Figure, mipmaps
from backend.people.frame import LAMPS, frame_block
from backend.people.normals import head_normals
from backend.people.occlusion import openness
from backend.people.photography import photograph
from backend.people.posing import posed_head
from backend.people.programs import FRAME_BLOCK, UNITS, Program, Programs
from backend.people.ribbons import thinning
from backend.people.scene import Array, Layer, Person, Picture, Shot
from backend.people.shadows import SIZE, SKY, TEXEL, moments
from backend.people.targets import PictureTargets, Target, moments_texture, picture_texture
from shared.camera import Camera


class Renderer:
    """Programs, targets and the figures of the living people drawn so far; not for use by two threads."""

    def __init__(self, context: Any) -> None:
        """``context`` is of :func:`backend.capture.graphics.make_context`."""
        self._context = context
        self._programs = Programs()
        self._figures: weakref.WeakKeyDictionary[Person, Figure] = weakref.WeakKeyDictionary()
        self._left: list[Figure] = []  # of people who are gone
        self._targets: PictureTargets | None = None
        self._shadow = Target(SIZE, SIZE, (), picture_texture(gl.GL_DEPTH_COMPONENT32F, SIZE, SIZE))
        self._frame = int(gl.glGenBuffers(1))
        self._screen = int(gl.glGenVertexArrays(1))
        self._moments = moments_texture(LAMPS + 1)
        self._white, self._flat = (int(name) for name in gl.glGenTextures(2))
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._white)
        mipmaps(gl.GL_RGB8, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, np.full((1, 1, 3), 255, np.uint8))
        gl.glBindTexture(gl.GL_TEXTURE_2D, self._flat)
        mipmaps(gl.GL_RG16F, gl.GL_RG, gl.GL_FLOAT, np.zeros((1, 1, 2), np.float32))
        self._head = HeadCoordinates()

    def render(self, person: Person, shot: Shot) -> Picture:
        """Render one shot."""
        self._context.make_current()
        camera = shot.camera
        head, movement = posed_head(person, shot)
        figure = self._figure(person)
        figure.move(movement, head_normals(person.neutral + movement) - figure.neutral_normals)
        self._begin(person, shot)
        targets = self._sized(camera)
        self._draw_shadows(figure, shot)
        self._draw_samples(figure, targets, _scale(camera, head))
        seen, masks = self._resolve(targets)
        depth = np.where(seen[..., 3] > 0, seen[..., 3], np.float32(np.inf))
        self._shade(targets, openness(depth, float(camera.intrinsics[0, 0])))
        if figure.lenses:
            self._draw_lenses(figure, targets)
            masks = targets.read_layers()
        radiance = targets.lit.read(0, np.float32)
        coordinates = self._draw_coordinates(head, targets)
        rgb = photograph(radiance[..., :3], radiance[..., 3], shot.background, shot.photography)
        return Picture(shot, rgb, _whole(masks), depth, np.ascontiguousarray(seen[..., :3]), coordinates, head)

    def _figure(self, person: Person) -> Figure:
        while self._left:
            self._left.pop().delete()
        figure = self._figures.get(person)
        if figure is None:
            figure = self._figures[person] = Figure(person, self._white, self._flat)
            weakref.finalize(person, self._left.append, figure)
        return figure

    def _sized(self, camera: Camera) -> PictureTargets:
        if self._targets is None or self._targets.size != (camera.width, camera.height):
            if self._targets is not None:
                self._targets.delete()
            self._targets = PictureTargets(camera.width, camera.height)
        return self._targets

    def _begin(self, person: Person, shot: Shot) -> None:
        frame = frame_block(person, shot)
        gl.glBindBuffer(gl.GL_UNIFORM_BUFFER, self._frame)
        gl.glBufferData(gl.GL_UNIFORM_BUFFER, frame.nbytes, frame, gl.GL_STREAM_DRAW)
        gl.glBindBufferBase(gl.GL_UNIFORM_BUFFER, FRAME_BLOCK, self._frame)
        gl.glEnable(gl.GL_DEPTH_TEST)
        gl.glDepthMask(gl.GL_TRUE)
        gl.glDisable(gl.GL_BLEND)
        gl.glDisable(gl.GL_CULL_FACE)
        gl.glFrontFace(gl.GL_CW)  # rows are stored top first: the flipped y axis turns the winding round
        gl.glClearColor(0.0, 0.0, 0.0, 0.0)

    def _draw_shadows(self, figure: Figure, shot: Shot) -> None:
        self._shadow.bind()
        lights = {**dict(enumerate(shot.lighting.lights)), LAMPS: SKY}
        for index, light in lights.items():
            gl.glClear(gl.GL_DEPTH_BUFFER_BIT)
            hair = figure.ribbons
            _use(self._programs.strand_shadow, map=index, widening=hair.shadow_widening, texel=TEXEL)
            gl.glBindVertexArray(figure.strand_array)
            _elements(hair.in_shadows, 4 * int(hair.fine + hair.thinned[-1]))
            _use(self._programs.surface_shadow, map=index)
            gl.glBindVertexArray(figure.surface_array)
            for count, first, two_sided in figure.blockers:
                _cull(not two_sided)
                _elements(count, first)
            _cull(False)
            soft = moments(self._shadow.read_depth(), light.softness)
            _bind(gl.GL_TEXTURE_2D_ARRAY, "shadow_moments", self._moments)
            gl.glTexSubImage3D(gl.GL_TEXTURE_2D_ARRAY, 0, 0, 0, index, SIZE, SIZE, 1, gl.GL_RG, gl.GL_FLOAT, soft)

    def _draw_samples(self, figure: Figure, targets: PictureTargets, pixels_per_metre: float) -> None:
        targets.samples.bind()
        gl.glClear(gl.GL_COLOR_BUFFER_BIT | gl.GL_DEPTH_BUFFER_BIT)
        # hair is in front of most else, so it goes first
        hair = figure.ribbons
        gl.glBindVertexArray(figure.strand_array)
        _use(self._programs.strands, map=-1, widening=1.0)
        _elements(hair.fine, 0)
        kept, widening = thinning(hair.width * pixels_per_metre)
        _use(self._programs.strands, map=-1, widening=widening)
        _elements(int(hair.thinned[kept]), 4 * hair.fine)
        program = self._programs.surface
        _use(program, map=-1)
        gl.glBindVertexArray(figure.surface_array)
        for draw in figure.opaque:
            _cull(not draw.two_sided)
            gl.glUniform1i(program.uniform("textured"), draw.texture > 0)
            if draw.texture:
                _bind(gl.GL_TEXTURE_2D, "texture_map", draw.texture)
                _bind(gl.GL_TEXTURE_2D, "slope_map", draw.slope)
            _elements(draw.count, draw.first)
        _cull(False)

    def _resolve(self, targets: PictureTargets) -> tuple[Array, np.ndarray]:
        """Nearest normal and depth [H, W, 4], and layers [3, H, W, 4]."""
        targets.pixels.bind()
        gl.glClear(gl.GL_DEPTH_BUFFER_BIT)
        gl.glDepthFunc(gl.GL_ALWAYS)
        gl.glUseProgram(self._programs.resolve.name)
        for name, texture in zip(("colours", "normals"), targets.samples.colours):
            _bind(gl.GL_TEXTURE_2D, name, texture)
        _bind(gl.GL_TEXTURE_2D, "depths", targets.samples.depth)
        gl.glBindVertexArray(self._screen)
        gl.glDrawArrays(gl.GL_TRIANGLES, 0, 3)
        gl.glDepthFunc(gl.GL_LESS)
        return targets.pixels.read(0, np.float32), targets.read_layers()

    def _shade(self, targets: PictureTargets, open_share: Array) -> None:
        targets.lit.bind()
        targets.lit.draw_to([0])
        gl.glDisable(gl.GL_DEPTH_TEST)
        gl.glUseProgram(self._programs.shade.name)
        _bind(gl.GL_TEXTURE_2D, "open_map", targets.open)
        height, width = open_share.shape
        gl.glTexSubImage2D(gl.GL_TEXTURE_2D, 0, 0, 0, width, height, gl.GL_RED, gl.GL_FLOAT, open_share)
        gl.glBindVertexArray(self._screen)
        gl.glDrawArrays(gl.GL_TRIANGLES, 0, 3)
        gl.glEnable(gl.GL_DEPTH_TEST)

    def _draw_lenses(self, figure: Figure, targets: PictureTargets) -> None:
        program = self._programs.lens
        _use(program, map=-1)
        gl.glBindVertexArray(figure.surface_array)
        gl.glDepthMask(gl.GL_FALSE)
        gl.glEnable(gl.GL_BLEND)
        for draw in figure.lenses:
            material = draw.material
            gl.glUniform4f(
                program.uniform("lens"), material.specular, material.roughness, material.opacity, float(draw.layer)
            )
            _cull(not draw.two_sided)
            targets.lit.draw_to([0])
            gl.glBlendFunc(gl.GL_ONE, gl.GL_ONE_MINUS_SRC_ALPHA)
            _elements(draw.count, draw.first)
            targets.lit.draw_to([None, 1, 2, 3])
            gl.glBlendColor(0.0, 0.0, 0.0, material.opacity)
            gl.glBlendFunc(gl.GL_CONSTANT_ALPHA, gl.GL_ONE_MINUS_CONSTANT_ALPHA)
            _elements(draw.count, draw.first)
        gl.glDisable(gl.GL_BLEND)
        gl.glDepthMask(gl.GL_TRUE)
        _cull(False)

    def _draw_coordinates(self, head: Array, targets: PictureTargets) -> Array:
        target = targets.coordinates
        target.bind()
        gl.glClear(gl.GL_COLOR_BUFFER_BIT | gl.GL_DEPTH_BUFFER_BIT)
        gl.glUseProgram(self._programs.coordinates.name)
        _cull(True)
        self._head.draw(head)
        _cull(False)
        return np.ascontiguousarray(target.read(0, np.float32)[..., :3])


def _scale(camera: Camera, head: Array) -> float:
    """Pixels that a metre at the head's middle spans."""
    return float(camera.intrinsics[0, 0] / camera.project(head.mean(axis=0, dtype=np.float64))[2])


def _use(program: Program, **uniforms: float) -> None:
    gl.glUseProgram(program.name)
    for name, value in uniforms.items():
        (gl.glUniform1i if isinstance(value, int) else gl.glUniform1f)(program.uniform(name), value)


def _bind(kind: int, sampler: str, texture: int) -> None:
    gl.glActiveTexture(gl.GL_TEXTURE0 + UNITS[sampler])
    gl.glBindTexture(kind, texture)


def _cull(backs: bool) -> None:
    (gl.glEnable if backs else gl.glDisable)(gl.GL_CULL_FACE)


def _elements(count: int, first: int) -> None:
    """Draw triangles of the bound arrays; ``first`` is a byte offset."""
    if count:
        gl.glDrawElements(gl.GL_TRIANGLES, count, gl.GL_UNSIGNED_INT, ctypes.c_void_p(first))


def _whole(layers: np.ndarray) -> np.ndarray:
    """[3, H, W, 4] shares of 255, rounded -> [len(Layer), H, W] that sum to 255: the largest takes what is missing."""
    stacked = layers.transpose(0, 3, 1, 2).reshape(12, *layers.shape[1:3])[: len(Layer)]
    masks = np.ascontiguousarray(stacked)
    missing = 255 - masks.sum(axis=0, dtype=np.int16)
    rows, columns = np.nonzero(missing)
    largest = masks[:, rows, columns].argmax(axis=0)
    masks[largest, rows, columns] = (masks[largest, rows, columns] + missing[rows, columns]).astype(np.uint8)
    return masks
