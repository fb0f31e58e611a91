"""Eyes and mouths: irises where a landmarker finds them, nothing through closed lips."""

from __future__ import annotations

import numpy as np
import pytest

from backend.capture.correspondence import IRISES
from backend.capture.detection import detect_face
from backend.head.model import head_model
from backend.people.brows import brows_and_lashes
from backend.people.eyes import eye_surfaces
from backend.people.mouth import mouth_surfaces
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.posing import posed_head
from backend.people.render import render
from backend.people.scene import Array, Layer, Person, Shot
from backend.people.skin import skin_surfaces
from backend.people.studio import studio_shot

SIZE = 384


def bare_person(seed: int) -> Person:
    """Somebody without hair, clothes and whatever else may hide the face."""
    traits = draw_traits(seed)
    identity = draw_identity(seed, traits)
    neutral = head_model().neutral(identity).astype(np.float32)
    parts = (part(seed, traits, neutral) for part in (skin_surfaces, eye_surfaces, mouth_surfaces))
    return Person(seed, traits, identity, neutral, sum(parts, ()), brows_and_lashes(seed, traits, neutral))


def placed_pupils(person: Person, shot: Shot) -> Array:
    """[2, 3] the middles of both pupils in a shot with an unturned head."""
    balls = next(surface for surface in person.surfaces if surface.layer == Layer.EYES)
    assert balls.carriers is not None and balls.carrier_weights is not None
    pupils = [0, len(balls.vertices) // 2]  # each ball begins with its pupil's middle
    carried = posed_head(person, shot)[1][balls.carriers[pupils]]
    return balls.vertices[pupils] + np.einsum("vk,vkc->vc", balls.carrier_weights[pupils], carried)


@pytest.mark.parametrize("gaze", [{}, {"eyeLookOutLeft": 0.7, "eyeLookInRight": 0.7}])
def test_irises_are_where_they_are_drawn(gaze: dict[str, float]) -> None:
    for seed in (1, 4):
        person = bare_person(seed)
        shot = studio_shot(SIZE, expression=gaze)
        marks = detect_face(render(person, shot).rgb).points[:, :2]
        pupils = shot.camera.project(placed_pupils(person, shot))[:, :2]
        width = np.linalg.norm(marks[33] - marks[133])
        assert np.linalg.norm(marks[[IRISES[0], IRISES[5]]] - pupils, axis=1).max() < 0.12 * width


def test_eyes_turn_with_the_gaze() -> None:
    person = bare_person(2)
    pupils = []
    for gaze in ({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0}):
        shot = studio_shot(SIZE, expression=gaze)
        pupils.append(placed_pupils(person, shot)[0])
    assert pupils[0][0] - pupils[1][0] > 0.004  # metres towards the person's left


def test_closed_lips_hide_the_teeth_and_open_ones_show_the_mouth() -> None:
    for seed in range(5):
        person = bare_person(seed)
        shut = render(person, studio_shot(SIZE)).masks[Layer.MOUTH]
        opened = render(person, studio_shot(SIZE, expression={"jawOpen": 0.7})).masks[Layer.MOUTH]
        assert (shut > 127).sum() < 30
        assert (opened > 127).sum() > 150


def test_closed_lids_hide_the_eyes() -> None:
    for seed in range(5):
        person = bare_person(seed)
        shut = render(person, studio_shot(SIZE, expression={"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}))
        opened = render(person, studio_shot(SIZE))
        assert shut.masks[Layer.EYES].sum() < 0.15 * opened.masks[Layer.EYES].sum()
