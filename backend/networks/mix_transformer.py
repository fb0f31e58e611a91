"""The Mix Transformer (MiT) of SegFormer: overlapping patches, attention with reduced keys, a feed-forward with a 3x3.

Xie and others 2021, "SegFormer", sections 3.1 and 3.2. Everything passes maps [B, C, H, W] in channels-last memory,
which are the tokens [B, H * W, C] of the paper without a copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.pointwise import ChannelNorm, Pointwise


@dataclass(frozen=True)
class PatchConfig:
    """An overlapping patch embedding.

    Args:
        inputs: channels that come in.
        dim: channels that go out.
        kernel: side of a patch, pixels; padded by half of it.
        stride: distance of patches, pixels.
    """

    inputs: int
    dim: int
    kernel: int = 3
    stride: int = 2


@dataclass(frozen=True)
class BlockConfig:
    """One transformer block.

    Args:
        dim: channels.
        heads: of the attention; they divide ``dim``.
        expansion: hidden channels of the feed-forward, times ``dim``.
        reduction: keys and values are reduced by this factor on both axes.
        epsilon: of the two norms in front of attention and feed-forward.
    """

    dim: int
    heads: int
    expansion: int
    reduction: int = 1
    epsilon: float = 1e-5


@dataclass(frozen=True)
class EncoderConfig:
    """A pyramid of stages; the defaults are MiT-b0.

    Args:
        inputs: channels of the picture.
        dims: channels of every stage.
        heads, depths, reductions, expansions: of every stage's blocks.
        epsilon: of the blocks' norms and of the norm that ends a stage.
    """

    inputs: int = 3
    dims: tuple[int, ...] = (32, 64, 160, 256)
    heads: tuple[int, ...] = (1, 2, 5, 8)
    depths: tuple[int, ...] = (2, 2, 2, 2)
    reductions: tuple[int, ...] = (8, 4, 2, 1)
    expansions: tuple[int, ...] = (4, 4, 4, 4)
    epsilon: float = 1e-6


class PatchEmbedding(nn.Module):
    """A strided convolution and a norm over the channels."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(
            config.inputs, config.dim, config.kernel, stride=config.stride, padding=config.kernel // 2
        )
        self.norm = ChannelNorm(config.dim)

    def forward(self, image: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, dim, H / stride, W / stride]."""
        return self.norm(self.proj(image.contiguous(memory_format=torch.channels_last)))


class SpatialReductionAttention(nn.Module):
    """Multi-head attention from every pixel to a map that a strided convolution has reduced."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        if config.dim % config.heads:
            raise ValueError(f"{config.heads} heads do not divide {config.dim} channels")
        self.heads = config.heads
        self.q = Pointwise(config.dim, config.dim)
        self.kv = Pointwise(config.dim, 2 * config.dim)
        self.proj = Pointwise(config.dim, config.dim)
        if config.reduction > 1:
            self.sr = nn.Conv2d(config.dim, config.dim, config.reduction, stride=config.reduction)
            self.norm = ChannelNorm(config.dim)
        self.reduced = config.reduction > 1

    def forward(self, image: Tensor) -> Tensor:
        """[B, dim, H, W] -> [B, dim, H, W]."""
        query = self._heads(self.q(image))
        reduced = self.norm(self.sr(image)) if self.reduced else image
        key, value = (self._heads(half) for half in self.kv(reduced).chunk(2, dim=1))
        seen = F.scaled_dot_product_attention(query, key, value)  # [B, heads, N, dim / heads]
        seen = seen.transpose(1, 2).reshape(len(image), *image.shape[2:], -1).permute(0, 3, 1, 2)
        return self.proj(seen)

    def _heads(self, image: Tensor) -> Tensor:
        """[B, dim, H, W] -> [B, heads, H * W, dim / heads]."""
        return image.permute(0, 2, 3, 1).flatten(1, 2).unflatten(2, (self.heads, -1)).transpose(1, 2)


class DepthwiseConvolution(nn.Module):
    """A 3x3 convolution of every channel by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        return self.dwconv(image)


class MixFeedForward(nn.Module):
    """Two linear layers with a depthwise convolution and an exact GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Pointwise(dim, hidden)
        self.dwconv = DepthwiseConvolution(hidden)
        self.fc2 = Pointwise(hidden, dim)

    def forward(self, image: Tensor) -> Tensor:
        """[B, dim, H, W] -> [B, dim, H, W]."""
        return self.fc2(F.gelu(self.dwconv(self.fc1(image))))


class MixTransformerBlock(nn.Module):
    """Attention and feed-forward, each added to what comes in."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(config.dim, eps=config.epsilon)
        self.attn = SpatialReductionAttention(config)
        self.norm2 = ChannelNorm(config.dim, eps=config.epsilon)
        self.mlp = MixFeedForward(config.dim, config.expansion * config.dim)

    def forward(self, image: Tensor) -> Tensor:
        """[B, dim, H, W] -> [B, dim, H, W]."""
        image = image + self.attn(self.norm1(image))
        return image + self.mlp(self.norm2(image))


class MixTransformer(nn.Module):
    """The encoder: every stage embeds patches, passes blocks, and ends in a norm."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        inputs = config.inputs
        for stage, dim in enumerate(config.dims, start=1):
            patches = PatchConfig(inputs, dim, kernel=7, stride=4) if stage == 1 else PatchConfig(inputs, dim)
            block = BlockConfig(
                dim,
                config.heads[stage - 1],
                config.expansions[stage - 1],
                config.reductions[stage - 1],
                config.epsilon,
            )
            blocks = nn.ModuleList(MixTransformerBlock(block) for _ in range(config.depths[stage - 1]))
            setattr(self, f"patch_embed{stage}", PatchEmbedding(patches))
            setattr(self, f"block{stage}", blocks)
            setattr(self, f"norm{stage}", ChannelNorm(dim, eps=config.epsilon))
            inputs = dim

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, inputs, H, W] -> the stages' maps [B, dim, H / s, W / s], channels last; s = 4, 8, 16, 32."""
        maps = []
        for stage in range(1, len(self.config.dims) + 1):
            image = getattr(self, f"patch_embed{stage}")(image)
            for block in getattr(self, f"block{stage}"):
                image = block(image)
            image = getattr(self, f"norm{stage}")(image)
            maps.append(image)
        return maps
