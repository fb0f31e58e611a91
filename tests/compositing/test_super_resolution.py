"""Super-resolution in small sizes: what is folded for speed gives what the plain network gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from backend.compositing.prepared_super_resolution import PreparedHeadSuperResolution, PreparedSuperResolution
from backend.compositing.super_resolution import (
    HeadSuperResolution,
    SuperResolution,
    SuperResolutionConfig,
    person_opacity,
)
from backend.compositing.torso import TorsoAppearance, TorsoConfig, TorsoLayer, TorsoModel
from backend.networks.dense_motion import DenseMotionConfig

# more features than the published 32 come in where pixels are lifted
CONFIG = SuperResolutionConfig(features=10, size=16, widths=(64, 16), narrow=8, style=12)
TORSO = TorsoConfig(
    DenseMotionConfig(
        features=4, compressed=2, depth=2, size=16, channels=(8, 16), hint_features=4, hint_size=32, hint_blocks=1
    ),
    size=32, width=8, residual=1, alpha_width=4,
)  # fmt: skip


def _randomised(network: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.3)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module", params=[4, 2])
def network(request: pytest.FixtureRequest) -> SuperResolution:
    config = SuperResolutionConfig(**{**vars(CONFIG), "factor": request.param})
    network = _randomised(SuperResolution(config, TorsoModel(TORSO)))
    assert isinstance(network, SuperResolution)
    return network


@pytest.fixture(scope="module")
def frame() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features, weights, background, landmarks of source and frame, for two frames."""
    torch.manual_seed(1)
    points = torch.rand(2, 2, 68, 3) * 2 - 1
    return torch.randn(2, 10, 16, 16), torch.rand(2, 1, 16, 16), torch.rand(2, 3, 64, 64) * 2 - 1, *points


def _appearance(network: SuperResolution) -> TorsoAppearance:
    torch.manual_seed(2)
    labels = torch.randint(0, 6, (2, 64, 64))
    segmap = nn.functional.one_hot(labels, 6).permute(0, 3, 1, 2).float()
    return network.torso_model.appearance(torch.rand(2, 3, 64, 64), segmap)


@torch.no_grad()
def test_prepared_is_plain(network: SuperResolution, frame: tuple[Tensor, ...]) -> None:
    features, weights, background, *points = frame
    torso = _appearance(network)
    expected = network(features, weights, torso, network.background(background), *points)
    prepared = PreparedSuperResolution(network)
    made = prepared(features, weights, torso, prepared.background(background), *points)
    assert made.picture.shape == (2, 3, *[16 * network.config.factor] * 2)
    for name, tensor in vars(made).items():
        torch.testing.assert_close(tensor, getattr(expected, name), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_half_precision_keeps_forty_decibels(network: SuperResolution, frame: tuple[Tensor, ...]) -> None:
    features, weights, background, *points = frame
    torso = _appearance(network)
    exact, fast = PreparedSuperResolution(network), PreparedSuperResolution(network, torch.bfloat16)
    expected = exact(features, weights, torso, exact.background(background), *points).picture
    made = fast(features, weights, torso, fast.background(background), *points).picture
    assert made.dtype == torch.float32
    # random weights paint far beyond -1..1
    assert -10 * torch.log10((made - expected).square().mean() / (expected.max() - expected.min()) ** 2) > 40


@torch.no_grad()
def test_head_alone() -> None:
    network = _randomised(HeadSuperResolution(CONFIG))
    assert isinstance(network, HeadSuperResolution)
    features = torch.randn(1, 10, 16, 16)
    expected = network(features)
    assert expected.shape == (1, 3, 64, 64)
    torch.testing.assert_close(PreparedHeadSuperResolution(network)(features), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_an_opaque_layer_hides_what_is_behind(network: SuperResolution, frame: tuple[Tensor, ...]) -> None:
    features, _, background, *_ = frame
    prepared = PreparedSuperResolution(network)
    opaque, clear = torch.ones(2, 1, 16, 16), torch.zeros(2, 1, 32, 32)

    def composed(weights: Tensor, torso: Tensor, behind: Tensor, alpha: Tensor) -> Tensor:
        layer = TorsoLayer(torso, torso[:, :3], alpha)
        return prepared.composed(features, weights, layer, prepared.background(behind)).picture

    torsos = torch.randn(2, 2, 8, 32, 32)
    torch.testing.assert_close(
        composed(opaque, torsos[0], background, clear), composed(opaque, torsos[1], -background, clear)
    )
    seen = [composed(0.5 * opaque, torso, background, clear) for torso in torsos]
    assert (seen[0] - seen[1]).abs().max() > 0.1
    nobody = composed(0 * opaque, torsos[0], background, clear)
    torch.testing.assert_close(nobody, composed(0 * opaque, torsos[1], background, clear))
    assert (nobody - composed(0 * opaque, torsos[0], -background, clear)).abs().max() > 0.1


def test_a_nearly_opaque_head_is_opaque() -> None:
    head, torso = torch.tensor([0.91, 0.9, 0.5, 0.2]), torch.tensor([0.0, 0.05, 0.3, 0.9])
    torch.testing.assert_close(person_opacity(head, torso, 0.9), torch.tensor([1.0, 0.95, 0.8, 1.0]))


def test_only_what_is_unused_does_not_train(network: SuperResolution, frame: tuple[Tensor, ...]) -> None:
    features, weights, background, *points = frame
    trained = SuperResolution(network.config, TorsoModel(TORSO)).eval()
    trained(
        features, weights, _appearance(trained), trained.background(background), *points
    ).picture.square().mean().backward()
    idle = {
        name
        for name, parameter in trained.named_parameters()
        if parameter.grad is None and not name.startswith("torso_model.")
    }
    assert idle == {
        name
        for name, _ in trained.named_parameters()
        if name.startswith("head_torso_alpha_predictor.") or name.endswith("noise_strength")
    }


def test_other_factors_are_refused() -> None:
    with pytest.raises(ValueError, match="factor"):
        SuperResolutionConfig(factor=3)
