"""Tri-planes and tri-grids: three planes of features, thin in the third direction, that together fill a cube.

A plane is [C * D, H, W]: C channels, each D slices deep. With one slice it is flat: a point's third coordinate does not
matter. Features of a point are the mean of what the three planes hold at its projections, read linearly, zero outside.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

PLANES = 3

PlaneAxes = Literal["eg3d", "corrected"]
# the coordinates along a plane's width, height and depth; EG3D's third plane is its second one transposed, and weights
# trained so need it so
AXES: dict[PlaneAxes, tuple[tuple[int, int, int], ...]] = {
    "eg3d": ((0, 1, 2), (0, 2, 1), (2, 0, 1)),
    "corrected": ((0, 1, 2), (0, 2, 1), (2, 1, 0)),
}


def planes_from_channels(channels: Tensor, depth: int = 1) -> Tensor:
    """Planes from the picture that a published backbone makes.

    Args:
        channels: [B, 3 * C * D, H, W]; plane by plane, channel by channel, slice by slice.
        depth: D, slices of a plane.

    Returns:
        [B, 3, C * D, H, W]: the first two planes with their rows upside down, the third also mirrored.

    Raises:
        ValueError: when the channels do not divide into three planes of that depth.
    """
    if channels.shape[1] % (PLANES * depth):
        raise ValueError(f"{channels.shape[1]} channels are not three planes of {depth} slices")
    first, second, third = channels.unflatten(1, (PLANES, -1)).unbind(1)
    return torch.stack([first.flip(2), second.flip(2), third.flip((2, 3))], dim=1)


def sample_planes(
    planes: Tensor, points: Tensor, channels: int, axes: PlaneAxes = "eg3d", box_size: float = 1.0
) -> Tensor:
    """Features of points, in plain torch and differentiable.

    Args:
        planes: [B, 3, C * D, H, W].
        points: [B, N, 3] in the world; the cube of side ``box_size`` around the origin fills the planes.
        channels: C.
        axes: which coordinates the planes lie along.
        box_size: side of the cube.

    Returns:
        [B, N, C]
    """
    grid = points * (2 / box_size)
    volumes = planes.unflatten(2, (channels, -1))
    total = torch.zeros(*points.shape[:2], channels, dtype=planes.dtype, device=planes.device)
    for plane, order in enumerate(AXES[axes]):
        volume, places = volumes[:, plane], grid[..., order]
        if volume.shape[2] == 1:
            found = F.grid_sample(volume[:, :, 0], places[:, None, :, :2], align_corners=False)[:, :, 0]
        else:
            found = F.grid_sample(volume, places[:, None, None], align_corners=False)[:, :, 0, 0]
        total = total + found.transpose(1, 2)
    return total / PLANES


class _Slots(NamedTuple):
    """Where coordinates [3, ...] lie among texels or slices: the one before each, and how far beyond it, 0..1."""

    slot: Tensor
    beyond: Tensor


class PlaneTable:
    """The planes of one moment as a table of feature rows, in which a point's features are a weighted sum of rows.

    Rows are texels with their channels together; a frame of zeros around each plane stands for all that is outside.
    Sums of rows run through ``embedding_bag``, several times faster than ``grid_sample`` on a CPU. Two planes over the
    same coordinates (EG3D's second and third) are added beforehand: reading is linear.

    Args:
        planes: [3, C * D, H, W], H = W.
        channels: C.
        axes: which coordinates the planes lie along.
        box_size: side of the cube that fills the planes.
        precision: of the table and of what is read from it.
    """

    def __init__(
        self,
        planes: Tensor,
        channels: int,
        axes: PlaneAxes = "eg3d",
        box_size: float = 1.0,
        precision: torch.dtype = torch.float32,
    ) -> None:
        volumes = planes.unflatten(1, (channels, -1))
        self.depth, self.side = volumes.shape[2], volumes.shape[4]
        if volumes.shape[3] != self.side:
            raise ValueError(f"square planes are needed, not {volumes.shape[3]}x{self.side}")
        self.scale = 2 / box_size
        self.axes = AXES[axes]
        merged = [volume.permute(1, 2, 3, 0) for volume in volumes]  # [D, H, W, C]
        if axes == "eg3d":
            merged[1] = merged[1] + merged.pop().transpose(1, 2)
            self.axes = self.axes[:2]
        framed = self.side + 2
        table = torch.zeros(len(merged), self.depth, framed, framed, channels, dtype=precision, device=planes.device)
        for plane, texels in enumerate(merged):
            table[plane, :, 1:-1, 1:-1] = texels
        self.rows = table.view(-1, channels)

    def places(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and their weights for points.

        Args:
            points: [3, ...] x, y and z in the world.

        Returns:
            [N, K] int32 rows and [N, K] float32 weights, K = 4 or 8 a plane. The weights sum to 3, were nothing merged.
        """
        grid = points * self.scale + 1
        across = self._slots(grid, self.side)
        through = self._slots(grid, self.depth) if self.depth > 1 else None
        framed = self.side + 2
        rows, weights = [], []
        for plane, (x, y, z) in enumerate(self.axes):
            origin = (plane * self.depth * framed + 1) * framed + 1  # row of the plane's first texel
            first = (across.slot[y] * framed + across.slot[x] + origin).int()
            corners = [first, first + 1, first + framed, first + (framed + 1)]
            right, below = across.beyond[x], across.beyond[y]
            left, above = 1 - right, 1 - below
            shares = [left * above, right * above, left * below, right * below]
            if through is None:
                rows += corners
                weights += shares
                continue
            for step, share in ((0, 1 - through.beyond[z]), (1, through.beyond[z])):
                slot = through.slot[z] + step
                inside = (slot >= 0) & (slot < self.depth)
                slice_start = (slot * (framed * framed)).int()
                rows += [torch.where(inside, corner + slice_start, 0) for corner in corners]  # row 0 is frame
                weights += [share * corner for corner in shares]
        return torch.stack(rows, -1).flatten(0, -2), torch.stack(weights, -1).flatten(0, -2)

    @staticmethod
    def _slots(grid: Tensor, count: int) -> _Slots:
        """Coordinates are 0..2 inside; what lies further out than the frame, slots -1 and ``count``, is held on it."""
        place = (grid * (count / 2) - 0.5).clamp_(-1, count)
        slot = place.floor().clamp_(max=count - 1)
        return _Slots(slot, place.sub_(slot))

    def read(self, rows: Tensor, weights: Tensor) -> Tensor:
        """[N, C] weighted sums of rows; three times the planes' mean."""
        return F.embedding_bag(rows, self.rows, per_sample_weights=weights.to(self.rows.dtype), mode="sum")
