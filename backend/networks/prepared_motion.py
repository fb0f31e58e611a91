"""The dense motion network as it runs: the plain twin is :class:`backend.networks.dense_motion.DenseMotion`.

Beside what :mod:`backend.networks.prepared_blocks` does: all proposals move within their slice of the volume, so a
warped source is the same few pixels for every slice, and heat-maps are products of Gaussians along the axes. The hint
is the same in every slice, so its part of the volume's last convolution is one of maps. Kernels as large as that one's
are filtered over the whole depth with a quarter of the multiplications.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.dense_motion import DenseMotion, DenseMotionConfig
from backend.networks.minimal_filtering import FilteredConvolution, skew_cyclic
from backend.networks.packed_convolution import PackedConvolution
from backend.networks.prepared_blocks import prepared


class SliceConvolution(nn.Module):
    """A convolution of a volume whose slices are all the same map, by convolutions of that map.

    Beyond the first and last slice are zeros, so the slices near them see fewer taps.

    Args:
        weight: [out, in, kernel, kernel, kernel].
        depth: of the volume.
        dtype: that it runs in.
    """

    kind: Tensor

    def __init__(self, weight: Tensor, depth: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.outputs, kernel = weight.shape[0], weight.shape[2]
        reach = kernel // 2
        taps = [(max(reach - place, 0), min(depth + reach - place, kernel)) for place in range(depth)]
        kinds = sorted(set(taps))
        maps = torch.cat([weight[:, :, first:last].sum(dim=2) for first, last in kinds])
        self.convolution = PackedConvolution(maps, maps.new_zeros(len(maps)), None, dtype)
        kind = torch.tensor([kinds.index(span) for span in taps], device=weight.device)
        self.register_buffer("kind", kind, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """[B, in, H, W] -> [B, out, depth, H, W] in channels-last memory."""
        made = self.convolution(input).unflatten(1, (-1, self.outputs))
        return made.permute(0, 1, 3, 4, 2)[:, self.kind].movedim(-1, 1)


def neighbours(place: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The two cells on either side of places along an axis, and how much of each linear interpolation takes.

    Args:
        place: [...] -1..1 between the centres of the first and the last cell.
        length: of the axis, in cells.

    Returns:
        [..., 2] int64 cells, clamped to the axis, and [..., 2] weights, zero beyond it.
    """
    place = (place + 1) * ((length - 1) / 2)
    first = place.floor()
    weight = torch.stack([1 - (place - first), place - first], dim=-1)
    cell = torch.stack([first, first + 1], dim=-1)
    inside = (cell >= 0) & (cell < length)
    return cell.clamp(0, length - 1).long(), weight * inside


