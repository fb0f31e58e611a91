"""The motion adapter made ready for many frames does what the plain one does, at any size and in both modes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from backend.networks.mix_transformer import EncoderConfig
from backend.networks.motion_adapter import MotionAdapter, MotionAdapterConfig
from backend.networks.prepared_motion_adapter import PreparedMotionAdapter

SMALL = MotionAdapterConfig(
    encoder=EncoderConfig(dims=(8, 16, 24, 32), heads=(1, 2, 3, 4), depths=(1, 1, 1, 1)),
    width=16,
    plane_channels=4,
    depth=3,
)


def made(config: MotionAdapterConfig) -> MotionAdapter:
    """An adapter as training might leave it: no bias is zero and no norm is the identity."""
    torch.manual_seed(0)
    adapter = MotionAdapter(config)
    for name, value in adapter.state_dict().items():
        if value.dtype == torch.float32 and value.dim() == 1:
            value.copy_(torch.rand_like(value) + 0.5 if name.endswith(("weight", "var")) else torch.randn_like(value))
    return adapter.eval()


@pytest.mark.parametrize("mode", ["cano_src_tgt", "cano_tgt"])
@torch.inference_mode()
def test_the_prepared_adapter_is_the_plain_one(mode: str) -> None:
    adapter = made(replace(SMALL, mode=mode))
    canonical, source, target, other = torch.rand(4, 2, 3, 64, 96) * 2 - 1
    prepared = PreparedMotionAdapter(adapter, torch.float32)
    still = prepared.still(canonical, source)
    for frame in (target, other):
        plain = adapter(canonical, source, frame)
        assert plain.shape == (2, 36, 32, 48)
        torch.testing.assert_close(prepared(still, frame), plain, atol=1e-4, rtol=1e-4)
    seen = (adapter(canonical, other, target) - adapter(canonical, source, target)).abs().max() > 0
    assert seen == (mode == "cano_src_tgt")


@torch.inference_mode()
def test_half_precision_is_near() -> None:
    adapter = made(SMALL)
    canonical, source, target = torch.rand(3, 1, 3, 64, 64) * 2 - 1
    plain = adapter(canonical, source, target)
    prepared = PreparedMotionAdapter(adapter, torch.bfloat16)
    near = prepared(prepared.still(canonical, source), target)
    assert near.dtype == torch.bfloat16
    assert (near - plain).square().mean() < 1e-3 * plain.var()


def test_every_parameter_that_counts_can_be_trained() -> None:
    adapter = made(SMALL).train()
    adapter(*torch.rand(3, 2, 3, 64, 64)).square().mean().backward()
    idle = [name for name, p in adapter.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert not idle
