"""A radiance field at one moment: planes and decoder made ready to be asked at very many points.

The plain form of the same is ``FeatureField()(sample_planes(...))``, which is the one to train with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from backend.nerf.feature_field import COLOUR_OFFSET, COLOUR_SCALE, EqualisedLinear, FeatureField, Radiance
from backend.nerf.triplane import PLANES, PlaneAxes, PlaneTable

SURFACE_LEVEL = 10.0  # sigma at which the published code takes meshes
CACHED_POINTS = 12288  # whose hidden units, 3 MB at 64 of them, stay in a CPU's second-level caches


class PlaneField:
    """Density and colour anywhere in the world.

    Args:
        planes: [3, C * D, H, W] of one moment.
        field: the decoder.
        axes: which coordinates the planes lie along.
        box_size: side of the cube that fills the planes.
        precision: of planes and decoder; sigma is float32 whatever it is.
    """

    @torch.no_grad()
    def __init__(
        self,
        planes: Tensor,
        field: FeatureField,
        axes: PlaneAxes = "eg3d",
        box_size: float = 1.0,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.features = field.config.features
        self.table = PlaneTable(planes, field.config.channels, axes, box_size, precision)
        self._on_cpu = planes.device.type == "cpu"
        first, last = cast(EqualisedLinear, field.net[0]), cast(EqualisedLinear, field.net[2])
        # On a CPU softplus is log1p(2^x), which takes 60 % of the time of log1p(e^x) and of torch's softplus.
        unit = 1 / math.log(2) if self._on_cpu else 1.0
        self._weight = (first.folded * (unit / PLANES)).to(precision)  # of the sum of the planes
        self._bias = (first.bias * unit).to(precision)
        weight, bias = (
            last.folded.to(precision),
            last.bias.detach(),
        )  # what views a parameter would still have gradients
        self._sigma_weight, self._sigma_bias = weight[0], bias[0]
        self._colour_weight, self._colour_bias = weight[1:], bias[1:].to(precision)

    def at(self, points: Tensor) -> Radiance:
        """What the field holds at points [N, 3]: sigma [N] float32 and colour [N, F]."""
        squashed = self.buffer(len(points))
        sigma = self.query(points.T, squashed)
        return Radiance(sigma, squashed * COLOUR_SCALE + COLOUR_OFFSET)

    def buffer(self, points: int) -> Tensor:
        """Memory for the colours of so many points; used again and again it stays in the caches."""
        return torch.empty(points, self.features, dtype=self._weight.dtype, device=self._weight.device)

    def query(self, points: Tensor, squashed: Tensor) -> Tensor:
        """Sigma [N] float32 at many points, and their colours before they are stretched.

        Args:
            points: [3, ...] x, y and z, N points in all.
            squashed: a ``buffer`` of N or more rows, whose first N become the colours, 0..1.
        """
        rows, weights = self.table.places(points)
        sigma = torch.empty(len(rows), device=rows.device)
        for part in self._parts(len(rows)):
            hidden, sigma[part] = self._decoded(rows[part], weights[part])
            torch.sigmoid(_linear(hidden, self._colour_weight, self._colour_bias), out=squashed[part])
        return sigma

    def sigma(self, points: Tensor) -> Tensor:
        """Sigma [N] float32 at points [3, ...] given as x, y and z; colours are not worked out."""
        rows, weights = self.table.places(points)
        sigma = torch.empty(len(rows), device=rows.device)
        for part in self._parts(len(rows)):
            _, sigma[part] = self._decoded(rows[part], weights[part])
        return sigma

    def surface(self, points: Tensor, level: float = SURFACE_LEVEL, reach: float = 1.0) -> Tensor:
        """A field [N] for meshing at points [N, 3]: its zero surface is where sigma is ``level``, negative inside.

        It is no distance, for sigma knows none, but never larger than ``reach``: who leaves out space by signed
        distance has to look at all that is nearer to the surface than that.
        """
        return torch.tanh((level - self.sigma(points.T)) / SURFACE_LEVEL) * reach

    def _parts(self, points: int) -> Iterator[slice]:
        step = CACHED_POINTS if self._on_cpu else max(points, 1)
        return (slice(start, min(start + step, points)) for start in range(0, points, step))

    def _decoded(self, rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden units [N, H] and sigma [N]."""
        found = self.table.read(rows, weights)
        raw = _linear(found, self._weight, self._bias)
        hidden = raw.exp2_().log1p_() if self._on_cpu else F.softplus(raw)
        sigma = self._sigma(hidden)
        if self._on_cpu and not bool(sigma.isfinite().all()):  # 2^128, at 88 in natural units, is beyond float32
            hidden = F.softplus(_linear(found, self._weight, self._bias) * math.log(2))
            sigma = self._sigma(hidden)
        return hidden, sigma

    def _sigma(self, hidden: Tensor) -> Tensor:
        return torch.mv(hidden, self._sigma_weight).float() + self._sigma_bias


def _linear(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """[N, in] -> [N, out]; on a CPU as a 1x1 convolution of channels-last memory, which oneDNN does."""
    if rows.device.type != "cpu":
        return F.linear(rows, weight, bias)
    picture = rows[None, None].permute(0, 3, 1, 2)
    return F.conv2d(picture, weight[:, :, None, None], bias).permute(0, 2, 3, 1).reshape(len(rows), -1)
