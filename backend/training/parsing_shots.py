"""Pictures of a person from which face parsing learns: in any light, turned as far as faces are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.people.backgrounds import draw_background
from backend.people.randomness import stream
from backend.people.scene import Light, Lighting, Person, Photography, Shot
from backend.people.studio import portrait_camera


def draw_shots(person: Person, count: int, size: int) -> list[Shot]:
    """``count`` shots of a person, ``size`` pixels square."""
    random = stream(person.seed, "parsing shots")
    return [_shot(random, size) for _ in range(count)]


def _shot(random: np.random.Generator, size: int) -> Shot:
    yaw, pitch = np.clip(random.normal(0, [24, 9]), [-65, -30], [65, 30])
    camera = portrait_camera(size, yaw, pitch, float(np.exp(random.uniform(np.log(0.34), np.log(0.75)))))
    moved = camera.intrinsics.copy()
    moved[:2, 2] += random.normal(0, [0.07, 0.05]) * size
    coefficients = np.zeros(52, np.float32)
    used = random.choice(52, size=random.integers(0, 9), replace=False)
    coefficients[used] = random.uniform(0, 0.7, len(used))
    exposure = np.exp(random.normal(0, 0.2))
    photography = Photography(
        blur=random.uniform(0, 1.5), noise=random.uniform(0, 0.04), exposure=exposure,
        contrast=random.uniform(0.85, 1.2), saturation=random.uniform(0.4, 1.2) if random.random() < 0.93 else 0.0,
        tint=(random.uniform(0.88, 1.12), 1.0, random.uniform(0.88, 1.12)),
        jpeg=int(random.uniform(30, 95)) if random.random() < 0.4 else 0, seed=int(random.integers(2**31)),
    )  # fmt: skip
    rotation = random.normal(0, [0.08, 0.05, 0.14]).astype(np.float32)
    return Shot(
        replace(camera, intrinsics=moved), coefficients, rotation, np.zeros(3, np.float32), _lighting(random),
        draw_background(random, size, random.uniform(0, 1, 3)), photography,
    )  # fmt: skip


def _lighting(random: np.random.Generator) -> Lighting:
    """A key light, often another, and light from all around."""
    lights = []
    for strength in (random.uniform(0.3, 1.0), *random.uniform(0.05, 0.5, random.integers(0, 3))):
        around, above = random.normal(0, 1.0), random.uniform(-0.2, 1.1)
        direction = np.array([np.sin(around) * np.cos(above), -np.cos(around) * np.cos(above), np.sin(above)])
        colour = strength * random.uniform([0.9, 0.85, 0.75], [1.1, 1.0, 1.1])
        lights.append(Light(direction.astype(np.float32), colour.astype(np.float32), random.uniform(0.03, 0.3)))
    above = random.uniform(0.1, 0.5) * random.uniform(0.85, 1.15, 3)
    return Lighting(tuple(lights), above.astype(np.float32), (above * random.uniform(0.3, 0.9)).astype(np.float32))
