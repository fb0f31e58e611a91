"""Skin: pigment, blood, marks, age and make-up painted onto the head model."""

from __future__ import annotations

import cv2
import numpy as np

from backend.head.model import head_model
from backend.people.hair_colours import hair_colour
from backend.people.randomness import stream
from backend.people.scene import Array, Layer, Material, Surface, Traits
from backend.people.skin_atlas import BODY_ROWS, SIZE, skin_atlas
from backend.people.skin_noise import SkinNoise, skin_noise
from backend.people.skin_regions import skin_regions
from backend.people.wrinkles import wrinkles

# sRGB of bloodless skin from the least to the most melanin, after photographs of faces in even light
_TONES = np.array(
    [[246, 216, 200], [233, 195, 170], [214, 168, 137], [184, 134, 102], [143, 98, 70], [108, 72, 52], [78, 52, 40]],
    np.float32,
)
_TONES_AT = np.array([0, 0.15, 0.32, 0.5, 0.68, 0.84, 1.0])
_BLOOD = (0.03, 0.24, 0.20)  # what full blood takes from red, green and blue
_LIPSTICKS = np.array(
    [
        [176, 30, 44], [150, 22, 50], [205, 74, 96], [196, 92, 88],
        [150, 66, 62], [112, 30, 58], [214, 96, 72], [228, 130, 140],
    ],
    np.float32,
)  # fmt: skip
_SHADOWS = np.array(
    [[96, 70, 60], [70, 60, 66], [140, 96, 84], [84, 84, 120], [70, 110, 100], [150, 110, 130]], np.float32
)


def skin_surfaces(seed: int, traits: Traits, neutral: Array) -> tuple[Surface, ...]:
    """The skin of face and body: two surfaces of one texture.

    Args:
        seed: of the person.
        traits: age, sex and pigment that it shows.
        neutral: [6931, 3] the person's head at rest.
    """
    random = stream(seed, "skin")
    texture, relief = _painted(random, traits)
    atlas, share = skin_atlas(), head_model().head_share
    shine = float(np.clip(random.normal(0.6, 0.07) + (0.04 if traits.age > 60 else 0), 0.46, 0.75))
    material = Material(0.04, shine, 0.75 - 0.35 * traits.pigment)
    surfaces = []
    for layer, (used, faces) in zip((Layer.FACE, Layer.BODY), atlas.surfaces, strict=True):
        carriers, weights = atlas.carriers[used], atlas.weights[used]
        surfaces.append(
            Surface(
                np.einsum("nkc,nk->nc", neutral[carriers], weights),
                faces,
                np.ones((len(used), 3), np.float32),
                layer,
                np.einsum("nk,nk->n", share[carriers], weights),
                material,
                carriers=carriers,
                carrier_weights=weights,
                uv=atlas.uv[used],
                texture=texture,
                relief=relief,
            )
        )
    return tuple(surfaces)


def _painted(random: np.random.Generator, traits: Traits) -> tuple[np.ndarray, Array]:
    """[SIZE, SIZE, 3] uint8 and [SIZE, SIZE] metres of relief."""
    regions, noise = skin_regions(), skin_noise()
    lines = wrinkles(random, traits)
    mottle, patches = noise.coarse(noise.mottle, random), noise.coarse(noise.patches, random)
    pores, grain = noise.fine(noise.pores, random), noise.fine(noise.grain, random)
    melanin = _melanin(random, traits, noise, mottle, patches)
    blood = _blood(random, traits, noise, mottle, patches)
    blood += 0.12 * lines
    ramp = _ramp(random, traits)
    picture = ramp[(melanin * 255).clip(0, 255).astype(np.uint8)].transpose(2, 0, 1)
    for channel, taken in zip(picture, _BLOOD, strict=True):
        channel *= 1 - taken * (1 - 0.5 * traits.pigment) * blood
    tired = random.uniform(0.0, 0.16) + 0.1 * np.clip((traits.age - 35) / 50, 0, 1)
    shade = 1 - tired * regions["under_eyes"] - 0.17 * lines + 0.012 * grain - 0.03 * pores
    shade -= 0.05 * regions["upper_lids"] * random.random()
    picture *= shade
    # veins show blue through thin, light skin
    veins = np.exp(-np.square(noise.coarse(noise.patches, random)) * 60) * (regions["temples"] + regions["neck"])
    picture[0] *= 1 - np.float32(0.09 * random.random() * (1 - traits.pigment)) * veins
    _lips(picture, random, traits, patches)
    _hair_in_the_skin(picture, random, traits, noise)
    if traits.age > 14 and random.random() < 0.12 + 0.5 * traits.female:
        _make_up(picture, random, traits)
    for channel, kept in zip(picture, (0.88, 0.68, 0.66), strict=True):  # the lids' rims are red
        channel *= 1 - (1 - kept) * regions["eyes"]
    roughness = random.uniform(0.6, 1.3) * np.interp(traits.age, (4, 12, 30, 80), (0.25, 0.5, 1, 1.5))
    relief = (grain * 2.8e-5 - pores * 1.1e-4 * (1 - regions["lips"])) * np.float32(roughness)
    relief -= lines * np.float32(4.5e-4)
    relief += regions["lips"] * _furrows(random) * np.float32(8e-5)
    return cv2.merge([channel.clip(0, 255).astype(np.uint8) for channel in picture]), np.asarray(relief, np.float32)


