"""What a procedural person is made of, and what one picture of them is.

A person is made once, at rest: neutral, head unturned, in the head frame (metres, Z up, the face along -Y, the person's
left along +X). A shot says how they look and move in one picture. Colours are display-referred sRGB in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shared.camera import Camera

Array = NDArray[np.float32]


class Layer(IntEnum):
    """What a pixel shows; masks are stacked in this order."""

    BACKGROUND = 0
    FACE = 1  # skin of face and ears, brows and lashes
    EYES = 2
    MOUTH = 3  # teeth, gums, tongue and the cavity
    BEARD = 4
    HAIR = 5
    BODY = 6  # bare skin of neck and chest
    CLOTHES = 7  # scarves too
    GLASSES = 8
    HEADWEAR = 9
    JEWELLERY = 10


@dataclass(frozen=True)
class Material:
    """How a surface answers to light; its colour comes with its vertices and texture.

    Args:
        specular: reflectance straight on, 0.04 for skin and cloth, 0.6 and more for metal.
        roughness: 0 (mirror) to 1.
        subsurface: 0 to 1, how far light creeps around the terminator, redder than white (skin).
        opacity: 1 but for lenses.
    """

    specular: float = 0.04
    roughness: float = 0.6
    subsurface: float = 0.0
    opacity: float = 1.0


@dataclass(frozen=True, eq=False)
class Surface:
    """A triangle mesh at rest.

    Args:
        vertices: [V, 3] metres, head frame.
        faces: [F, 3] int32, counter-clockwise seen from outside.
        colour: [V, 3], multiplied with the texture where there is one.
        layer: what its pixels count as.
        head_share: [V] how much of the head's turn each vertex takes, 0 on the torso, 1 on the head.
        material: how it answers to light.
        carriers: [V, 3] vertices of the head model whose facial movement it takes, ``None`` if it takes none.
        carrier_weights: [V, 3], summing to 1.
        uv: [V, 2] texture coordinates, origin bottom left, repeating; ``None`` without a texture.
        texture: [T, T, 3] uint8.
        relief: [T, T] metres of height at the texture's places, for shading only.
        two_sided: whether its back is seen too (cloth, hair sheets).
    """

    vertices: Array
    faces: NDArray[np.int32]
    colour: Array
    layer: Layer
    head_share: Array
    material: Material = Material()
    carriers: NDArray[np.int32] | None = None
    carrier_weights: Array | None = None
    uv: Array | None = None
    texture: NDArray[np.uint8] | None = None
    relief: Array | None = None
    two_sided: bool = False


@dataclass(frozen=True, eq=False)
class Strands:
    """Hairs, or locks of them: ribbons that turn towards the camera.

    Args:
        points: [S, P, 3] metres, head frame, from root to tip.
        half_width: [S, P] metres, 0 at a pointed tip.
        colour: [S, P, 3].
        layer: what its pixels count as.
        head_share: [S, P] as in :class:`Surface`.
        material: how they answer to light; strands shine across their direction.
        carriers: [S, 3] vertices of the head model that carry a strand's root, ``None`` if none does.
        carrier_weights: [S, 3].
    """

    points: Array
    half_width: Array
    colour: Array
    layer: Layer
    head_share: Array
    material: Material = Material()
    carriers: NDArray[np.int32] | None = None
    carrier_weights: Array | None = None


@dataclass(frozen=True)
class Traits:
    """What a person was drawn to be, for statistics and for the parts that depend on one another.

    Args:
        age: years, 3 to 95.
        female: 0 (male) to 1 (female) build.
        weight: 0 (thin) to 1 (heavy).
        pigment: 0 (lightest skin) to 1 (darkest).
        hair_pigment: 0 (white) over blond, red and brown to 1 (black).
        redness: 0 to 1, how red the hair's pigment is.
        grey: 0 to 1, share of hair without pigment.
        arbitrary: whether colours and textures are arbitrary, so that networks learn to carry appearance over.
    """

    age: float
    female: float
    weight: float
    pigment: float
    hair_pigment: float
    redness: float
    grey: float
    arbitrary: bool


@dataclass(frozen=True, eq=False)
class Person:
    """A procedural person.

    Args:
        seed: what made them.
        traits: what they were drawn to be.
        identity: [80] of the head model, standard deviations.
        neutral: [6931, 3] the head model's vertices at rest.
        surfaces: everything made of triangles, the head's own skin, eyes and mouth among it.
        strands: hair, brows, lashes, beard.
        style: names of the chosen hair cut, clothes and so on, for the model card.
    """

    seed: int
    traits: Traits
    identity: Array
    neutral: Array
    surfaces: tuple[Surface, ...]
    strands: tuple[Strands, ...]
    style: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Light:
    """A distant lamp.

    Args:
        direction: [3] unit vector towards the lamp, world.
        colour: [3] linear radiance; 1 lights a white surface fully.
        softness: half of the angle that the lamp spans, radians; how blurred its shadows are.
    """

    direction: Array
    colour: Array
    softness: float = 0.05


@dataclass(frozen=True, eq=False)
class Lighting:
    """Lamps, and light from everywhere.

    Args:
        lights: up to three, the first the strongest.
        above: [3] linear radiance of the upper half of the surroundings.
        below: [3] of the lower half.
    """

    lights: tuple[Light, ...]
    above: Array
    below: Array


@dataclass(frozen=True)
class Photography:
    """What lens, sensor and file do to a picture.

    Args:
        blur: standard deviation in pixels of a picture of 512.
        noise: standard deviation in linear light at white, of shot noise.
        exposure: factor in linear light.
        contrast: 1 leaves the tone curve as it is.
        saturation: 1 leaves colours, 0 is black and white.
        tint: [3] white balance.
        jpeg: quality, 0 for none.
        seed: of the noise.
    """

    blur: float = 0.0
    noise: float = 0.0
    exposure: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    jpeg: int = 0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture of a person; the world is the head frame of the unturned head.

    Args:
        camera: its width and height are the picture's.
        coefficients: [52] ARKit, in [0, 1].
        rotation: [3] XYZ Euler radians, head on its neck.
        location: [3] metres.
        lighting: lamps and surroundings.
        background: [H, W, 3] uint8 of any size, stretched over the picture.
        photography: lens, sensor and file.
    """

    camera: Camera
    coefficients: Array
    rotation: Array
    location: Array
    lighting: Lighting
    background: NDArray[np.uint8]
    photography: Photography = Photography()


@dataclass(frozen=True, eq=False)
class Picture:
    """A rendered shot with all that is known about it.

    Args:
        shot: what was asked.
        rgb: [H, W, 3] uint8 sRGB.
        masks: [len(Layer), H, W] uint8 shares of 255 that sum to 255.
        depth: [H, W] float32 metres along the camera's axis, ``inf`` on the background.
        normals: [H, W, 3] float32 world, unit length, 0 on the background.
        pncc: [H, W, 3] float32 as :func:`backend.capture.pncc.pncc` gives it for this head.
        head: [6931, 3] float32 the head model's vertices in the world, as posed.
    """

    shot: Shot
    rgb: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    depth: Array
    normals: Array
    pncc: Array
    head: Array
