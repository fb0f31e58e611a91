"""Low-rank changes begin with none, are of the rank asked for, and fit only the network they were made for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from backend.networks.low_rank import adapted, changed_weights, fresh_factors


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(6, 12, 3), nn.BatchNorm2d(12), nn.Conv2d(12, 8, 1)).eval()


def learned(made: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    return {name: (torch.ones_like(up), down.detach()) for name, (up, down) in fresh_factors(made, 2, 0).items()}


def test_fresh_factors_change_nothing() -> None:
    made = network()
    picture = torch.rand(1, 6, 9, 9)
    assert torch.equal(adapted(made, fresh_factors(made, 2, 0))(picture), made(picture))


def test_the_network_given_stays_and_the_change_has_the_rank() -> None:
    made = network()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    changed = adapted(made, learned(made))
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state_dict().items())
    for name in ("0", "2"):
        difference = changed.state_dict()[f"{name}.weight"] - before[f"{name}.weight"]
        assert torch.linalg.matrix_rank(difference.flatten(1), rtol=1e-4) == 1, "both rows of ones are one direction"


def test_they_learn() -> None:
    made = network().requires_grad_(False)
    factors = fresh_factors(made, 2, 0)
    shown = torch.func.functional_call(made, changed_weights(made, factors), torch.rand(1, 6, 9, 9))
    shown.square().sum().backward()
    assert all(up.grad is not None and bool(up.grad.any()) for up, _ in factors.values())


def test_the_same_seed_begins_the_same() -> None:
    first, same, other = (fresh_factors(network(), 2, seed)["0"][1] for seed in (0, 0, 1))
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_another_networks_factors_are_refused() -> None:
    made = network()
    up, down = learned(made)["0"]
    for wrong in ({"0": (up[:5], down)}, {"0": (up, down[:, :7])}, {"0": (up[:, :1], down)}):
        with pytest.raises(ValueError, match="another form"):
            adapted(made, wrong)
    with pytest.raises(KeyError):
        adapted(made, {"5": (up, down)})
