"""Completion changes what the photograph did not show, and nothing else."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backend import weights
from backend.avatars.interface import FrameRequest
from backend.avatars.zera.avatar import ZeraAvatar
from backend.avatars.zera.completion import completion_network, textured
from backend.networks.layer_completion import Filling, LayerCompletion, LayerCompletionConfig
from shared.arkit import ARKIT_INDEX

SIZE = 192
ALONE = FrameRequest(size=SIZE, background="transparent", passes=("rgba", "head", "torso", "depth"))
TURNED = replace(ALONE, rotation=np.radians([0, 0, 20.0]))


def network(red: float, alpha: float) -> LayerCompletion:
    """Adds the same everywhere."""
    made = LayerCompletion(LayerCompletionConfig(widths=(16, 16), depths=(0, 1), side=128)).eval()
    with torch.no_grad():
        made.head.bias.copy_(torch.tensor([red, 0.0, 0.0, alpha]).repeat_interleave(4))
    return made.requires_grad_(False)


def completed(avatar: ZeraAvatar, red: float = 0.0, alpha: float = 0.0) -> ZeraAvatar:
    return ZeraAvatar(avatar.person, avatar.picture, torch.device("cpu"), network(red, alpha))


def premultiplied(rgba: NDArray[np.uint8]) -> NDArray[np.float64]:
    shares = rgba / 255.0
    return np.concatenate([shares[..., :3] * shares[..., 3:], shares[..., 3:]], axis=2)


def test_the_photographs_own_view_stays(avatar: ZeraAvatar) -> None:
    plain = avatar.without_completion().render(ALONE).rgba
    assert np.array_equal(completed(avatar, red=0.5, alpha=1.0).render(ALONE).rgba, plain)


def test_beside_a_turned_head_somebody_goes_on(avatar: ZeraAvatar) -> None:
    plain = premultiplied(avatar.without_completion().render(TURNED).rgba)
    shown = premultiplied(completed(avatar, red=0.6, alpha=1.0).render(TURNED).rgba)
    solid = plain[..., 3] > 0.999
    assert solid.sum() > 5000 and np.allclose(shown[solid], plain[solid], atol=0.01), "what is shown stays"
    assert (shown[plain[..., 3] < 0.5][:, 3] > 0.95).mean() > 0.98, "hardly a line stays open beside what was there"
    hair = plain[..., :3][(plain[..., 3] > 0.9) & (np.indices(solid.shape)[0] < SIZE // 4)].mean(axis=0)
    corner = shown[:6, :6, :3].mean(axis=(0, 1))  # too far from any hair to know its colours
    beside = shown[solid.any(axis=1)][2:6, :, :3][plain[solid.any(axis=1)][2:6, :, 3] < 0.01].mean(axis=0)
    assert np.allclose(corner, [0.6, 0, 0], atol=0.05)
    assert np.abs(beside - hair).max() < 0.25 * np.abs(corner - hair).max() + 0.2


def test_what_goes_on_has_the_strands_of_what_it_adjoins() -> None:
    """Mirrored at the edge, but not over what is of another colour than the filling."""
    height, width = 48, 64
    stripes = 0.4 + 0.1 * np.sin(np.arange(width) * 1.3)
    person = torch.zeros(4, height, width)
    person[:3, :, :24] = torch.from_numpy(stripes[:24]).float()
    person[:3, 30:, :24] = 0.95  # skin, where hair is filled in
    person[3, :, :24] = 1
    filled = Filling(torch.ones(1, 1, height, width), torch.full((1, 3, height, width), 0.4))
    colour = textured(filled, person).colour[0]
    expected = torch.from_numpy(stripes[11:23][::-1].copy()).float()  # beyond the edge, from the second pixel on
    assert (colour[0, 10:20, 24:36] - expected).abs().max() < 0.05
    assert colour[0, 10:20, 24:36].std() > 0.05
    assert (colour[:, 40:, 24:36] - 0.4).abs().max() < 0.01, "no skin in hair"
    assert torch.equal(textured(filled, torch.zeros_like(person)).colour, filled.colour)


def test_doubt_draws_no_veil(avatar: ZeraAvatar) -> None:
    plain = avatar.without_completion().render(TURNED).rgba[..., 3]
    shown = completed(avatar, red=0.2, alpha=0.3).render(TURNED).rgba[..., 3]
    assert not shown[plain == 0].any()


def test_hair_does_not_flicker_when_she_talks(avatar: ZeraAvatar) -> None:
    talking = np.array(avatar.coefficients)
    talking[ARKIT_INDEX["jawOpen"]] += 0.5
    jaw = avatar.neutral[np.linalg.norm(avatar.person.actions[ARKIT_INDEX["jawOpen"]], axis=1) > 0.02]
    _, row, _ = avatar.camera.fitted(SIZE).project(avatar.person.to_world(jaw)).mean(axis=0).astype(int)
    request = replace(ALONE, coefficients=talking)
    plain = premultiplied(avatar.without_completion().render(request).rgba)
    shown = premultiplied(completed(avatar, red=0.6, alpha=1.0).render(request).rgba)
    far = np.abs(np.arange(SIZE) - row) > 34
    assert np.abs(shown - plain)[far].max() < 0.01
    hardly = replace(ALONE, rotation=np.radians([0, 0, 0.2]))
    plain, shown = (e.render(hardly).rgba for e in (avatar.without_completion(), completed(avatar, 0.6, 1.0)))
    assert np.array_equal(plain, shown)


def test_no_opinion_on_the_back_of_the_head(avatar: ZeraAvatar) -> None:
    away = replace(ALONE, rotation=np.radians([0, 0, 80.0]))
    plain = avatar.without_completion().render(away).rgba
    assert np.array_equal(completed(avatar, red=0.6, alpha=1.0).render(away).rgba, plain)


def test_head_over_torso_is_still_the_whole(avatar: ZeraAvatar) -> None:
    frame = completed(avatar, red=0.5, alpha=0.6).render(TURNED)
    assert frame.head is not None and frame.torso is not None and frame.depth is not None
    head, torso, whole = (premultiplied(layer) for layer in (frame.head, frame.torso, frame.rgba))
    together = head + (1 - head[..., 3:]) * torso
    assert np.abs(together - whole).max() < 0.02
    assert (
        np.isfinite(frame.depth[whole[..., 3] > 0.51]).all()
        and not np.isfinite(frame.depth[whole[..., 3] < 0.49]).any()
    )


def test_any_shape_of_picture(avatar: ZeraAvatar) -> None:
    camera = avatar.camera
    wide = replace(camera, width=camera.width + 170, height=camera.height - 93)
    frame = completed(avatar, alpha=1.0).render(replace(TURNED, camera=wide, size=177))
    assert max(frame.rgba.shape[:2]) in (176, 177, 178)
    assert (frame.rgba[..., 3] > 240).mean() > 0.98


def test_frames_with_other_weights_are_other_frames(avatar: ZeraAvatar) -> None:
    found = {each.fingerprint for each in (avatar.without_completion(), completed(avatar), completed(avatar, red=0.1))}
    assert len(found) == 3
    assert avatar.without_completion().fingerprint == avatar.without_completion().fingerprint


def test_damaged_weights_are_reported_and_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "layer_completion.safetensors").write_bytes(b"no weights")
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with caplog.at_level(logging.WARNING):
        assert completion_network() is None
    assert "WEIGHTS_UNREADABLE" in caplog.text and "without" in caplog.text
