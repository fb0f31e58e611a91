"""An avatar made with the Basel Face Model, by the published networks with parameters of the fixtures' rule."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from backend.avatars.file import load_avatar
from backend.avatars.interface import FrameRequest
from backend.avatars.real3d.avatar import Real3DAvatar
from backend.avatars.real3d.bfm import COLOURS, MODEL, load_basel_model
from backend.avatars.real3d.build import build_portrait
from backend.avatars.real3d.checkpoint import Source
from backend.avatars.real3d.portrait import Portrait
from backend.avatars.real3d.weights import PortraitWeights
from backend.avatars.reconstruct import reconstruct
from backend.capture.image import Picture
from shared.errors import LimnerError

from .synthetic_bfm import synthetic_folder


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    picture = Picture(skimage.data.astronaut(), None, Path("astronaut.png"), "", (512, 512))
    return build_portrait(picture, 512, basel=load_basel_model(synthetic_folder()))[0]


def made(portrait: Portrait, folder: Path, weights: PortraitWeights, seed: int = 0) -> Real3DAvatar:
    """The avatar with its face model in a folder and planes of noise."""
    assert portrait.basel is not None
    placed = replace(portrait, basel=replace(portrait.basel, folder=folder))
    planes = torch.randn(1, 3, 32, 256, 256, generator=torch.Generator().manual_seed(seed))
    return Real3DAvatar(placed, planes, weights, torch.device("cpu"))


def test_from_a_photograph_to_frames(portrait: Portrait, tmp_path: Path, real3d_weights: Path) -> None:
    (tmp_path / "BFM").symlink_to(synthetic_folder())
    fresh = made(portrait, tmp_path / "BFM", PortraitWeights(real3d_weights))
    fresh.save(tmp_path / "a.limner")
    avatar = load_avatar(tmp_path / "a.limner", "cpu")
    assert avatar.fingerprint == fresh.fingerprint

    def rendered(coefficients: np.ndarray, expression: np.ndarray | None) -> np.ndarray:
        asked = FrameRequest(coefficients, size=256, quality="preview", expression=expression)
        return avatar.render(asked).rgba.astype(int)

    assert portrait.basel is not None
    own = rendered(avatar.coefficients, None)
    assert np.abs(own - rendered(np.zeros(52), portrait.basel.fit.expression)).max() <= 1
    assert np.abs(own - rendered(avatar.coefficients, 2 * portrait.basel.fit.expression)).max() > 2

    (tmp_path / "BFM").unlink()
    with pytest.raises(LimnerError) as caught:
        load_avatar(tmp_path / "a.limner", "cpu")
    assert caught.value.code == "FILE_NOT_FOUND" and str(tmp_path / "BFM") in caught.value.cause


def test_another_checkpoint_or_face_model_or_portrait_is_another_avatar(
    portrait: Portrait, tmp_path: Path, real3d_weights: Path
) -> None:
    weights = PortraitWeights(real3d_weights)
    avatar = made(portrait, synthetic_folder(), weights)
    shutil.copytree(synthetic_folder(), tmp_path / "moved")
    (tmp_path / "w.safetensors").symlink_to(real3d_weights)
    moved = made(portrait, tmp_path / "moved", PortraitWeights(tmp_path / "w.safetensors"))
    assert moved.fingerprint == avatar.fingerprint, "it does not matter where the files lie"

    retrained = PortraitWeights(real3d_weights)
    sources = (Source("secc2plane_torso_orig/model_ckpt_steps_200000.ckpt", "0" * 64),)
    vars(retrained)["loaded"] = replace(weights.loaded, sources=sources)
    repainted = tmp_path / "repainted"
    shutil.copytree(synthetic_folder(), repainted)
    np.save(repainted / COLOURS, np.load(repainted / COLOURS) / 2)
    others = [
        made(portrait, synthetic_folder(), retrained),
        made(portrait, repainted, weights),
        made(portrait, synthetic_folder(), weights, seed=1),
        made(replace(portrait, torso=255 - portrait.torso), synthetic_folder(), weights),
    ]
    found = {other.fingerprint for other in (avatar, *others)}
    assert len(found) == 1 + len(others)


def test_a_folder_without_the_model_is_refused_before_the_picture_is_read(tmp_path: Path, real3d_weights: Path) -> None:
    with pytest.raises(LimnerError) as caught:
        reconstruct([tmp_path / "none.png"], "real3d", device="cpu", weights=real3d_weights, bfm=tmp_path)
    assert MODEL in caught.value.cause
