"""Pictures that one takes of a person: cameras, poses, expressions, light and background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.head.model import head_model
from backend.people.backgrounds import draw_background
from backend.people.cameras import FILM, aimed_camera
from backend.people.expressions import draw_expression
from backend.people.lighting import draw_lighting
from backend.people.photography import draw_photography
from backend.people.randomness import stream
from backend.people.scene import Array, Layer, Person, Shot
from shared.camera import Camera

Random = np.random.Generator
_FOCAL_LENGTHS = (0.028, 0.035, 0.050, 0.070, 0.085, 0.105, 0.135)  # metres on FILM
_NEAREST = 0.42  # metres from a camera to the head's middle
_MOST_TURN = np.radians(35)  # of the head against the torso
_MEAN_HEIGHT = 0.23  # metres from chin to crown of the mean head


def draw_shots(person: Person, seed: int, count: int, size: int, same_light: bool = True) -> list[Shot]:
    """Draw what several pictures of one person show.

    Args:
        person: who is in them.
        seed: same seed, same shots.
        count: of shots.
        size: of the square pictures, pixels.
        same_light: whether light, background and photography are the same in all of them, as in pictures of one scene.

    Returns:
        ``count`` shots. The head's yaw against the camera stays within 75 degrees, mostly within 40, its pitch within
        30; the head turns by up to 35 degrees against the torso.
    """
    random = stream(seed, "shots")
    shots = []
    for index in range(count):
        if index == 0 or not same_light:
            background = draw_background(random, size, _outline_colour(person, random))
            lighting = draw_lighting(random, background)
            photography = draw_photography(random)
            for_face = float(np.exp(0.5 * (person.traits.pigment - 0.3)))  # cameras expose for faces, dark ones longer
            photography = replace(photography, exposure=photography.exposure * for_face)
        rotation = _draw_turn(random)
        camera = _draw_camera(person, rotation, random, size)
        nothing = np.zeros(3, np.float32)
        expression = draw_expression(random)
        shots.append(Shot(camera, expression, rotation, nothing, lighting, background, photography))
    return shots


def _outline_colour(person: Person, random: Random) -> Array:
    """[3] the mean colour of hair or clothes, against which a background of that colour hides the outline."""
    layer = Layer.HAIR if random.random() < 0.5 else Layer.CLOTHES
    hair = [strands.colour.mean(axis=(0, 1)) for strands in person.strands if strands.layer == layer]
    cloth = [
        surface.colour.mean(axis=0) * (1 if surface.texture is None else surface.texture[::16, ::16].mean((0, 1)) / 255)
        for surface in person.surfaces
        if surface.layer == layer
    ]
    return np.asarray([*hair, *cloth, np.full(3, 0.5)][0], np.float32)


def _draw_turn(random: Random) -> Array:
    """[3] XYZ Euler radians of the head on its neck."""
    turn = np.radians(random.normal(0, (7, 5, 13)))
    angle = np.linalg.norm(Rotation.from_euler("xyz", turn).as_rotvec())
    return (turn * min(1.0, _MOST_TURN / max(angle, 1e-9)) * 0.98).astype(np.float32)


def _draw_camera(person: Person, rotation: Array, random: Random, size: int) -> Camera:
    wide = random.random() < 0.25
    yaw = np.radians(np.clip(random.normal(0, 38 if wide else 17), -75, 75))
    pitch = np.radians(np.clip(random.normal(0, 9), -30, 30))
    ahead = np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
    away = Rotation.from_euler("xyz", rotation).apply(ahead)
    low, high = _head_box(person)
    height = high[2] - low[2]
    # from chin to brow filling the picture to head and shoulders
    span = height * np.exp(random.uniform(np.log(1.15), np.log(2.6)))
    middle = (low + high) / 2
    middle[2] -= 0.18 * (span - 1.15 * height)
    middle = middle + random.normal(0, 0.04, 3) * span
    focal_length = random.choice(_FOCAL_LENGTHS) * random.uniform(0.95, 1.05)
    distance = max(span * focal_length / FILM, _NEAREST * max(1.0, height / _MEAN_HEIGHT))
    roll = np.radians(np.clip(random.normal(0, 3), -10, 10))
    return aimed_camera(middle, away, distance, span, size, roll)


def _head_box(person: Person) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner of the head without its neck, metres."""
    model = head_model()
    chin = float(model.mean[model.bone_weights[4] > 0.99, 2].min())
    on_head = person.neutral[model.mean[:, 2] > max(chin, -0.13)].astype(np.float64)
    return on_head.min(axis=0), on_head.max(axis=0)
