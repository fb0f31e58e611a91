"""Face parsing takes pictures of any size and gives every pixel its logits."""

from __future__ import annotations

import pytest
import torch

from backend.networks.face_parsing import FaceParsing, FaceParsingConfig, parsing_input

SMALL = FaceParsingConfig(widths=(4, 8, 8), depths=(0, 1, 1), context=(2,))


@pytest.mark.parametrize("size", [(192, 192), (33, 70), (1, 1), (5, 2)])
def test_any_size(size: tuple[int, int]) -> None:
    network = FaceParsing(SMALL).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 6, *size)).shape == (2, 5, *size)


def test_every_pixel_knows_of_the_whole_head() -> None:
    torch.manual_seed(0)
    network = FaceParsing(FaceParsingConfig()).eval()
    picture = torch.randn(1, 6, 192, 192, requires_grad=True)
    network(picture)[0, :, 96, 96].sum().backward()
    assert picture.grad is not None
    reached = picture.grad[0].abs().amax(dim=0) > 0
    assert reached[20:-20, 20:-20].float().mean() > 0.9


def test_shipped_size() -> None:
    parameters = sum(tensor.numel() for tensor in FaceParsing(FaceParsingConfig()).parameters())
    assert parameters * 2 < 16 * 2**20


def test_hints_are_in_one_range() -> None:
    one, zero = torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    picture = parsing_input(torch.rand(1, 3, 4, 4), zero, -one, one)
    assert picture.shape == (1, 6, 4, 4) and picture.min() >= -1 and picture.max() <= 1