def gathered(table: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> Tensor:
    """Bilinear interpolation between the cells of maps.

    Args:
        table: [H, W, C] float32 or float64.
        rows: [N..., 2] cells and weights along the height, from :func:`neighbours`.
        columns: [N..., 2] along the width; broadcast against the rows.

    Returns:
        [N..., C].
    """
    height, width, channels = table.shape
    cell = rows[0][..., :, None] * width + columns[0][..., None, :]
    weight = rows[1][..., :, None] * columns[1][..., None, :]
    bags = F.embedding_bag(
        cell.reshape(-1, 4),
        table.reshape(height * width, channels),
        per_sample_weights=weight.reshape(-1, 4),
        mode="sum",
    )
    return bags.view(*cell.shape[:-2], channels)


class PreparedDenseMotion(nn.Module):
    """A dense motion network for inference.

    Args:
        network: whose weights are taken, as they are now and where they are.
        dtype: of the features; what comes in and what goes out is float32.
    """

    bias: Tensor

    def __init__(self, network: DenseMotion, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config = network.config
        self.dtype = dtype
        self.compress = PackedConvolution(network.compress.weight, network.compress.bias, None, torch.float32)
        self.down, self.up = prepared(network.down, dtype), prepared(network.up, dtype)
        self.hint_encoder = prepared(network.tgt_head_encoder, dtype)
        weight, bias = network.tgt_head_fuser.weight.detach(), network.tgt_head_fuser.bias.detach()
        volume, hint = weight.split([weight.shape[1] - config.hint_features, config.hint_features], dim=1)
        self.fuse_volume = _wide_convolution(volume, bias, config.depth, dtype)
        self.fuse_hint = SliceConvolution(hint, config.depth, dtype)
        self.choice = _wide_convolution(network.mask_conv.weight, network.mask_conv.bias, config.depth, dtype)
        occlusion = network.occlusion_conv2
        # the published network folds depth into the channels; unfolded it is one tap for every slice
        kernel = occlusion.weight.unflatten(1, (-1, config.depth))
        padding = [0, *(side // 2 for side in kernel.shape[3:])]
        self.occlusion = PackedConvolution(kernel, occlusion.bias, None, dtype, padding=padding)

    def compressed(self, features: Tensor, labels: Tensor) -> Tensor:
        """As :meth:`DenseMotion.compressed`."""
        deep = labels[:, :, None].expand(-1, -1, features.shape[2], -1, -1)
        return self.compress(torch.cat([features, deep], dim=1))

    def evidence(self, compressed: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """[B, (K + 1)(1 + compressed), depth, size, size] as :meth:`DenseMotion.evidence`, channels last."""
        config = self.config
        size, depth = config.size, config.depth
        place = torch.linspace(-1, 1, size, dtype=source.dtype, device=source.device)
        batch, points = source.shape[:2]
        made = compressed.new_empty(batch, depth, size, size, points + 1, 1 + config.compressed, dtype=self.dtype)
        made[..., 0, 0] = 0
        made[..., 1:, 0] = _heat(driving, place, config) - _heat(source, place, config)
        made[..., 0, 1:] = compressed.movedim(1, -1)
        # [B, size, K] along each axis
        columns, rows = (place[:, None] + shift[:, None] for shift in (source - driving).unbind(dim=-1))
        for picture, result, x, y in zip(compressed, made, columns, rows):
            table = picture.permute(2, 3, 1, 0).flatten(2).float()
            warped = gathered(table, neighbours(y[:, None], size), neighbours(x, size))
            result[..., 1:, 1:] = warped.unflatten(-1, (depth, -1)).permute(3, 0, 1, 2, 4)
        return made.flatten(-2).movedim(-1, 1)

    def fused(self, evidence: Tensor, picture: Tensor) -> Tensor:
        """[B, features', depth, size, size] as :meth:`DenseMotion.fuse` with the hint of a picture."""
        config = self.config
        picture = F.interpolate(picture, (config.hint_size, config.hint_size), mode="bilinear").to(self.dtype)
        hint = F.interpolate(self.hint_encoder(picture), (config.size, config.size), mode="bilinear")
        volume = torch.cat([evidence, self.up(self.down(evidence))], dim=1)
        return self.fuse_volume(volume).add_(self.fuse_hint(hint))

    def forward(self, compressed: Tensor, source: Tensor, driving: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Arguments and results as :meth:`DenseMotion.forward` has them."""
        fused = self.fused(self.evidence(compressed, source, driving), picture)
        choice = self.choice(fused).float().contiguous().softmax(dim=1)
        return self.deformation(choice, source, driving), torch.sigmoid(self.occlusion(fused).float()[:, :, 0])

    def deformation(self, choice: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """[B, depth, size, size, 3] the places that a choice [B, K + 1, depth, size, size] of proposals comes to."""
        z, y, x = (torch.linspace(-1, 1, n, dtype=source.dtype, device=source.device) for n in choice.shape[2:])
        shift = torch.einsum("bkdhw,bkc->bcdhw", choice[:, 1:], source - driving)
        shape = shift[:, 0].shape
        return torch.stack([shift[:, 0] + x, shift[:, 1] + y[:, None], z[:, None, None].expand(shape)], dim=-1)


def _heat(points: Tensor, place: Tensor, config: DenseMotionConfig) -> Tensor:
    """[B, depth, size, size, K] the heat-maps of :func:`backend.networks.dense_motion.heat_maps`."""
    deep = torch.linspace(-1, 1, config.depth, dtype=place.dtype, device=place.device)
    x, y = (torch.exp(-(place[:, None] - p[:, None]).square() / (2 * config.variance)) for p in points.unbind(dim=-1))
    z = torch.exp(-deep.square() / (2 * config.variance))
    return z[:, None, None, None] * (y[:, None, :, None] * x[:, None, None])


def _wide_convolution(weight: Tensor, bias: Tensor, depth: int, dtype: torch.dtype) -> nn.Module:
    """A convolution of a volume with a large kernel."""
    if weight.device.type != "cpu":
        return PackedConvolution(weight, bias, None, dtype)
    return FilteredConvolution(weight, bias, None, dtype, skew_cyclic(depth, weight.shape[2]))
