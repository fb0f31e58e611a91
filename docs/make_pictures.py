"""Make the documentation's pictures anew, with the program itself: of scikit-image's astronaut (NASA, public domain),
and of people who do not exist.

.venv/bin/python docs/make_pictures.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw

from backend.avatars.interface import Avatar, Frame, FrameRequest
from backend.avatars.reconstruct import reconstruct
from backend.motion.animate import animate
from backend.people.person import make_person
from backend.people.render import render
from backend.people.scene import Layer, Picture
from backend.people.sheet import contact_sheet
from backend.people.shots import draw_shots
from shared.arkit import ARKIT_INDEX

PICTURES = Path(__file__).parent / "pictures"
SPEECH = Path(__file__).parents[1] / "installer" / "media" / "speech.flac"
HEAD = (96, 0, 352, 256)  # the head in the photograph of 512 x 512
TURNS = [(-30, 0), (-15, 0), (0, 0), (15, 0), (30, 0), (0, -10), (0, 10), (-20, -8), (20, 8)]
EXPRESSIONS = {
    "photograph": {},
    "jawOpen": {"jawOpen": 0.6},
    "eyeBlink": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    "mouthPucker": {"mouthPucker": 1.0, "mouthSmileLeft": 0.0, "mouthSmileRight": 0.0},
    "browInnerUp": {"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0},
}
PEOPLE = range(100)
MAPPED = 17  # the person whose maps are shown: hat, glasses, beard and long hair
LAYER_COLOURS = {
    Layer.BACKGROUND: (40, 44, 52),
    Layer.FACE: (240, 190, 160),
    Layer.EYES: (250, 250, 250),
    Layer.MOUTH: (190, 30, 60),
    Layer.BEARD: (120, 80, 40),
    Layer.HAIR: (90, 60, 160),
    Layer.BODY: (220, 140, 90),
    Layer.CLOTHES: (60, 140, 200),
    Layer.GLASSES: (60, 220, 200),
    Layer.HEADWEAR: (90, 180, 80),
    Layer.JEWELLERY: (250, 210, 60),
}


def crop(frame: Frame) -> Image.Image:
    """The head out of a frame."""
    return Image.fromarray(frame.rgba[..., :3]).crop(HEAD)


def strip(pictures: list[Image.Image], labels: list[str]) -> Image.Image:
    """Pictures side by side with a word under each."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width * len(pictures), height + 18), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (picture, label) in enumerate(zip(pictures, labels)):
        sheet.paste(picture, (width * index, 0))
        draw.text((width * index + width / 2, height + 9), label, "black", anchor="mm")
    return sheet


def stack(rows: list[Image.Image]) -> Image.Image:
    """Rows under each other."""
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def expression(avatar: Avatar, actions: dict[str, float]) -> np.ndarray:
    """The photograph's coefficients with some actions changed."""
    coefficients = np.array(avatar.coefficients)
    for name, value in actions.items():
        coefficients[ARKIT_INDEX[name]] = value
    return coefficients


def maps(picture: Picture) -> list[Image.Image]:
    """Colours, layers, depth, normals and head coordinates of a rendered person."""
    colours = np.array([LAYER_COLOURS[layer] for layer in Layer])
    layers = np.tensordot(picture.masks.astype(float) / 255, colours, axes=(0, 0))
    near, far = np.percentile(picture.depth[np.isfinite(picture.depth)], (1, 99))
    depth = 1 - 0.8 * np.clip((picture.depth - near) / (far - near), 0, 1)
    depth = np.where(np.isfinite(picture.depth), depth, 0)[..., None].repeat(3, axis=2)
    normals = np.where(np.isfinite(picture.depth)[..., None], picture.normals * 0.5 + 0.5, 0)
    shown = (picture.rgb, layers, depth * 255, normals * 255, np.clip(picture.pncc, 0, 1) * 255)
    return [Image.fromarray(values.astype(np.uint8)) for values in shown]


def people_pictures() -> None:
    """Write the pictures of people who do not exist."""
    people = (make_person(seed) for seed in PEOPLE)
    pictures = [render(person, draw_shots(person, person.seed, 1, 160)[0]).rgb for person in people]
    Image.fromarray(contact_sheet(pictures)).save(PICTURES / "people.jpg", quality=80)
    person = make_person(MAPPED)
    shown = maps(render(person, draw_shots(person, MAPPED, 1, 256)[0]))
    strip(shown, ["picture", "layers", "depth", "normals", "head coordinates"]).save(
        PICTURES / "people_maps.jpg", quality=88
    )


def avatar_pictures() -> None:
    """Write the pictures of an avatar."""
    with tempfile.TemporaryDirectory() as folder:
        photograph = Path(folder, "astronaut.png")
        Image.fromarray(skimage.data.astronaut()).save(photograph)
        avatar, _ = reconstruct([photograph])

    def turned(yaw: float, pitch: float) -> Image.Image:
        rotation = np.radians([pitch, 0, yaw]).astype(np.float32)
        return crop(avatar.render(FrameRequest(rotation=rotation)))

    rows = [TURNS[:5], TURNS[5:]]
    sheets = [
        strip([turned(*turn) for turn in row], [f"yaw {turn[0]}°, pitch {turn[1]}°" for turn in row]) for row in rows
    ]
    stack(sheets).save(PICTURES / "turns.jpg", quality=88)
    faces = [crop(avatar.render(FrameRequest(expression(avatar, actions)))) for actions in EXPRESSIONS.values()]
    strip(faces, list(EXPRESSIONS)).save(PICTURES / "expressions.jpg", quality=88)
    clip = animate(SPEECH)
    numbers = [int(number) for number in np.linspace(8, len(clip) - 20, 4)]
    spoken = [
        crop(avatar.render(FrameRequest(clip.coefficients[n], clip.rotation[n], clip.location[n]))) for n in numbers
    ]
    labels = ["photograph", *(f"speaking, frame {number + 1}" for number in numbers)]
    with Image.fromarray(skimage.data.astronaut()) as picture:
        strip([picture.crop(HEAD), *spoken], labels).save(PICTURES / "speaking.jpg", quality=88)


def main() -> None:
    """Write every picture."""
    PICTURES.mkdir(exist_ok=True)
    avatar_pictures()
    people_pictures()


if __name__ == "__main__":
    main()
