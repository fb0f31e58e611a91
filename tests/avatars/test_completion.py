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
from backend.avatars.zera.completion import completion_network
from backend.networks.layer_completion import LayerCompletion, LayerCompletionConfig
from shared.arkit import ARKIT_INDEX

SIZE = 192
ALONE = FrameRequest(size=SIZE, background="transparent", passes=("rgba", "head", "torso", "depth"))
TURNED = replace(ALONE, rotation=np.radians([0, 0, 20.0]))


def network(red: float, alpha: float) -> LayerCompletion:
    """Adds the same everywhere."""
    made = LayerCompletion(LayerCompletionConfig(widths=(8, 12), depths=(0, 1), side=128)).eval()
    with torch.no_grad():
        made.head.bias.copy_(torch.tensor([red, 0.0, 0.0, alpha]).repeat_interleave(4))
    return made.requires_grad_(False)


def completed(avatar: ZeraAvatar, red: float = 0.0, alpha: float = 0.0) -> ZeraAvatar:
    return ZeraAvatar(avatar.person, avatar.picture, torch.device("cpu"), network(red, alpha))


def premultiplied(rgba: NDArray[np.uint8]) -> NDArray[np.float64]:
    shares = rgba / 255.0
    return np.concatenate([shares[..., :3] * shares[..., 3:], shares[..., 3:]], axis=2)


def test_what_the_photograph_shows_stays(avatar: ZeraAvatar) -> None:
    plain = avatar.without_completion().render(ALONE).rgba
    assert np.array_equal(completed(avatar, red=-0.5, alpha=-0.5).render(ALONE).rgba, plain)


def test_a_turned_or_moved_face_is_completed(avatar: ZeraAvatar) -> None:
    talking = np.array(avatar.coefficients)
    talking[ARKIT_INDEX["jawOpen"]] += 0.5
    jaw = avatar.neutral[np.linalg.norm(avatar.person.actions[ARKIT_INDEX["jawOpen"]], axis=1) > 0.02]
    column, row, _ = avatar.camera.fitted(SIZE).project(avatar.person.to_world(jaw)).mean(axis=0).astype(int)
    for request, jaw_alone in ((TURNED, False), (replace(ALONE, coefficients=talking), True)):
        plain = premultiplied(avatar.without_completion().render(request).rgba)
        shown = premultiplied(completed(avatar, red=-0.2).render(request).rgba)
        red = plain[..., 0] > 0.25
        assert np.allclose((shown - plain)[row - 4 : row, column - 4 : column + 4, 0], -0.2, atol=0.02)
        far = np.abs(np.arange(SIZE) - row) > 34
        change = (shown - plain)[far][red[far]]
        assert np.allclose(change, 0 if jaw_alone else [-0.2, 0, 0, 0], atol=0.02), (
            "hair must not flicker when she talks"
        )
    hardly = replace(ALONE, rotation=np.radians([0, 0, 0.2]))
    plain, shown = (each.render(hardly).rgba for each in (avatar.without_completion(), completed(avatar, red=-0.2)))
    assert np.abs(premultiplied(shown) - premultiplied(plain)).max() < 0.01


def test_no_opinion_on_the_back_of_the_head(avatar: ZeraAvatar) -> None:
    away = replace(ALONE, rotation=np.radians([0, 0, 80.0]))
    plain = avatar.without_completion().render(away).rgba
    assert np.array_equal(completed(avatar, red=-0.2).render(away).rgba, plain)


def test_head_over_torso_is_still_the_whole(avatar: ZeraAvatar) -> None:
    frame = completed(avatar, red=0.1, alpha=0.3).render(TURNED)
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
    frame = completed(avatar, alpha=0.6).render(replace(TURNED, camera=wide, size=177))
    assert max(frame.rgba.shape[:2]) in (176, 177, 178)
    assert frame.rgba[..., 3].min() >= round(0.6 * 255) - 2


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
