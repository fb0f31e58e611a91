"""The Mix Transformer's blocks by their formulae, and the same prepared."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.networks import prepared_mix_transformer
from backend.networks.mix_transformer import (
    BlockConfig,
    EncoderConfig,
    MixFeedForward,
    MixTransformer,
    MixTransformerBlock,
    PatchConfig,
    PatchEmbedding,
    SpatialReductionAttention,
)
from backend.networks.packed_convolution import onednn_computes
from backend.networks.prepared_mix_transformer import PreparedBlock


def _drawn(module: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    for name, parameter in module.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name and "weight" in name), std=0.3)
    return module.eval().requires_grad_(False)


def _tokens(image: Tensor) -> Tensor:
    return image.flatten(2).transpose(1, 2)


def test_attention_by_its_formula() -> None:
    attention = _drawn(SpatialReductionAttention(BlockConfig(dim=6, heads=3, expansion=2, reduction=2))).double()
    image = torch.randn(2, 6, 4, 8, dtype=torch.float64)
    seen = _tokens(attention.norm(attention.sr(image)))
    query = F.linear(_tokens(image), attention.q.weight, attention.q.bias)
    key, value = F.linear(seen, attention.kv.weight, attention.kv.bias).split(6, dim=2)
    heads = []
    for head in range(3):
        part = slice(2 * head, 2 * head + 2)
        scores = query[..., part] @ key[..., part].transpose(1, 2) / 2**0.5
        heads.append(torch.softmax(scores, dim=2) @ value[..., part])
    expected = F.linear(torch.cat(heads, dim=2), attention.proj.weight, attention.proj.bias)
    torch.testing.assert_close(_tokens(attention(image)), expected)


def test_feed_forward_by_its_formula() -> None:
    feed_forward = _drawn(MixFeedForward(4, 8)).double()
    image = torch.randn(1, 4, 5, 3, dtype=torch.float64)
    hidden = torch.einsum("oc,bchw->bohw", feed_forward.fc1.weight, image) + feed_forward.fc1.bias[:, None, None]
    convolved = F.conv2d(hidden, feed_forward.dwconv.dwconv.weight, feed_forward.dwconv.dwconv.bias, 1, 1, 1, 8)
    active = convolved * 0.5 * (1 + torch.erf(convolved / 2**0.5))
    expected = torch.einsum("oc,bchw->bohw", feed_forward.fc2.weight, active) + feed_forward.fc2.bias[:, None, None]
    torch.testing.assert_close(feed_forward(image), expected)


def test_patches_overlap_and_are_normalised_by_pixel() -> None:
    patches = PatchEmbedding(PatchConfig(inputs=3, dim=5, kernel=7, stride=4))
    embedded = patches(torch.randn(2, 3, 16, 24))
    assert embedded.shape == (2, 5, 4, 6)
    torch.testing.assert_close(embedded.mean(dim=1), torch.zeros(2, 4, 6), atol=1e-5, rtol=0)


def test_the_encoder_gives_every_stage() -> None:
    config = EncoderConfig(4, (8, 12), (1, 2), (1, 2), (2, 1), (2, 2))
    maps = MixTransformer(config)(torch.randn(1, 4, 32, 64))
    assert [tuple(image.shape) for image in maps] == [(1, 8, 8, 16), (1, 12, 4, 8)]


def test_heads_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="3 heads"):
        SpatialReductionAttention(BlockConfig(dim=8, heads=3, expansion=2))


@pytest.mark.parametrize(("reduction", "size"), [(1, (6, 10)), (2, (12, 8)), (2, (2, 2))])
def test_prepared_is_the_block(reduction: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    block = _drawn(MixTransformerBlock(BlockConfig(dim=16, heads=2, expansion=2, reduction=reduction)))
    monkeypatch.setattr(prepared_mix_transformer, "QUERIES", 7)  # strips that do not divide the map
    monkeypatch.setattr(prepared_mix_transformer, "PIXELS", 25)
    image = torch.randn(2, 16, *size).contiguous(memory_format=torch.channels_last)
    before = image.clone()
    made = PreparedBlock(block, torch.float32)(image)
    torch.testing.assert_close(made, block(image), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(image, before, atol=0, rtol=0)


@pytest.mark.skipif(not onednn_computes(torch.empty(0), torch.bfloat16), reason="no bfloat16 on this processor")
def test_prepared_in_half_precision_keeps_forty_decibels() -> None:
    block = _drawn(MixTransformerBlock(BlockConfig(dim=16, heads=2, expansion=2, reduction=2)))
    image = torch.randn(1, 16, 8, 8).contiguous(memory_format=torch.channels_last)
    made, expected = PreparedBlock(block, torch.bfloat16)(image.bfloat16()).float(), block(image)
    assert 20 * torch.log10(expected.std() / (made - expected).std()) > 40
