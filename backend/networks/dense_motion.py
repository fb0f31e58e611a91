"""Dense motion of a feature volume from a few keypoints, in the manner of first-order motion models.

Every keypoint proposes the translation that carries its driving place back to its source place; a network chooses
between these proposals and standing still, softly and everywhere (Siarohin et al. 2019; in volumes Wang et al. 2021).
Points and grids are in [-1, 1] along x (width), y (height), z (depth), in this order; -1 and 1 are the centres of the
outermost cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.volumetric_blocks import ConvolutionNorm, Down, Residual, Up


@dataclass(frozen=True)
class DenseMotionConfig:
    """Sizes of a dense motion network.

    Args:
        features: channels of the source's feature volume.
        labels: channels of the map of labels that is joined to them.
        compressed: channels that are warped along each proposal.
        depth: of the volume, in cells.
        size: height and width of the volume.
        keypoints: number of proposals beside standing still.
        variance: of the Gaussian heat-map around a keypoint, in squared units of the grid.
        channels: of the hourglass, from the first halving to the last.
        hint: channels of the picture that the motion must fit to.
        hint_features: channels it is encoded into.
        hint_size: height and width at which it is encoded.
        hint_blocks: residual blocks that encode it.
        kernel: side of the last convolutions.
    """

    features: int = 32
    labels: int = 2
    compressed: int = 4
    depth: int = 16
    size: int = 64
    keypoints: int = 4
    variance: float = 0.01
    channels: tuple[int, ...] = (64, 128, 256, 512, 1024)
    hint: int = 4
    hint_features: int = 32
    hint_size: int = 128
    hint_blocks: int = 3
    kernel: int = 7


def identity_grid(depth: int, height: int, width: int, like: Tensor) -> Tensor:
    """[depth, height, width, 3] the place (x, y, z) of every cell, of a tensor's type and on its device."""
    z, y, x = (torch.linspace(-1, 1, n, dtype=like.dtype, device=like.device) for n in (depth, height, width))
    grid = torch.meshgrid(z, y, x, indexing="ij")
    return torch.stack(grid[::-1], dim=-1)


def heat_maps(points: Tensor, depth: int, height: int, width: int, variance: float) -> Tensor:
    """[B, K, depth, height, width] exp(-d^2 / (2 variance)), d the distance from points [B, K, 2] at z = 0."""
    grid = identity_grid(depth, height, width, points)
    x, y = points[:, :, None, None, None].unbind(dim=-1)
    squared = (grid[..., 0] - x).square() + (grid[..., 1] - y).square() + grid[..., 2].square()
    return torch.exp(-squared / (2 * variance))


class DenseMotion(nn.Module):
    """Keypoints and a hint of the driving picture -> where every cell of the volume comes from.

    Attribute names are those of the published state dict.
    """

    def __init__(self, config: DenseMotionConfig) -> None:
        super().__init__()
        self.config = config
        proposals = config.keypoints + 1
        entering = proposals * (1 + config.compressed)
        widths = (entering, *config.channels)
        narrow = config.channels[0] // 2
        self.compress = nn.Conv3d(config.features + config.labels, config.compressed, 1)
        self.down = nn.Sequential(*(Down(3, a, b) for a, b in pairwise(widths)))
        back = (*config.channels[::-1], narrow)
        self.up = nn.Sequential(*(Up(3, a, b) for a, b in pairwise(back)))
        self.tgt_head_encoder = nn.Sequential(
            ConvolutionNorm(2, config.hint, config.hint_features, 7),
            *(Residual(2, config.hint_features) for _ in range(config.hint_blocks)),
        )
        kernel, padding = config.kernel, config.kernel // 2
        self.tgt_head_fuser = nn.Conv3d(entering + narrow + config.hint_features, narrow, kernel, padding=padding)
        self.mask_conv = nn.Conv3d(narrow, proposals, kernel, padding=padding)
        # the first occlusion map is in the published state dicts, though nothing uses it
        self.occlusion_conv = nn.Conv2d(narrow * config.depth, 1, kernel, padding=padding)
        self.occlusion_conv2 = nn.Conv2d(narrow * config.depth, 1, kernel, padding=padding)

    def compressed(self, features: Tensor, labels: Tensor) -> Tensor:
        """What is warped along every proposal; depends on the source alone.

        Args:
            features: [B, features, depth, size, size].
            labels: [B, labels, size, size].

        Returns:
            [B, compressed, depth, size, size].
        """
        deep = labels[:, :, None].expand(-1, -1, features.shape[2], -1, -1)
        return self.compress(torch.cat([features, deep], dim=1))

    def proposals(self, source: Tensor, driving: Tensor) -> Tensor:
        """[B, K + 1, depth, size, size, 3] places each proposal fetches from: standing still, then one per keypoint.

        Args:
            source: [B, K, 2] keypoints of the source.
            driving: [B, K, 2] keypoints to move to.
        """
        size = self.config.size
        grid = identity_grid(self.config.depth, size, size, source)
        shift = F.pad(source - driving, (0, 1, 1, 0))
        return grid + shift[:, :, None, None, None]

    def evidence(self, compressed: Tensor, source: Tensor, driving: Tensor) -> Tensor:
        """[B, (K + 1)(1 + compressed), depth, size, size]: for each proposal, heat-map and warped source."""
        proposals = self.proposals(source, driving)
        size, depth, variance = self.config.size, self.config.depth, self.config.variance
        heat = heat_maps(driving, depth, size, size, variance) - heat_maps(source, depth, size, size, variance)
        heat = F.pad(heat, (0, 0) * 3 + (1, 0))
        batch, count = proposals.shape[:2]
        warped = F.grid_sample(
            compressed.repeat_interleave(count, dim=0), proposals.flatten(0, 1), align_corners=True
        ).unflatten(0, (batch, count))
        return torch.cat([heat[:, :, None], warped], dim=2).flatten(1, 2)

    def hint(self, picture: Tensor) -> Tensor:
        """[B, hint, H, W] -> [B, hint_features, hint_size, hint_size]."""
        size = self.config.hint_size
        return self.tgt_head_encoder(F.interpolate(picture, (size, size), mode="bilinear"))

    def fuse(self, evidence: Tensor, hint: Tensor) -> Tensor:
        """[B, features', depth, size, size] what the choice between proposals and the occlusion are read from."""
        size, depth = self.config.size, self.config.depth
        hint = F.interpolate(hint, (size, size), mode="bilinear")[:, :, None].expand(-1, -1, depth, -1, -1)
        return self.tgt_head_fuser(torch.cat([evidence, self.up(self.down(evidence)), hint], dim=1))

    def forward(self, compressed: Tensor, source: Tensor, driving: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Where every cell comes from, and how much of it is seen.

        Args:
            compressed: [B, compressed, depth, size, size] from :meth:`compressed`.
            source: [B, K, 2] keypoints of the source.
            driving: [B, K, 2] keypoints to move to.
            picture: [B, hint, H, W] what the motion must fit to.

        Returns:
            [B, depth, size, size, 3] places in the source volume; [B, 1, size, size] occlusion in 0..1.
        """
        proposals = self.proposals(source, driving)
        fused = self.fuse(self.evidence(compressed, source, driving), self.hint(picture))
        choice = self.mask_conv(fused).softmax(dim=1)
        deformation = torch.einsum("bkdhw,bkdhwc->bdhwc", choice, proposals)
        return deformation, torch.sigmoid(self.occlusion_conv2(fused.flatten(1, 2)))
