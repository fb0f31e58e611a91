"""An avatar made with the Basel Face Model, by the published networks with parameters of the fixtures' rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from backend.avatars.file import load_avatar
from backend.avatars.interface import FrameRequest
from backend.avatars.real3d.avatar import Real3DAvatar
from backend.avatars.real3d.bfm import MODEL, load_basel_model
from backend.avatars.real3d.build import build_portrait
from backend.avatars.real3d.weights import PortraitWeights
from backend.avatars.reconstruct import reconstruct
from backend.capture.image import Picture
from shared.errors import LimnerError

from .synthetic_bfm import synthetic_folder


def test_from_a_photograph_to_frames(tmp_path: Path, real3d_weights: Path) -> None:
    (tmp_path / "BFM").symlink_to(synthetic_folder())
    model = load_basel_model(tmp_path / "BFM")
    picture = Picture(skimage.data.astronaut(), None, Path("astronaut.png"), "", (512, 512))
    portrait, _ = build_portrait(picture, 512, basel=model)
    assert portrait.basel is not None and portrait.basel.folder == tmp_path / "BFM"
    planes = torch.randn(1, 3, 32, 256, 256, generator=torch.Generator().manual_seed(0))
    Real3DAvatar(portrait, planes, PortraitWeights(real3d_weights), torch.device("cpu")).save(tmp_path / "a.limner")
    avatar = load_avatar(tmp_path / "a.limner", "cpu")

    def rendered(coefficients: np.ndarray, expression: np.ndarray | None) -> np.ndarray:
        asked = FrameRequest(coefficients, size=256, quality="preview", expression=expression)
        return avatar.render(asked).rgba.astype(int)

    own = rendered(avatar.coefficients, None)
    assert np.abs(own - rendered(np.zeros(52), portrait.basel.fit.expression)).max() <= 1
    assert np.abs(own - rendered(avatar.coefficients, 2 * portrait.basel.fit.expression)).max() > 2

    (tmp_path / "BFM").unlink()
    with pytest.raises(LimnerError) as caught:
        load_avatar(tmp_path / "a.limner", "cpu")
    assert caught.value.code == "FILE_NOT_FOUND" and str(tmp_path / "BFM") in caught.value.cause


def test_a_folder_without_the_model_is_refused_before_the_picture_is_read(tmp_path: Path, real3d_weights: Path) -> None:
    with pytest.raises(LimnerError) as caught:
        reconstruct([tmp_path / "none.png"], "real3d", device="cpu", weights=real3d_weights, bfm=tmp_path)
    assert MODEL in caught.value.cause
