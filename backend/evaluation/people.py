"""Avatars of procedural people, whose true pictures in any pose and with any expression can be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.avatars.interface import Avatar, FrameRequest
from backend.people.expressions import coefficients_of
from backend.people.person import make_person
from backend.people.render import render
from backend.people.scene import Layer, Person, Photography, Picture, Shot
from backend.people.shots import draw_shots
from backend.people.studio import portrait_camera
from shared.errors import LimnerError
from shared.progress import Progress, part, silent

from . import metrics
from .contact_sheet import contact_sheet
from .people_score import Match, PersonScore, write_report
from .reconstruction import AVATAR, avatars_compared

PORTRAIT_HEIGHT = 0.44  # metres that a picture spans: head and shoulders
PERFECT = 99.0  # decibels, for infinity, which JSON does not have
LEAST_REGION = 30.0  # pixels of a mouth or of lids that are worth a number
SOURCE, JAW, BLINK = "source", "jaw open", "blink"
STILL = "still"  # the source in everything's stead
BROWS_UP = {"browInnerUp": 0.7, "browOuterUpLeft": 0.7, "browOuterUpRight": 0.7}
SMILE = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4}
# degrees that the head bows and turns to its left, and facial actions; the source's face is at rest
VIEWS: dict[str, tuple[float, float, dict[str, float]]] = {
    SOURCE: (0, 0, {}),
    "yaw -30": (0, -30, {}),
    "yaw -15": (0, -15, {}),
    "yaw 15": (0, 15, {}),
    "yaw 30": (0, 30, {}),
    "pitch -12": (-12, 0, {}),
    "pitch 12": (12, 0, {}),
    JAW: (0, 0, {"jawOpen": 0.6}),
    BLINK: (0, 0, {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}),
    "smile": (0, 0, SMILE),
    "o": (0, 0, {"jawOpen": 0.35, "mouthFunnel": 0.6, "mouthPucker": 0.2}),
    "surprise at yaw 20": (0, 20, {"jawOpen": 0.3, **BROWS_UP}),
}

# what further references show: nothing that is measured
REFERENCES: dict[str, tuple[float, float, dict[str, float]]] = {
    "reference at yaw 40": (0, 40, {}),
    "reference at yaw -40": (0, -40, {}),
    "reference smiling": (6, -8, {**SMILE, "jawOpen": 0.25}),
}

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]


def evaluate_people(
    seeds: Sequence[int], output: Path, size: int = 512, progress: Progress = silent, references: int = 1
) -> list[PersonScore]:
    """Measure avatars of procedural people; sheets, table and JSON land in ``output``.

    Args:
        seeds: of the people.
        output: folder for ``SEED.png``, ``people.json`` and ``people.md``.
        size: of the square pictures, the references and the renders, in pixels.
        references: pictures that each avatar is made from, 1 to 4: the source, and the first of ``REFERENCES``.
        progress: told who is at work; may raise ``Cancelled``.
    """
    scores: list[PersonScore] = []
    for index, seed in enumerate(seeds):
        inner = part(progress, index / len(seeds), (index + 1) / len(seeds))
        try:
            scores.append(score_person(seed, output / f"{seed}.png", size, inner, references))
        except LimnerError as error:
            scores.append(PersonScore(seed, error=f"{error.code}: {error.cause}"))
        write_report(scores, output)
    return scores


def score_person(seed: int, sheet: Path, size: int, progress: Progress, references: int = 1) -> PersonScore:
    """Photograph, reconstruct, move and measure one person.

    Raises:
        LimnerError: what reconstructing raises, ``FACE_NOT_FOUND`` above all.
    """
    progress(0.0, f"person {seed}")
    person = make_person(seed)
    shots = draw_views(person, size)
    source = render(person, shots[SOURCE])
    further = draw_views(person, size, dict(list(REFERENCES.items())[: references - 1]))
    photographs = [source.rgb, *(render(person, shot).rgb for shot in further.values())]
    avatars = avatars_compared(photographs, str(seed), part(progress, 0.05, 0.4))
    score = PersonScore(seed, dict(person.style), matches={**{method: {} for method in avatars}, STILL: {}})
    pictures = []
    for count, (name, shot) in enumerate(shots.items()):
        progress(0.4 + 0.6 * count / len(shots), f"person {seed}: {name}")
        truth = render(person, shot)
        shown = {
            method: avatar.render(moved_alike(avatar, shots[SOURCE], shot, size)).rgba[..., :3]
            for method, avatar in avatars.items()
        }
        for region, mask in regions(name, truth, source):
            for method, picture in {**shown, STILL: source.rgb}.items():
                score.matches[method][region] = compared(picture, truth.rgb, mask)
        pictures.append((truth.rgb, name, True))
        for method, picture in shown.items():
            note = f"{method}\n{score.matches[method][name].psnr:.2f} dB"
            pictures.append((picture, note, True))
        difference = np.minimum(4 * np.abs(shown[AVATAR].astype(np.int16) - truth.rgb), 255).astype(np.uint8)
        note = f"avatar: difference, 4 times\nstill: {score.matches[STILL][name].psnr:.2f} dB"
        pictures.append((difference, note, True))
    contact_sheet(pictures, sheet, columns=8)
    return score


def draw_views(
    person: Person, size: int, views: Mapping[str, tuple[float, float, dict[str, float]]] = VIEWS
) -> dict[str, Shot]:
    """Views of a person in one light before one background, by one camera straight ahead without lens or noise."""
    drawn = draw_shots(person, person.seed, 1, size)[0]
    shots = {}
    for name, (pitch, yaw, values) in views.items():
        shots[name] = replace(
            drawn,
            camera=portrait_camera(size, height=PORTRAIT_HEIGHT),
            coefficients=coefficients_of(values),
            rotation=np.radians([pitch, 0, yaw]).astype(np.float32),
            location=np.zeros(3, np.float32),
            photography=Photography(),
        )
    return shots


def moved_alike(avatar: Avatar, source: Shot, shot: Shot, size: int) -> FrameRequest:
    """The frame in which the avatar does what the person does in a shot.

    A fit knows the head's pose and resting face only nearly. So the same turn as from the source is asked for about the
    camera's axes, and what the facial actions change is added to those that were fitted.
    """
    to_camera = source.camera.world_to_camera[:3, :3]
    before, after = (Rotation.from_euler("xyz", each.rotation).as_matrix() for each in (source, shot))
    turn = to_camera @ after @ before.T @ to_camera.T
    head = avatar.camera.world_to_camera[:3, :3] @ avatar.head_to_world[:3, :3]
    rotation = Rotation.from_matrix(head.T @ turn @ head).as_euler("xyz").astype(np.float32)
    coefficients = np.clip(avatar.coefficients + shot.coefficients - source.coefficients, 0, 1)
    return FrameRequest(coefficients, rotation, size=size)


def regions(name: str, truth: Picture, source: Picture) -> Iterator[tuple[str, Mask]]:
    """What is measured of a view, with masks [H, W] in 0..1: the person, the open mouth's inside, lids over eyes."""

    def share(picture: Picture, layer: Layer) -> Mask:
        return picture.masks[layer].astype(np.float32) / 255

    yield name, 1 - share(truth, Layer.BACKGROUND)
    special = {
        JAW: ("mouth inside, jaw open", share(truth, Layer.MOUTH)),
        BLINK: ("closed lids", share(source, Layer.EYES) * share(truth, Layer.FACE)),
    }
    if name in special and special[name][1].sum() >= LEAST_REGION:
        yield special[name]


def compared(shown: Pixels, truth: Pixels, mask: Mask) -> Match:
    """Two pictures [H, W, 3] within a mask [H, W]."""
    return Match(min(metrics.psnr(shown, truth, mask), PERFECT), metrics.ssim(shown, truth, mask))
