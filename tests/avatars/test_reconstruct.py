"""From pictures to avatars: what works, what is refused and why, and how it tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from backend.avatars.interface import FrameRequest
from backend.avatars.reconstruct import reconstruct
from backend.avatars.zera.avatar import ZeraAvatar
from backend.capture.detection import detect_face
from backend.evaluation.metrics import psnr
from backend.evaluation.people import SOURCE, draw_views
from backend.people.person import make_person
from backend.people.render import render
from backend.people.scene import Layer
from shared.errors import Cancelled, LimnerError
from tests.avatars.stage import Stage
from tests.capture.media import portrait

Made = tuple[ZeraAvatar, dict[str, Any], list[tuple[float, str]]]


def write(picture: NDArray[np.uint8], path: Path) -> Path:
    Image.fromarray(np.ascontiguousarray(picture)).save(path)
    return path


def made_from(path: Path) -> ZeraAvatar:
    avatar, _ = reconstruct([path])
    assert isinstance(avatar, ZeraAvatar)
    return avatar


def test_the_report_tells_what_was_used_and_how_well_it_fits(made: Made, photograph_file: Path) -> None:
    _, report, _ = made
    assert json.loads(json.dumps(report)) == report
    assert report["kind"] == "zera"
    (only,) = report["references"]
    assert (only["path"], only["kept"], only["reason"]) == (str(photograph_file), True, "the main picture")
    assert 0.5 < only["score"] <= 1
    assert 0 < report["residual"] < 0.02 and 100 < report["face_pixels"] < 120
    assert 0.3 < report["person_share"] < 0.7


def test_progress_runs_from_nothing_to_done_and_says_where_it_is(made: Made) -> None:
    fractions = [fraction for fraction, _ in made[2]]
    assert fractions[0] == 0 and fractions[-1] == 1 and fractions == sorted(fractions)
    assert len({stage for _, stage in made[2]}) >= 5 and all(stage for _, stage in made[2])
    assert max(np.diff(fractions)) < 0.4


@pytest.fixture(scope="module")
def small(photograph: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hardly more than the face, which is fast."""
    return write(photograph[30:190, 150:310], tmp_path_factory.mktemp("small") / "small.png")


@pytest.mark.parametrize("reached", [0.0, 0.3, 0.6])
def test_it_stops_when_asked(small: Path, reached: float) -> None:
    def stop(fraction: float, stage: str) -> None:
        if fraction >= reached:
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct([small], progress=stop)


def test_the_same_picture_makes_the_same_avatar(small: Path, tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        made_from(small).save(tmp_path / f"{name}.limner")
        files.append((tmp_path / f"{name}.limner").read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("window", "size"),
    [((0, 420, 120, 341), (512, 270)), ((30, 190, 150, 310), (512, 512)), ((0, 301, 0, 512), (300, 512))],
    ids=["tall and odd", "hardly more than the face", "wide"],
)
def test_any_crop_gives_its_photograph_back(
    photograph: NDArray[np.uint8], tmp_path: Path, window: tuple[int, ...], size: tuple[int, int]
) -> None:
    top, bottom, left, right = window
    crop = np.ascontiguousarray(photograph[top:bottom, left:right])
    avatar = made_from(write(crop, tmp_path / "crop.png"))
    assert (avatar.camera.width, avatar.camera.height) == (right - left, bottom - top)
    assert avatar.person_mask.shape == crop.shape[:2]
    rgba = avatar.render(FrameRequest()).rgba
    assert rgba.shape == (*size, 4)
    picture = Image.fromarray(crop).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    assert psnr(rgba[..., :3], np.asarray(picture)) > 26
    stage = Stage(avatar)
    turned = stage.picture((0, 0, 15))
    assert detect_face(turned).score > 0.9


def test_transparency_is_the_background(avatar: ZeraAvatar, photograph: NDArray[np.uint8], tmp_path: Path) -> None:
    """A cut-out picture: what it hides is never part of the person."""
    matte = np.where(avatar.person_mask > 0.5, 255, 0).astype(np.uint8)
    cut_out = np.dstack([photograph, matte])[20:220, 110:330]
    person = made_from(write(cut_out, tmp_path / "cut.png"))
    hidden = cut_out[..., 3] == 0
    assert hidden.mean() > 0.2
    assert person.person_mask[hidden].mean() < 0.05
    alpha = person.render(FrameRequest(size=220, background="transparent")).rgba[..., 3]
    assert alpha[:200, :220][hidden[:200, :220]].mean() < 0.06 * 255


@pytest.mark.parametrize("name", ["photo_woman", "painting_mona_lisa"])
def test_portraits(name: str) -> None:
    path = portrait(name)
    avatar = made_from(path)
    rgba = avatar.render(FrameRequest()).rgba
    height, width = rgba.shape[:2]
    with Image.open(path) as picture:
        truth = np.asarray(picture.convert("RGB").resize((width, height), Image.Resampling.BOX))
    mask = np.asarray(Image.fromarray(avatar.person_mask).resize((width, height), Image.Resampling.BOX))
    assert psnr(rgba[..., :3], truth) > 26
    assert psnr(rgba[..., :3], truth, mask) > 26
    turned = Stage(avatar, 640).turned(0, 0, 15)
    np.testing.assert_allclose(turned, (0, 0, 15), atol=5)


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(LimnerError) as caught:
        action()
    assert caught.value.cause and caught.value.remedy
    return caught.value.code


def test_no_face_is_refused(tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data")
    path = write(data.coffee(), tmp_path / "coffee.png")
    assert refusal(lambda: reconstruct([path])) == "FACE_NOT_FOUND"


def test_the_dog_is_refused() -> None:
    path = portrait("no_face_dog")
    assert refusal(lambda: reconstruct([path])) == "FACE_NOT_FOUND"


def test_wrong_use_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    assert refusal(lambda: reconstruct([])) == "WRONG_USE"
    assert refusal(lambda: reconstruct([tmp_path / "none.png"], kind="hologram")) == "WRONG_USE"
    assert refusal(lambda: reconstruct([tmp_path / "none.png"])) == "FILE_NOT_FOUND"
    if not torch.cuda.is_available():
        assert refusal(lambda: reconstruct([tmp_path / "none.png"], device="cuda")) == "DEVICE_UNAVAILABLE"


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("no picture")
    assert refusal(lambda: reconstruct([path])) == "IMAGE_UNREADABLE"
    dot = write(np.zeros((1, 1, 3), np.uint8), tmp_path / "dot.png")
    assert refusal(lambda: reconstruct([dot])) == "IMAGE_TOO_SMALL"


def test_ears_that_stand_out_further_than_the_head_models_are_whole(tmp_path: Path) -> None:
    """A child with short hair, whose ears' rims the fitted head does not cover: 36.7 dB without them."""
    person = make_person(1_000_000)
    shot = draw_views(person, 512)[SOURCE]
    picture = render(person, shot)
    Image.fromarray(picture.rgb).save(tmp_path / "child.png")
    avatar, _ = reconstruct([tmp_path / "child.png"])
    shown = avatar.render(FrameRequest(size=512)).rgba[..., :3]
    person_mask = 1 - picture.masks[Layer.BACKGROUND].astype(np.float32) / 255
    assert psnr(shown, picture.rgb, person_mask) > 45
