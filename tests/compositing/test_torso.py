"""The torso model in small: what it keeps of a photograph, and as it runs against as it loads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from backend.compositing.prepared_torso import PreparedTorsoModel
from backend.compositing.torso import TorsoConfig, TorsoModel
from backend.networks.dense_motion import DenseMotionConfig
from tests.networks.test_volumetric_blocks import settled

SMALL = TorsoConfig(
    motion=DenseMotionConfig(features=6, compressed=3, depth=4, size=16, keypoints=2, channels=(8, 12), hint_size=16),
    size=64,
    keypoints=(0, 8),
    dilation=3,
    width=8,
    residual=2,
    alpha_width=9,
)


@pytest.fixture(scope="module")
def model() -> TorsoModel:
    torch.manual_seed(0)
    model = settled(TorsoModel(SMALL))
    assert isinstance(model, TorsoModel)
    return model


def _photograph(batch: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    label = torch.zeros(batch, 96, 96, dtype=torch.int64)
    label[:, 48:] = 4
    label[:, 40:48, 36:60] = 2
    segmap = torch.nn.functional.one_hot(label, 6).movedim(-1, 1).float()
    return torch.rand(batch, 3, 96, 96, generator=generator) * 2 - 1, segmap


def _frame(batch: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(6)
    source = torch.rand(batch, 68, 3, generator=generator) - 0.5
    driving = source + 0.2 * torch.randn(batch, 68, 3, generator=generator)
    head = torch.rand(batch, 4, 64, 64, generator=generator)
    return source, driving, head[:, :3] * 2 - 1, head[:, 3:]


def test_features_are_where_the_torso_is(model: TorsoModel) -> None:
    cached = model.appearance(*_photograph())
    assert cached.features.shape == (2, 6, 4, 16, 16)
    assert cached.compressed.shape == (2, 3, 4, 16, 16)
    # the neck begins in row 6 of 16; the mask is a cell wider, and bilinear shrinking may reach one further
    assert float(cached.features[..., :4, :].abs().max()) == 0
    assert float(cached.features[..., 9:, :].abs().min(dim=1).values.max()) > 0


def test_prepared_is_plain(model: TorsoModel) -> None:
    with torch.inference_mode():
        prepared = PreparedTorsoModel(model)
        cached, prepared_cached = model.appearance(*_photograph()), prepared.appearance(*_photograph())
        torch.testing.assert_close(prepared_cached.features, cached.features, atol=2e-5, rtol=0)
        torch.testing.assert_close(prepared_cached.compressed, cached.compressed, atol=2e-5, rtol=0)
        layer, made = model(cached, *_frame()), prepared(prepared_cached, *_frame())
    assert made.hidden.shape == (2, 8, 64, 64)
    for name in ("hidden", "rgb", "alpha"):
        expected = getattr(layer, name)
        close = 2e-5 * max(1.0, float(expected.std()))
        torch.testing.assert_close(getattr(made, name), expected, atol=close, rtol=0)


def test_bfloat16_is_close(model: TorsoModel) -> None:
    with torch.inference_mode():
        cached = model.appearance(*_photograph())
        layer, made = model(cached, *_frame()), PreparedTorsoModel(model, torch.bfloat16)(cached, *_frame())
    assert made.hidden.dtype == torch.bfloat16
    assert made.rgb.dtype == made.alpha.dtype == torch.float32
    span = float(layer.rgb.max() - layer.rgb.min())
    error = float((made.rgb - layer.rgb).square().mean().sqrt())
    assert 20 * torch.log10(torch.tensor(span / error)) > 40


def test_landmarks_beyond_the_chosen_do_not_matter(model: TorsoModel) -> None:
    source, driving, *head = _frame()
    other = driving.clone()
    other[:, 20:] += 0.3
    other[..., 2] += 0.3
    with torch.inference_mode():
        cached = model.appearance(*_photograph())
        assert torch.equal(model(cached, source, driving, *head).rgb, model(cached, source, other, *head).rgb)
