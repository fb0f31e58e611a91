"""Completion of layers begins with nothing, and keeps what it learned."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.networks.layer_completion import CHANNELS, LayerCompletion, LayerCompletionConfig
from backend.weights import Weights, load_weights, save_weights
from shared.errors import LimnerError

SMALL = LayerCompletionConfig(widths=(8, 12, 16), depths=(0, 1, 1), side=64)


def views(height: int = 64, width: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    view = torch.rand(2, CHANNELS, height, width, generator=random)
    return view, torch.rand(2, CHANNELS, height // 2, width // 2, generator=random)


def test_fresh_weights_add_nothing() -> None:
    network = LayerCompletion(SMALL)
    assert not network(*views()).any()
    assert not network.eval()(*views()).any()


def test_weights_come_back(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = LayerCompletion(SMALL).eval()
    torch.nn.init.normal_(network.head.weight, std=0.1)
    weights = Weights({"widths": [8, 12, 16], "depths": [0, 1, 1], "side": 64}, {}, network.state_dict())
    save_weights(weights, tmp_path / "layer_completion.safetensors")
    loaded = load_weights("layer_completion", tmp_path)
    assert loaded is not None
    with torch.inference_mode():
        expected, found = network(*views()), loaded.restored(LayerCompletion, LayerCompletionConfig)(*views())
    assert expected.shape == (2, 4, 64, 48)
    assert expected.abs().max() > 0.1
    assert (expected - found).abs().max() < 0.01 * expected.abs().max()


def test_weights_of_another_network_are_refused() -> None:
    weights = Weights({"widths": [8, 12], "depths": [0, 1], "side": 64}, {}, LayerCompletion(SMALL).state_dict())
    with pytest.raises(LimnerError, match="WEIGHTS_UNREADABLE"):
        weights.restored(LayerCompletion, LayerCompletionConfig)
