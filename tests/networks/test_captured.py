from __future__ import annotations

import pytest
import torch

from backend.networks.captured import Captured


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_a_captured_function_follows_its_arguments() -> None:
    captured = Captured(lambda a, b: (a @ b, a + 1), [torch.zeros(8, 8).cuda(), torch.zeros(8, 8).cuda()])
    a, b = torch.randn(8, 8).cuda(), torch.randn(8, 8).cuda()
    first = captured(a, b)
    captured(b, a)
    assert torch.allclose(first[0], a @ b, atol=1e-5) and torch.equal(first[1], a + 1)
