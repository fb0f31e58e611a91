"""Mix Transformer blocks as they run on a CPU: the plain twin is :class:`backend.networks.mix_transformer`.

Prepared from a block's weights as they are then: linear layers laid out once for oneDNN, whose products of matrices are
three times as fast as those of torch's own library on AMD; attention and feed-forward in strips that stay in cache, so
that neither the scores nor the hidden channels of a whole map are ever in memory.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from backend.networks.mix_transformer import MixFeedForward, MixTransformerBlock, SpatialReductionAttention

# queries at a time: their scores against a few thousand keys stay in cache
QUERIES = 256
# pixels at a time in the feed-forward
PIXELS = 1024


class PackedLinear(nn.Module):
    """A linear layer on a CPU, where wanted a sum with something like the result.

    Args:
        weight: [out, in].
        bias: [out].
        dtype: that it runs in.
        rows: for how many at a time it is laid out; it computes any number.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, rows: int) -> None:
        super().__init__()
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().to(dtype).contiguous(), rows)
        self.register_buffer("weight", packed, persistent=False)
        self.register_buffer("bias", None if bias is None else bias.detach().to(dtype), persistent=False)

    def forward(self, input: Tensor, added: Tensor | None = None) -> Tensor:
        """[N, in] -> [N, out]."""
        if added is None:
            return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")
        return torch.ops.mkldnn._linear_pointwise.binary(input, added, self.weight, self.bias, "add")


