"""A person on the graphics device: buffers and textures that serve all of their shots."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from OpenGL import GL as gl
from scipy import sparse

from backend.head.model import head_model
from backend.people.blockers import blockers
from backend.people.normals import head_normals, seamless_normals
from backend.people.programs import MOST_PARTS, PARTS_BLOCK, UNITS
from backend.people.ribbons import RIBBON_VERTEX, ribbons
from backend.people.scene import Array, Layer, Material, Person, Strands, Surface

_SURFACE = np.dtype(
    [
        ("position", "f4", 3),
        ("share", "f4"),
        ("normal", "f4", 3),
        ("part", "f4"),
        ("colour", "u1", 4),
        ("uv", "f4", 2),
    ]
)
Pixels = TypeVar("Pixels", bound=np.ndarray)
STRAND_LAYER = 16  # added to the layer of parts that are strands


@dataclass(frozen=True)
class Draw:
    """A run of indices with the state they are drawn with.

    Args:
        first: byte offset into the index buffer.
        count: of indices.
        two_sided: whether backs are drawn.
        texture: its name, 0 for none.
        slope: texture of the relief's slopes.
        material: of the first part.
        layer: of the first part.
    """

    first: int
    count: int
    two_sided: bool
    texture: int
    slope: int
    material: Material
    layer: Layer


class Figure:
    """Buffers of one person in the current context; :meth:`delete` gives them back.

    Attributes:
        opaque: runs of the surfaces' indices that are drawn before everything else.
        lenses: runs of those that are drawn last.
        blockers: count, byte offset and sidedness of the runs that throw shadows.
        ribbons: what the strands' vertex array holds.
        neutral_normals: [6931, 3] of the head at rest.
    """

    def __init__(self, person: Person, white: int, flat: int) -> None:
        """Upload; ``white`` and ``flat`` are the textures of surfaces that have only a relief or only a texture."""
        self._textures: list[int] = []
        self._uploaded: dict[int, int] = {}  # names by identity of the person's pictures
        self._white, self._flat = white, flat
        self.neutral_normals = head_normals(person.neutral)
        self._carry = _carriers(person)
        surfaces = sorted(person.surfaces, key=_order)
        self.vertex_count = sum(len(surface.vertices) for surface in surfaces)
        self.parts = np.zeros((MOST_PARTS, 4), np.float32)
        names = gl.glGenBuffers(7)
        self._buffers = [int(name) for name in names]
        vertices, indices, movement, strands, strand_indices, moved, parts = self._buffers
        self.surface_array, self.strand_array = (int(name) for name in gl.glGenVertexArrays(2))
        self._movement, self._strand_movement, self._parts = movement, moved, parts

        gl.glBindVertexArray(self.surface_array)
        self.opaque, self.lenses, faces = self._surface_draws(surfaces)
        _upload(gl.GL_ARRAY_BUFFER, vertices, self._surface_vertices(surfaces))
        _attributes(_SURFACE)
        one_sided, two_sided = blockers(surfaces, False), blockers(surfaces, True)
        self.blockers = (
            (one_sided.size, 4 * faces.size, False),
            (two_sided.size, 4 * (faces.size + one_sided.size), True),
        )
        _upload(gl.GL_ELEMENT_ARRAY_BUFFER, indices, np.concatenate([faces, one_sided, two_sided]))
        _upload(gl.GL_ARRAY_BUFFER, movement, np.zeros((self.vertex_count, 6), np.float32))
        _attributes(np.dtype([("movement", "f4", 3), ("normal", "f4", 3)]), first=len(_SURFACE.names or ()))

        gl.glBindVertexArray(self.strand_array)
        self.ribbons = ribbons(person.strands, len(surfaces) + 1)
        for part, group in enumerate(person.strands, start=len(surfaces) + 1):
            self.parts[part] = _part(group.material, int(group.layer) + STRAND_LAYER)
        _upload(gl.GL_ARRAY_BUFFER, strands, self.ribbons.vertices)
        _attributes(RIBBON_VERTEX)
        _upload(gl.GL_ELEMENT_ARRAY_BUFFER, strand_indices, self.ribbons.indices)
        self.strand_movement = self._texture_name()
        _upload(gl.GL_TEXTURE_BUFFER, moved, np.zeros((1, 4), np.float32))
        gl.glBindTexture(gl.GL_TEXTURE_BUFFER, self.strand_movement)
        gl.glTexBuffer(gl.GL_TEXTURE_BUFFER, gl.GL_RGBA32F, moved)
        _upload(gl.GL_UNIFORM_BUFFER, parts, self.parts)

    def move(self, movement: Array, turned: Array) -> None:
        """Bind everything for a shot.

        Args:
            movement: [6931, 3] facial movement of the head's vertices at rest.
            turned: [6931, 3] what it adds to their normals.
        """
        carried = self._carry @ np.concatenate([movement, turned], axis=1)
        _upload(gl.GL_ARRAY_BUFFER, self._movement, carried[: self.vertex_count])
        of_strands = np.zeros((max(1, len(carried) - self.vertex_count), 4), np.float32)
        of_strands[: len(carried) - self.vertex_count, :3] = carried[self.vertex_count :, :3]
        _upload(gl.GL_TEXTURE_BUFFER, self._strand_movement, of_strands)
        gl.glActiveTexture(gl.GL_TEXTURE0 + UNITS["strand_movement"])
        gl.glBindTexture(gl.GL_TEXTURE_BUFFER, self.strand_movement)
        gl.glBindBufferBase(gl.GL_UNIFORM_BUFFER, PARTS_BLOCK, self._parts)

    def delete(self) -> None:
        """Give buffers and textures back."""
        gl.glDeleteVertexArrays(2, [self.surface_array, self.strand_array])
        gl.glDeleteBuffers(len(self._buffers), self._buffers)
        gl.glDeleteTextures(self._textures)

    def _texture_name(self) -> int:
        self._textures.append(int(gl.glGenTextures(1)))
        return self._textures[-1]

    def _surface_vertices(self, surfaces: list[Surface]) -> np.ndarray:
        vertices = np.zeros(self.vertex_count, _SURFACE)
        # one surface goes on in another without a crease where they share vertices' places, as face and body do
        starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
        vertices["normal"] = seamless_normals(
            np.concatenate([surface.vertices for surface in surfaces]),
            np.concatenate([surface.faces + offset for surface, offset in zip(surfaces, starts)]),
        )
        start = 0
        for part, surface in enumerate(surfaces, start=1):
            rows = vertices[start : start + len(surface.vertices)]
            rows["position"] = surface.vertices
            rows["share"] = surface.head_share
            rows["part"] = part
            rows["colour"][:, :3] = _bytes(surface.colour)
            if surface.uv is not None:
                rows["uv"] = surface.uv
            self.parts[part] = _part(surface.material, int(surface.layer))
            start += len(surface.vertices)
        return vertices

    def _surface_draws(self, surfaces: list[Surface]) -> tuple[list[Draw], list[Draw], NDArray[np.uint32]]:
        opaque: list[Draw] = []
        lenses: list[Draw] = []
        faces, first, offset = [], 0, 0
        for surface in surfaces:
            faces.append(surface.faces.reshape(-1) + np.uint32(offset))
            texture, slope = 0, 0
            if _textured(surface):
                texture = self._white if surface.texture is None else self._once(surface.texture, self._texture)
                slope = self._flat if surface.relief is None else self._once(surface.relief, self._slope)
            draw = Draw(
                4 * first, surface.faces.size, surface.two_sided, texture, slope, surface.material, surface.layer
            )
            before = opaque[-1] if opaque else None
            if surface.material.opacity < 1:
                lenses.append(draw)
            elif before and not texture and not before.texture and before.two_sided == draw.two_sided:
                opaque[-1] = replace(before, count=before.count + draw.count)
            else:
                opaque.append(draw)
            first += surface.faces.size
            offset += len(surface.vertices)
        return opaque, lenses, np.concatenate([*faces, np.zeros(0, np.uint32)]).astype(np.uint32)

    def _once(self, picture: Pixels, upload: Callable[[Pixels], int]) -> int:
        """The texture of a picture; face and body share theirs."""
        if id(picture) not in self._uploaded:
            self._uploaded[id(picture)] = upload(picture)
        return self._uploaded[id(picture)]

    def _texture(self, texture: NDArray[np.uint8]) -> int:
        name = self._texture_name()
        gl.glBindTexture(gl.GL_TEXTURE_2D, name)
        mipmaps(gl.GL_RGB8, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, np.ascontiguousarray(texture[::-1]))
        return name

    def _slope(self, relief: Array) -> int:
        name = self._texture_name()
        gl.glBindTexture(gl.GL_TEXTURE_2D, name)
        height = np.ascontiguousarray(relief[::-1], np.float32)
        rows, columns = height.shape
        slope = np.stack(
            [
                cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=columns / 8),
                cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=rows / 8),
            ],
            axis=-1,
        )
        mipmaps(gl.GL_RG16F, gl.GL_RG, gl.GL_FLOAT, slope)
        return name


def _order(surface: Surface) -> tuple[bool, bool, bool]:
    return surface.material.opacity < 1, _textured(surface), surface.two_sided


def _textured(surface: Surface) -> bool:
    return surface.texture is not None or surface.relief is not None


def _part(material: Material, layer: int) -> tuple[float, float, float, float]:
    return material.specular, material.roughness, material.subsurface, float(layer)


def _bytes(colour: Array) -> NDArray[np.uint8]:
    return (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)


def _carriers(person: Person) -> sparse.csr_matrix:
    """[vertices of all surfaces in drawing order, then strands; 6931] what carries each."""
    corners, weights = [], []
    parts: list[Surface | Strands] = [*sorted(person.surfaces, key=_order), *person.strands]
    for part in parts:
        count = len(part.vertices) if isinstance(part, Surface) else len(part.points)
        if part.carriers is None or part.carrier_weights is None:
            corners.append(np.zeros((count, 3), np.int32))
            weights.append(np.zeros((count, 3), np.float32))
        else:
            corners.append(part.carriers)
            weights.append(part.carrier_weights)
    corner, weight = np.concatenate(corners), np.concatenate(weights).astype(np.float32)
    rows = np.arange(len(corner) + 1) * 3
    return sparse.csr_matrix((weight.reshape(-1), corner.reshape(-1), rows), (len(corner), len(head_model().mean)))


def _upload(target: int, name: int, data: np.ndarray) -> None:
    data = np.ascontiguousarray(data)
    gl.glBindBuffer(target, name)
    gl.glBufferData(target, data.nbytes, data, gl.GL_STATIC_DRAW)


def _attributes(dtype: np.dtype, first: int = 0) -> None:
    """Bind the fields of the bound array buffer to attributes in turn."""
    assert dtype.fields is not None
    for location, (kind, offset, *_) in enumerate(dtype.fields.values()):
        base, shape = kind.subdtype or (kind, (1,))
        of_bytes = base == np.uint8
        gl.glEnableVertexAttribArray(first + location)
        gl.glVertexAttribPointer(
            first + location,
            shape[0],
            gl.GL_UNSIGNED_BYTE if of_bytes else gl.GL_FLOAT,
            of_bytes,
            dtype.itemsize,
            ctypes.c_void_p(offset),
        )


def mipmaps(kind: int, layout: int, element: int, picture: np.ndarray) -> None:
    """Upload a picture and its halves to the bound texture, down to a few pixels."""
    level = 0
    gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
    while True:
        rows, columns = picture.shape[:2]
        gl.glTexImage2D(gl.GL_TEXTURE_2D, level, kind, columns, rows, 0, layout, element, np.ascontiguousarray(picture))
        if min(rows, columns) < 8:
            break
        picture = cv2.resize(picture, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
        level += 1
    gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAX_LEVEL, level)
    gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR_MIPMAP_LINEAR)
    gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR)
