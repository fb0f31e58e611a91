"""Textures and weaves of cloth, drawn in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.people.scene import Array, Layer, Material, Surface

MATT = Material(0.04, 0.85)
SIZE = 512  # of a texture, pixels
TILE = 0.48  # metres that a texture spans before it repeats


@dataclass(frozen=True, eq=False)
class Fabric:
    """What a garment is made of.

    Args:
        name: of pattern and weave, for the style.
        colour: [3] sRGB in [0, 1], multiplied with the texture.
        texture: [512, 512, 3] uint8, repeating; ``None`` for cloth of one colour.
        relief: [512, 512] metres, repeating; ``None`` for smooth cloth.
        material: how it answers to light.
    """

    name: str
    colour: Array
    texture: NDArray[np.uint8] | None
    relief: Array | None
    material: Material

    def surface(self, points: Array, faces: NDArray[np.int32], share: Array, flat: Array) -> Surface:
        """Cloth of this fabric: points [V, 3], faces [F, 3], share [V] and places [V, 2] in metres on the bolt."""
        return Surface(
            points.astype(np.float32),
            faces.astype(np.int32),
            np.tile(np.asarray(self.colour, np.float32), (len(points), 1)),
            Layer.CLOTHES,
            share.astype(np.float32),
            self.material,
            uv=(flat / TILE + 0.5).astype(np.float32) if self.texture is not None else None,
            texture=self.texture,
            relief=self.relief,
            two_sided=True,
        )


@lru_cache(maxsize=40)
def _tile(across: int, up: int) -> Array:
    """[SIZE, SIZE] smooth noise in about [-1, 1] that repeats without a seam, always the same."""
    grid = np.random.default_rng([across, up]).uniform(-1, 1, (up, across)).astype(np.float32)
    pad = 2
    wide, tall = SIZE / across, SIZE / up
    large = cv2.resize(np.pad(grid, pad, mode="wrap"), None, fx=wide, fy=tall, interpolation=cv2.INTER_CUBIC)
    left, top = round(pad * wide), round(pad * tall)
    return np.asarray(large[top : top + SIZE, left : left + SIZE])


def tiled_noise(random: np.random.Generator, across: int, up: int | None = None) -> Array:
    """[SIZE, SIZE] smooth noise in about [-1, 1] that repeats without a seam, so many bumps across and up."""
    # moved rather than drawn afresh: a fifth of the time
    tile = np.roll(_tile(across, up or across), tuple(random.integers(0, SIZE, 2)), axis=(0, 1))
    return np.asarray(tile[:: random.choice([-1, 1]), :: random.choice([-1, 1])])


def _axes() -> tuple[Array, Array]:
    """[1, SIZE] and [SIZE, 1] in [0, 1)."""
    axis = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
    return axis[None], axis[:, None]


def _band(phase: Array, share: float) -> Array:
    """1 in that share of every period of the phase, 0 elsewhere, a pixel or two soft."""
    distance = share / 2 - np.abs(np.mod(phase, 1) - 0.5)
    return np.asarray(np.clip(distance * 40 + 0.5, 0, 1), np.float32)


def _plain(random: np.random.Generator) -> Array:
    return np.zeros((SIZE, SIZE), np.float32)


def _stripes(random: np.random.Generator) -> Array:
    across, up = _axes()
    count = int(random.integers(6, 28))
    line = _band((across if random.random() < 0.35 else up) * count, random.uniform(0.15, 0.6))
    return np.broadcast_to(line, (SIZE, SIZE))


def _checks(random: np.random.Generator) -> Array:
    across, up = _axes()
    count = int(random.integers(4, 20))
    share = random.uniform(0.2, 0.6)
    fine = int(random.integers(1, 4)) * count
    lines = _band(across * count, share) + _band(up * count, share)
    thin = _band(across * fine + 0.5, 0.06) + _band(up * fine + 0.5, 0.06)
    return np.clip(lines / 2 + 0.35 * thin, 0, 1)


def _dots(random: np.random.Generator) -> Array:
    across, up = _axes()
    count = int(random.integers(8, 24))
    row = np.floor(up * count)
    x, y = np.mod(across * count + 0.5 * np.mod(row, 2), 1) - 0.5, np.mod(up * count, 1) - 0.5
    return np.clip((random.uniform(0.15, 0.35) - np.hypot(x, y)) * 20, 0, 1)


def _flowers(random: np.random.Generator) -> Array:
    cells = int(random.integers(8, 22))
    noise = tiled_noise(random, cells) + 0.5 * tiled_noise(random, cells * 2)
    return np.clip((np.abs(noise) - random.uniform(0.2, 0.5)) * 12, 0, 1)


def _camouflage(random: np.random.Generator) -> Array:
    noise = tiled_noise(random, 7) + 0.6 * tiled_noise(random, 15)
    return np.clip(np.floor((noise + 1) * 2.2) / 3, 0, 1)


def _melange(random: np.random.Generator) -> Array:
    return np.clip(0.5 + 0.8 * tiled_noise(random, 256), 0, 1) * 0.35


PATTERNS: dict[str, Callable[[np.random.Generator], Array]] = {
    "plain": _plain,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "flowers": _flowers,
    "camouflage": _camouflage,
    "melange": _melange,
}


def _weave(random: np.random.Generator) -> Array:
    across, up = _axes()
    threads = 160
    return np.float32(8e-5) * np.sin(across * (threads * 2 * np.pi)) * np.sin(up * (threads * 2 * np.pi))


def _twill(random: np.random.Generator) -> Array:
    across, up = _axes()
    first, second = across * (128 * 2 * np.pi), up * (128 * 2 * np.pi)
    return np.float32(8e-5) * (np.sin(first) * np.cos(second) + np.cos(first) * np.sin(second))  # sin(first + second)


def _knit(random: np.random.Generator) -> Array:
    across, up = _axes()
    count = int(random.integers(36, 84))
    column = across * count
    slope = np.abs(np.mod(column, 1) - 0.5)
    rise, lean = up * (count * 2 * np.pi), slope * (1.2 * 2 * np.pi)
    loops = np.sin(rise) * np.cos(lean) + np.cos(rise) * np.sin(lean)  # sin(rise + lean)
    return (loops * 0.6 + np.cos(column * 2 * np.pi) * 1.4) * (0.02 / count)


def _rib(random: np.random.Generator) -> Array:
    across, _ = _axes()
    return np.broadcast_to(6e-4 * np.sqrt(np.abs(np.sin(across * 96 * np.pi))), (SIZE, SIZE))


def _smooth(random: np.random.Generator) -> Array:
    return np.zeros((SIZE, SIZE), np.float32)


WEAVES: dict[str, Callable[[np.random.Generator], Array]] = {
    "weave": _weave,
    "twill": _twill,
    "knit": _knit,
    "rib": _rib,
    "smooth": _smooth,
}


def fabric(
    random: np.random.Generator,
    pattern: str,
    weave: str,
    colour: NDArray[np.floating],
    second: NDArray[np.floating],
    material: Material = MATT,
    crease: float = 1.0,
) -> Fabric:
    """Draw a fabric.

    Args:
        random: what it is drawn by.
        pattern: one of ``PATTERNS``.
        weave: one of ``WEAVES``.
        colour: [3] sRGB of the ground.
        second: [3] sRGB of the pattern.
        material: how it answers to light.
        crease: how wrinkled, 0 to 1.
    """
    height = WEAVES[weave](random).astype(np.float32)
    share = PATTERNS[pattern](random)
    # threads are darker between than on top, and no cloth is of one colour all over
    light = 1 + (0.12 / (np.abs(height).max() + 1e-9)) * height + 0.02 * tiled_noise(random, 90)
    channels = []
    for low, high in zip(colour, second, strict=True):
        channel = (share * np.float32((high - low) * 255) + np.float32(low * 255)) * light
        channels.append(np.clip(channel, 0, 255).astype(np.uint8))
    texture = cv2.merge(channels)
    # soft folds, longer than wide, and a few sharper ones
    folds = tiled_noise(random, 4, 11) + 0.7 * tiled_noise(random, 12, 5)
    crumples = 1 - np.abs(tiled_noise(random, 5, 9))
    relief = height + np.float32(0.0022 * crease) * (folds + crumples * crumples)
    return Fabric(f"{pattern} {weave}", np.ones(3, np.float32), texture, np.asarray(relief, np.float32), material)


def printed(
    random: np.random.Generator, plain: Fabric, ink: NDArray[np.floating], middle: float, width: float
) -> Fabric:
    """The same cloth with a motif on it.

    Args:
        random: what the motif is drawn by.
        plain: a fabric with a texture.
        ink: [3] sRGB.
        middle: metres over the bolt's middle line at which the motif sits, across in the middle.
        width: metres.
    """
    assert plain.texture is not None
    mask = np.zeros((SIZE, SIZE), np.uint8)
    radius = width / TILE * SIZE / 2
    kind = random.integers(4)
    if kind == 0:  # a disc, perhaps with a ring
        cv2.circle(mask, (SIZE // 2, SIZE // 2), round(radius * 0.8), 255, int(random.choice([-1, 8])), cv2.LINE_AA)
        cv2.circle(mask, (SIZE // 2, SIZE // 2), round(radius * 0.35), 255, -1, cv2.LINE_AA)
    elif kind == 1:  # lines that look like writing
        for row in range(int(random.integers(1, 4))):
            left = SIZE / 2 - radius
            while left < SIZE / 2 + radius:
                letter = random.uniform(0.10, 0.26) * radius
                top = SIZE / 2 + (row - 1) * radius * 0.55
                corner = (round(left), round(top)), (round(left + letter * 0.75), round(top + radius * 0.36))
                cv2.rectangle(mask, *corner, 255, int(random.choice([-1, 3, 4])), cv2.LINE_AA)
                left += letter
    else:  # a star or a shape of any corners
        count = int(random.integers(3, 9)) * (2 if kind == 2 else 1)
        turn = np.arange(count) / count * 2 * np.pi + 0.3
        reach = np.where(np.arange(count) % 2, 0.45, 1.0) if kind == 2 else random.uniform(0.4, 1, count)
        corners = SIZE / 2 + radius * np.stack([np.sin(turn), -np.cos(turn)], axis=1) * reach[:, None]
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255, cv2.LINE_AA)
    down = -round((middle / TILE) * SIZE)  # the bolt's middle line is the texture's
    share = np.roll(mask, down, axis=0)[..., None] / np.float32(255)
    texture = plain.texture * (1 - share) + np.asarray(ink, np.float32) * 255 * share
    return replace(plain, name=plain.name + " print", texture=texture.astype(np.uint8))


def solid(fabric: Fabric, colour: NDArray[np.floating]) -> Fabric:
    """The same cloth dyed in one colour, without weave."""
    return Fabric(fabric.name, np.asarray(colour, np.float32), None, None, fabric.material)


def ground(fabric: Fabric) -> Array:
    """[3] sRGB: the mean colour of a fabric."""
    if fabric.texture is None:
        return fabric.colour
    return np.asarray(fabric.colour * fabric.texture[::8, ::8].mean(axis=(0, 1)) / 255, np.float32)


def merged(surfaces: Sequence[Surface]) -> tuple[Surface, ...]:
    """Pieces that differ in nothing but their place, joined: less to upload and to draw."""
    alike: dict[tuple[object, ...], list[Surface]] = {}
    for surface in surfaces:
        key = (id(surface.texture), id(surface.relief), surface.material, surface.layer, surface.two_sided)
        alike.setdefault(key, []).append(surface)
    return tuple(_joined(pieces) for pieces in alike.values())


def _joined(pieces: list[Surface]) -> Surface:
    if len(pieces) == 1:
        return pieces[0]
    starts = np.cumsum([0, *(len(piece.vertices) for piece in pieces[:-1])])
    places = [piece.uv for piece in pieces if piece.uv is not None]
    return replace(
        pieces[0],
        vertices=np.concatenate([piece.vertices for piece in pieces]),
        faces=np.concatenate([piece.faces + np.int32(start) for piece, start in zip(pieces, starts)]),
        colour=np.concatenate([piece.colour for piece in pieces]),
        head_share=np.concatenate([piece.head_share for piece in pieces]),
        uv=np.concatenate(places) if places else None,
    )