class PackedReduction(nn.Module):
    """A convolution whose patches touch and do not overlap: a linear layer over their pixels."""

    def __init__(self, convolution: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        self.side = convolution.stride[0]
        weight = convolution.weight.permute(0, 2, 3, 1).flatten(1)
        self.linear = PackedLinear(weight, convolution.bias, dtype, PIXELS)

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H / s, W / s]; s divides H and W."""
        pixels = image.permute(0, 2, 3, 1).unflatten(2, (-1, self.side)).unflatten(1, (-1, self.side))
        patches = pixels.transpose(2, 3)  # [B, H / s, W / s, s, s, C]
        tokens = patches.flatten(3).flatten(0, 2)
        return self.linear(tokens).unflatten(0, patches.shape[:3]).permute(0, 3, 1, 2)


class PreparedAttention(nn.Module):
    """:class:`SpatialReductionAttention`, added to what comes in.

    The keys' bias changes all scores of a query alike, so that it changes nothing; the values' bias passes through
    weights whose sum is one, so that it joins the projection's.
    """

    values: Tensor

    def __init__(self, attention: SpatialReductionAttention, dtype: torch.dtype) -> None:
        super().__init__()
        self.heads = attention.heads
        width = attention.q.weight.shape[0]
        scale = (width // self.heads) ** -0.5
        keys, values = attention.kv.weight.detach().chunk(2)
        bias = attention.proj.weight @ attention.kv.bias[width:] + attention.proj.bias
        self.q = PackedLinear(attention.q.weight * scale, attention.q.bias * scale, dtype, QUERIES)
        self.keys = nn.ModuleList(PackedLinear(part, None, dtype, PIXELS) for part in keys.chunk(self.heads))
        self.proj = PackedLinear(attention.proj.weight, bias, dtype, QUERIES)
        self.register_buffer("values", values.to(dtype), persistent=False)
        self.reduction = PackedReduction(attention.sr, dtype) if attention.reduced else nn.Identity()
        self.norm = attention.norm if attention.reduced else nn.Identity()

    def forward(self, normed: Tensor, image: Tensor) -> Tensor:
        """[B, dim, H, W] after and before its norm -> [B, dim, H, W]."""
        reduced = self.norm(self.reduction(normed))
        made = torch.empty_like(image)
        for query, keyed, residual, result in zip(*(_tokens(maps) for maps in (normed, reduced, image, made))):
            keys = [_packed(part(keyed)) for part in self.keys]
            values = [_packed(_product(part, keyed)) for part in self.values.chunk(self.heads)]
            for first in range(0, len(query), QUERIES):
                strip = slice(first, first + QUERIES)
                seen = self._attend(self.q(query[strip]), keys, values)
                result[strip] = self.proj(seen, residual[strip])
        return made

    def _attend(self, query: Tensor, keys: list[Tensor], values: list[Tensor]) -> Tensor:
        """[N, dim] scaled -> [N, dim]."""
        seen = torch.empty_like(query)
        for part, result, key, value in zip(query.chunk(self.heads, 1), seen.chunk(self.heads, 1), keys, values):
            scores = _product(part.contiguous(), key)
            torch._softmax(scores, -1, False, out=scores)
            result.copy_(_product(scores, value))
        return seen


class PreparedFeedForward(nn.Module):
    """:class:`MixFeedForward`, added to what comes in."""

    dwconv: Tensor
    bias: Tensor

    def __init__(self, feed_forward: MixFeedForward, dtype: torch.dtype) -> None:
        super().__init__()
        self.fc1 = PackedLinear(feed_forward.fc1.weight, feed_forward.fc1.bias, dtype, PIXELS)
        self.fc2 = PackedLinear(feed_forward.fc2.weight, feed_forward.fc2.bias, dtype, PIXELS)
        depthwise = feed_forward.dwconv.dwconv
        self.register_buffer("dwconv", depthwise.weight.detach().to(dtype), persistent=False)
        self.register_buffer("bias", depthwise.bias.detach().to(dtype), persistent=False)

    def forward(self, normed: Tensor, image: Tensor) -> Tensor:
        """[B, dim, H, W] after and before its norm -> [B, dim, H, W]."""
        height, width = image.shape[2:]
        rows = max(1, PIXELS // width)
        made = torch.empty_like(image)
        for source, residual, result in zip(*(maps.permute(0, 2, 3, 1) for maps in (normed, image, made))):
            hidden = source.new_zeros(1, width, len(self.bias))
            # the depthwise convolution follows one row behind
            for first in range(0, height, rows):
                last = min(first + rows, height)
                new = self.fc1(source[first:last].flatten(0, 1)).unflatten(0, (-1, width))
                hidden = torch.cat([hidden, new] if last < height else [hidden, new, torch.zeros_like(new[:1])])
                start, stop = max(first - 1, 0), last - 1 if last < height else height
                convolved = self._convolve(hidden)
                made_here = self.fc2(convolved, residual[start:stop].flatten(0, 1))
                result[start:stop] = made_here.unflatten(0, (-1, width))
                hidden = hidden[-2:]
        return made

    def _convolve(self, hidden: Tensor) -> Tensor:
        """Rows [N + 2, W, hidden] -> tokens [N * W, hidden] with the GELU."""
        channels = len(self.bias)
        maps = torch.ops.mkldnn._convolution_pointwise(
            hidden[None].permute(0, 3, 1, 2),
            self.dwconv,
            self.bias,
            [0, 1],
            [1, 1],
            [1, 1],
            channels,
            "gelu",
            [],
            "none",
        )
        return maps.permute(0, 2, 3, 1).reshape(-1, channels)


class PreparedBlock(nn.Module):
    """:class:`MixTransformerBlock` for inference on a CPU.

    Args:
        block: whose weights are taken, as they are now.
        dtype: that it runs in.
    """

    def __init__(self, block: MixTransformerBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm1, self.norm2 = block.norm1, block.norm2
        self.attn = PreparedAttention(block.attn, dtype)
        self.mlp = PreparedFeedForward(block.mlp, dtype)

    def forward(self, image: Tensor) -> Tensor:
        """[B, dim, H, W] -> [B, dim, H, W] channels last."""
        image = self.attn(self.norm1(image), image)
        return self.mlp(self.norm2(image), image)


def _tokens(image: Tensor) -> Tensor:
    """[B, C, H, W] channels last -> [B, H * W, C], as a view."""
    return image.permute(0, 2, 3, 1).flatten(1, 2)


def _packed(weight: Tensor) -> Tensor:
    """[out, in] as oneDNN has it for some queries at a time."""
    return torch.ops.mkldnn._reorder_linear_weight(weight, QUERIES)


def _product(rows: Tensor, weight: Tensor) -> Tensor:
    """[N, in] and [out, in], packed or not, -> [N, out]."""
    return torch.ops.mkldnn._linear_pointwise(rows, weight, None, "none", [], "")