def _ramp(random: np.random.Generator, traits: Traits) -> Array:
    """[256, 3] colours over melanin; for arbitrary people any colours at all."""
    at = np.linspace(0, 1, 256)
    if traits.arbitrary:
        colours = random.uniform(60, 235, 3) + np.linspace(1, -1, 4)[:, None] * random.uniform(5, 60, 3)
        return np.stack([np.interp(at, np.linspace(0, 1, 4), colours[:, c]) for c in range(3)], 1).astype(np.float32)
    warmth = random.normal(0, 1)  # olive to pink undertones
    tint = np.exp(np.array([0.004, 0.012, -0.03]) * warmth + random.normal(0, 0.012, 3))
    ramp = np.stack([np.interp(at, _TONES_AT, _TONES[:, c]) for c in range(3)], axis=1) * tint
    return np.asarray(ramp, np.float32)


def _melanin(random: np.random.Generator, traits: Traits, noise: SkinNoise, mottle: Array, patches: Array) -> Array:
    regions = skin_regions()
    level = 0.5 if traits.arbitrary else traits.pigment
    uneven = (0.5 + 0.5 * level) * (1.0 if traits.age < 40 else 1.3) * random.uniform(0.6, 1.2)
    melanin = level + uneven * (0.011 * patches + 0.010 * mottle)
    melanin += 0.05 * level * (regions["forehead"] + regions["temples"] + regions["neck"]) * random.uniform(-0.3, 1)
    if random.random() < 0.22 * (1 - level) + (0.4 if traits.redness > 0.5 else 0):
        melanin += random.uniform(0.05, 0.25) * regions["freckled"] * noise.fine(noise.freckles, random)
    if traits.age > 50:
        spots = noise.coarse(noise.blotches, random) * (0.3 + regions["temples"] + regions["cheekbones"])
        melanin += 0.22 * np.clip((traits.age - 50) / 40, 0, 1) * (1 - 0.6 * level) * random.random() * spots
    for _ in range(random.poisson(3 if traits.age > 12 else 1)):  # moles
        row, column = random.integers((SIZE // 5, 8), (round(SIZE * (0.95 - BODY_ROWS)), SIZE - 8))
        radius = random.uniform(0.9, 2.2)
        low = np.array([row, column]) - 6
        rows, columns = np.mgrid[low[0] : min(low[0] + 13, SIZE), max(low[1], 0) : min(low[1] + 13, SIZE)]
        bell = np.exp(-0.5 * (((rows - row) ** 2 + (columns - column) ** 2) / radius**2) ** 2)
        melanin[rows, columns] += random.uniform(0.2, 0.5) * bell
    return np.asarray(melanin.clip(0, 1), np.float32)


def _blood(random: np.random.Generator, traits: Traits, noise: SkinNoise, mottle: Array, patches: Array) -> Array:
    """[SIZE, SIZE] about 0 to 1: redness over the person's mean."""
    regions = skin_regions()
    child = float(np.clip((14 - traits.age) / 8, 0, 1))
    blood = 0.28 + 0.05 * mottle + 0.05 * patches
    for name, least, most in (
        ("cheeks", 0.05, 0.4 + 0.2 * child), ("nose", 0.05, 0.55), ("ears", 0.2, 0.7), ("chin", 0.0, 0.25),
        ("upper_lids", 0.1, 0.35), ("under_eyes", 0.0, 0.3), ("forehead", -0.15, 0.05),
    ):  # fmt: skip
        blood += random.uniform(least, most) * regions[name]
    if 12 < traits.age < 30 and random.random() < 0.25:  # acne
        blood += (
            random.uniform(0.4, 1.1) * noise.coarse(noise.blotches, random) * (regions["cheeks"] + regions["forehead"])
        )
    return np.asarray(blood, np.float32)


def _mix(picture: Array, colour: Array, weight: Array) -> None:
    """Blend a [3] colour over the picture in place."""
    for channel, value in zip(picture, colour, strict=True):
        channel += weight * (value - channel)


def _lips(picture: Array, random: np.random.Generator, traits: Traits, patches: Array) -> None:
    regions = skin_regions()
    lips = regions["lips"]
    fade = 0.85 * (0.65 + 0.35 * random.random()) * float(np.interp(traits.age, (50, 85), (1, 0.6)))
    light, dark = np.array([0.90, 0.64, 0.66]), np.array([0.86, 0.70, 0.72])
    factor = (1 - traits.pigment) * light + traits.pigment * dark + random.normal(0, 0.025, 3)
    for channel, part in zip(picture, factor, strict=True):
        channel *= 1 + lips * (np.float32(fade * (part - 1)) + 0.02 * patches)
    picture *= 1 - 0.25 * regions["inner_lips"] * lips
    if traits.age > 14 and random.random() < 0.4 * traits.female:
        colour = _LIPSTICKS[random.integers(len(_LIPSTICKS))] * random.uniform(0.75, 1.1)
        _mix(picture, colour, lips * np.float32(random.uniform(0.45, 0.9)) * (1 - 0.3 * regions["inner_lips"]))


def _furrows(random: np.random.Generator) -> Array:
    """[SIZE] the lips' upright furrows, by column."""
    return np.convolve(random.normal(0, 1, SIZE + 2), np.ones(3) / 3, mode="valid").astype(np.float32)


def _hair_in_the_skin(picture: Array, random: np.random.Generator, traits: Traits, noise: SkinNoise) -> None:
    """Stubble's shadow, the roots of shaved or thin hair on the scalp, and the skin under the brows."""
    regions = skin_regions()
    colour = hair_colour(stream(0, "root"), traits) * 255 * 0.6
    roots = 0.45 + 0.55 * noise.fine(noise.follicles, random)
    if traits.age > 17 and traits.female < 0.5:
        dense = random.beta(1.3, 2) * (0.25 + 0.4 * traits.hair_pigment)
        _mix(picture, colour, regions["beard"] * roots * np.float32(dense))
    covered = np.clip(regions["scalp"] * (1 + 0.1 * noise.coarse(noise.mottle, random)), 0, 1)
    _mix(picture, colour, covered * roots * np.float32(0.45 * random.random() * traits.hair_pigment + 0.08))
    _mix(picture, colour, regions["brows"] * np.float32(0.18))
    _mix(picture, colour, regions["lid_lines"] * np.float32(0.3))  # the lashes' roots


def _make_up(picture: Array, random: np.random.Generator, traits: Traits) -> None:
    regions = skin_regions()
    if random.random() < 0.6:
        shadow = _SHADOWS[random.integers(len(_SHADOWS))] * (1 - 0.4 * traits.pigment)
        _mix(picture, shadow, regions["upper_lids"] * np.float32(random.uniform(0.1, 0.5)))
    if random.random() < 0.6:
        _mix(picture, np.array([25, 18, 18], np.float32), regions["lid_lines"] * np.float32(random.uniform(0.3, 0.95)))
    if random.random() < 0.5:
        blush = np.array([205, 96, 96], np.float32) * (1 - 0.35 * traits.pigment)
        _mix(picture, blush, regions["cheekbones"] * np.float32(random.uniform(0.08, 0.35)))
