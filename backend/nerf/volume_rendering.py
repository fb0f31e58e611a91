"""Volume rendering of samples that lie near known surfaces: opacity from signed distance, compositing along the ray."""

from __future__ import annotations

import torch
from torch import Tensor


def surface_opacity(cosine: Tensor, band: float = 6.0) -> Tensor:
    """Opacity of a thin band of density around a surface that a ray crosses.

    With density the derivative of a logistic function of signed distance (NeuS, Wang et al. 2021), the opacity of the
    stretch from d = +b to d = -b is 1 - S(-b) / S(b), S the logistic function, d in units of its scale. A ray that
    crosses a band of half-thickness ``band`` at a grazing angle sees only ``band * cosine`` of signed distance, so the
    outline of a surface is soft, as a band of fog is.

    Args:
        cosine: [...] of the angle between the ray and the surface's normal, 0..1.
        band: half-thickness of the band in units of the logistic function's scale.

    Returns:
        [...] opacity in [0, 1).
    """
    depth = band * cosine.clamp(0, 1)
    return 1 - torch.sigmoid(-depth) / torch.sigmoid(depth)


def composite(opacity: Tensor, depth: Tensor) -> Tensor:
    """Weights of the samples of each ray, nearest first whatever order they come in.

    Args:
        opacity: [R, S] in [0, 1].
        depth: [R, S] metres along the camera's axis, ``inf`` where a ray has no such sample.

    Returns:
        [R, S] weight of each sample: its opacity times the transmittance of all that is nearer. They sum to the ray's
        alpha.
    """
    order = depth.argsort(dim=1)
    ordered = opacity.gather(1, order)
    transmittance = torch.cumprod(1 - ordered, dim=1)
    before = torch.cat([torch.ones_like(transmittance[:, :1]), transmittance[:, :-1]], dim=1)
    return torch.empty_like(opacity).scatter_(1, order, ordered * before)
