"""The motion adapter made ready for many frames of one person: the published function in a third of the time.

Everything linear that follows something linear is one layer: the first convolution and the first patches; each stage's
projection, its slice of the fusion and the batch norm. What hangs on the photograph alone is worked out once. The plain
twin is :class:`backend.networks.motion_adapter.MotionAdapter`.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .interpolated_convolution import InterpolatedConvolution
from .mix_transformer import PatchEmbedding
from .motion_adapter import SLOPE, FuseHead, MotionAdapter
from .packed_convolution import PackedConvolution, affine
from .pixel_sums import PixelSums, interpolation, map_of, rows_of
from .tiled_convolution import TiledConvolution


class PreparedMotionAdapter(nn.Module):
    """A motion adapter for inference.

    Args:
        adapter: whose weights are taken, as they are now and as outside training.
        dtype: that it runs in; the result has it too.
    """

    def __init__(self, adapter: MotionAdapter, dtype: torch.dtype) -> None:
        super().__init__()
        config = adapter.config
        self.dtype = dtype
        # the encoder's many small steps take as long in half precision on a CPU, and lose 2 dB there
        early = torch.float32 if adapter.prenet.weight.device.type == "cpu" else dtype
        self.mode = config.mode
        patches = cast(PatchEmbedding, adapter.mix_vit.patch_embed1).proj
        before = (adapter.prenet.weight * adapter.prenet.gain)[:, :, 0, 0].detach().double()
        joined = torch.einsum("omyx,mi->oiyx", patches.weight.detach().double(), before).float()
        stride = patches.stride
        target = joined[:, -config.channels :]
        self.target = PackedConvolution(target, torch.zeros_like(target[:, 0, 0, 0]), None, early, stride)
        # the photograph's part goes the long way, for zeros beyond the picture's edges come after the first bias
        self.prenet = adapter.prenet
        self.patches = patches
        self.channels = config.channels
        self.encoder = deepcopy(adapter.mix_vit).to(early).requires_grad_(False)
        cast(PatchEmbedding, self.encoder.patch_embed1).proj = nn.Identity()
        self.fuse = PreparedFuseHead(adapter.fuse_head, dtype)
        *convolutions, last = (layer for layer in adapter.to_plane_cnn if isinstance(layer, nn.Conv2d))
        self.convolutions = nn.Sequential(
            *(convolution3x3(layer.weight, cast(Tensor, layer.bias), SLOPE, dtype) for layer in convolutions)
        )
        self.planes = InterpolatedConvolution(last.weight, cast(Tensor, last.bias), 2, dtype)

    @torch.no_grad()
    def still(self, canonical: Tensor, source: Tensor) -> Tensor:
        """What the pictures that hang on the photograph give the first layer.

        Args:
            canonical: [B, channels, H, W] PNCC of the person without expression, -1 to 1.
            source: the same with the photograph's expression; not looked at in the mode ``cano_tgt``.

        Returns:
            [B, dim, H / 4, W / 4].
        """
        pictures = (canonical, source) if self.mode == "cano_src_tgt" else (canonical,)
        known = torch.cat([*pictures, torch.zeros_like(canonical)], 1)
        return self.patches(self.prenet(known)).to(self.target.weight.dtype)

    @torch.no_grad()
    def forward(self, still: Tensor, target: Tensor) -> Tensor:
        """What is added to the planes of the photograph.

        Args:
            still: as :meth:`still` gives it.
            target: [B, channels, H, W] PNCC with the frame's expression, -1 to 1.

        Returns:
            [B, 3 * plane_channels * depth, H / 2, W / 2] in channels-last memory, before the published flips.
        """
        maps = self.encoder(self.target(target.to(still.dtype)) + still)
        return self.planes(self.convolutions(self.fuse([image.to(self.dtype) for image in maps])))


def convolution3x3(weight: Tensor, bias: Tensor, slope: float, dtype: torch.dtype) -> nn.Module:
    """The faster kind of convolution for the device; GPU libraries tile by themselves."""
    if weight.device.type == "cpu":
        return TiledConvolution(weight, bias, slope, dtype)
    return PackedConvolution(weight, bias, slope, dtype)


class PreparedFuseHead(nn.Module):
    """:class:`FuseHead` with one small layer a stage, all enlarged and added in one pass."""

    def __init__(self, head: FuseHead, dtype: torch.dtype) -> None:
        super().__init__()
        scale, shift = (x.detach().double() for x in affine(head.linear_fuse.bn))
        mixing = head.linear_fuse.conv.weight[:, :, 0, 0].detach().double() * scale[:, None]
        slices = mixing.chunk(head.stages, 1)[::-1]  # the fusion takes the last stage first
        layers = []
        for stage, share in enumerate(slices, start=1):
            projection = cast(nn.Linear, getattr(head, f"linear_c{stage}").proj)
            shift = shift + share @ projection.bias.detach().double()
            layers.append((share @ projection.weight.detach().double()).float()[..., None, None])
        biases = [shift.float(), *(torch.zeros_like(shift.float()) for _ in layers[1:])]
        self.stages = nn.ModuleList(PackedConvolution(w, b, None, dtype) for w, b in zip(layers, biases, strict=True))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """[B, dim, H / s, W / s] of every stage -> [B, width, H / 4, W / 4]."""
        size = maps[0].shape[2:]
        mixed = [stage(image) for stage, image in zip(self.stages, maps, strict=True)]
        if maps[0].device.type != "cpu":
            enlarged = [F.interpolate(image, size, mode="bilinear", align_corners=False) for image in mixed[1:]]
            return F.relu(sum(enlarged, mixed[0]))
        sums = _sums(tuple(tuple(image.shape[2:]) for image in mixed), mixed[0].dtype)
        fused = [sums(torch.cat([rows_of(image[None]) for image in images])) for images in zip(*mixed, strict=True)]
        return map_of(torch.cat(fused) if len(fused) > 1 else fused[0], len(fused), *size).relu_()


@lru_cache(maxsize=8)
def _sums(sizes: tuple[tuple[int, ...], ...], dtype: torch.dtype) -> PixelSums:
    """Maps of several sizes, one after another as rows, to the sum of all, enlarged to the first one's size."""
    height, width = sizes[0]
    sources = [np.arange(height * width).reshape(height, width, 1)]
    weights = [np.ones((height, width, 1))]
    begin = height * width
    for rows, columns in sizes[1:]:
        (y, down), (x, across) = interpolation(rows, height, False), interpolation(columns, width, False)
        places = begin + y[:, None, :, None] * columns + x[None, :, None]
        sources.append(places.reshape(height, width, -1))
        weights.append((down[:, None, :, None] * across[None, :, None]).reshape(height, width, -1))
        begin += rows * columns
    return PixelSums(np.concatenate(sources, 2), np.concatenate(weights, 2), dtype, torch.device("cpu"))
