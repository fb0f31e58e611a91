"""Further photographs lend what the main one does not show, and leave alone what it shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from backend.avatars.file import load_avatar
from backend.avatars.interface import REFERENCE_COLOURS, FrameRequest
from backend.avatars.reconstruct import reconstruct
from backend.avatars.zera.avatar import ZeraAvatar
from backend.capture.detection import detect_face
from backend.evaluation.metrics import psnr
from tests.avatars.stage import Stage

TURN, CHEEK, SIZE = 25.0, 280, 256
SOURCE = FrameRequest(size=SIZE, passes=("rgba", "mixer"))
TURNED = replace(SOURCE, rotation=np.radians([0, 0, -TURN]).astype(np.float32))
BLUE = (40, 40, 230)


@pytest.fixture(scope="module")
def marked(stage: Stage, photograph_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any]:
    """The astronaut of two pictures: on the second she is turned and wears a blue mark on her cheek; the report; and
    where the mark is in a frame, x and y of its middle.
    """
    turned = stage.picture((0, 0, -TURN)).copy()
    middle = detect_face(turned).points[CHEEK, :2].astype(int)
    turned[middle[1] - 6 : middle[1] + 7, middle[0] - 6 : middle[0] + 7] = BLUE
    path = tmp_path_factory.mktemp("marked") / "turned.png"
    Image.fromarray(turned).save(path)
    avatar, report = reconstruct([photograph_file, path])
    return avatar, report, middle * SIZE // 512


def alone(avatar: ZeraAvatar) -> ZeraAvatar:
    return ZeraAvatar(replace(avatar.person, lenders=()), avatar.picture, torch.device("cpu"))


def share_of(frame: Any, reference: int) -> Any:
    """[H, W] whether pixels come from a reference most of all."""
    distance = np.abs(frame.mixer[..., None, :3] / 255.0 - REFERENCE_COLOURS).sum(axis=-1)
    return (distance.argmin(axis=-1) == reference) & (frame.mixer[..., :3].max(axis=-1) > 100)


def test_both_pictures_are_kept(marked: tuple[Any, Any, Any]) -> None:
    avatar, report, _ = marked
    assert [entry["kept"] for entry in report["references"]] == [True, True]
    assert len(avatar.person.lenders) == 1


def test_the_main_photographs_own_view_is_its_own(marked: tuple[Any, Any, Any], avatar: ZeraAvatar) -> None:
    frame = marked[0].render(SOURCE)
    assert np.array_equal(frame.rgba, alone(marked[0]).render(SOURCE).rgba)
    assert share_of(frame, 0).any() and not share_of(frame, 1).any()
    assert psnr(frame.rgba[..., :3], avatar.render(SOURCE).rgba[..., :3]) > 32, "the fit of both is the fit of one"


def test_what_only_the_other_shows_is_lent(marked: tuple[Any, Any, Any]) -> None:
    avatar, _, (x, y) = marked
    shown, without = avatar.render(TURNED), alone(avatar).render(TURNED).rgba.astype(float)
    mark = (slice(y - 1, y + 2), slice(x - 1, x + 2))
    blueness = [(rgba[mark][..., 2] - rgba[mark][..., 0]).mean() for rgba in (shown.rgba.astype(float), without)]
    assert blueness[0] > 60 and blueness[1] < 0
    assert share_of(shown, 1)[mark].all()
    assert share_of(shown, 0).any(), "hair and clothes stay the main photograph's"


def test_lenders_come_back_from_the_file(marked: tuple[Any, Any, Any], tmp_path: Path) -> None:
    avatar = marked[0]
    avatar.save(tmp_path / "a.limner")
    loaded = load_avatar(tmp_path / "a.limner", "cpu")
    assert np.array_equal(loaded.render(TURNED).rgba, avatar.render(TURNED).rgba)
    assert loaded.fingerprint == avatar.fingerprint != alone(avatar).fingerprint


def test_they_lend_to_the_texture_of_the_mesh(marked: tuple[Any, Any, Any]) -> None:
    with_it, without = (each.head_mesh().texture.astype(float) for each in (marked[0], alone(marked[0])))
    assert 0.001 < (np.abs(with_it - without).max(axis=-1) > 8).mean() < 0.5
