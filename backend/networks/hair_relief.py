"""The relief of a head with its hair: how far away what a picture shows is, hair and headwear above all.

Depths are measured from the head's origin, in units of the side of the head frame's crop as long as that is at the
origin: so neither the camera nor the size of the head has to be known. What the network adds to is the head model's own
depth, going on beyond its outline; its last layer begins at zero, so that fresh weights add nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.face_parsing import FaceParsing, FaceParsingConfig

INPUTS = 10  # colours, shares of background, hair, face, neck and clothes, the head model's depth and where it is
UNIT = 0.25  # of the crop's side: depth that the network takes for one
COARSER = 4  # times: the resolution at which the head's depth goes on
NARROW, WIDE = 1 / 32, 1 / 4  # of the crop's side: how far around a place the head's depth goes on there


class HairRelief(nn.Module):
    """Encoder and decoder of face parsing, of whose sizes this one's are."""

    def __init__(self, config: FaceParsingConfig) -> None:
        super().__init__()
        self.config = config
        self.maps = FaceParsing(config)
        nn.init.zeros_(self.maps.head.weight)
        nn.init.zeros_(self.maps.head.bias)

    def forward(self, rgb: Tensor, shares: Tensor, head: Tensor, there: Tensor) -> Tensor:
        """The depth of what a crop shows.

        Args:
            rgb: [B, 3, H, W] in [0, 1], zero beyond the picture.
            shares: [B, 5, H, W] of background, hair, face, neck and clothes, zero beyond the picture.
            head: [B, 1, H, W] depth of the head model. there: [B, 1, H, W] 1 where it is, 0 beside it.

        Returns:
            [B, 1, H, W] depth.
        """
        beyond = gone_on(head, there)
        hints = torch.cat([rgb * 2 - 1, shares * 2 - 1, beyond / UNIT, there * 2 - 1], dim=1)
        return beyond + UNIT * self.maps(hints).to(beyond)


def gone_on(depth: Tensor, there: Tensor) -> Tensor:
    """A depth [B, 1, H, W] where it is there (1, not 0), around it that of its surroundings, far away its mean."""
    small = depth.shape[-2] // COARSER, depth.shape[-1] // COARSER
    total, weight = (F.interpolate(each, small, mode="area") for each in (depth * there, there))
    result, least = total.mean(dim=(2, 3), keepdim=True) / weight.mean(dim=(2, 3), keepdim=True).clamp_min(1e-6), 0.01
    for reach in (WIDE, NARROW):
        near, share = (_blurred(each, reach * small[1]) for each in (total, weight))
        result = (near + least * result) / (share + least)
    around = F.interpolate(result, depth.shape[-2:], mode="bilinear", align_corners=False)
    return torch.lerp(around, depth, there)


def _blurred(maps: Tensor, reach: float) -> Tensor:
    """Blurred twice by boxes, of about that reach in pixels."""
    half = max(1, round(reach))
    for _ in range(2):
        maps = F.avg_pool2d(maps, 2 * half + 1, 1, half)
    return maps
