"""The refinement of tri-grids: every plane by itself, slices in the stated order."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from backend.networks.plane_to_grid import PlaneToGrid, PlaneToGridConfig


@torch.no_grad()
def test_the_formula_written_out() -> None:
    torch.manual_seed(0)
    grid = PlaneToGrid(PlaneToGridConfig(channels=8, depth=3))
    block = grid.res_blocks_3d[0]
    for parameter in block.parameters():
        parameter.copy_(torch.randn_like(parameter))
    planes = torch.randn(2, 3, 24, 6, 5)
    made = grid(planes)
    volume = planes[1, 2].view(8, 3, 6, 5)[None]  # channel by channel, slice by slice

    def convolved(x: torch.Tensor, norm: torch.nn.GroupNorm, conv: torch.nn.Conv3d) -> torch.Tensor:
        grouped = x.view(1, 4, -1)
        mean, deviation = grouped.mean(2, keepdim=True), (grouped.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
        x = ((grouped - mean) / deviation).view_as(x) * norm.weight[:, None, None, None] + norm.bias[
            :, None, None, None
        ]
        return F.conv3d(F.pad(F.relu(x), (1,) * 6, mode="replicate"), conv.weight, conv.bias)

    inner = convolved(volume, block.norm1, block.conv1)
    expected = volume + block.alpha * convolved(inner, block.norm2, block.conv2)
    torch.testing.assert_close(made[1, 2], expected.view(24, 6, 5), atol=1e-4, rtol=1e-4)


def test_deeper_grids_have_a_second_block_and_begin_nearly_as_they_were() -> None:
    torch.manual_seed(0)
    grid = PlaneToGrid(PlaneToGridConfig(channels=8, depth=5))
    assert len(grid.res_blocks_3d) == 2
    planes = torch.randn(1, 3, 40, 8, 8)
    made = grid(planes)
    assert 0 < (made - planes).abs().max() < 0.2
    made.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().any() for p in grid.parameters())
