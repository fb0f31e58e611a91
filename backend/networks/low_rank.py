"""Low-rank changes of a network's convolutions (Hu and others 2021, LoRA): few numbers that suit it to one person."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

# of each convolution by its name: what goes up to its outputs [O, R] and what comes down from its inputs [R, I K K]
Factors = Mapping[str, tuple[Tensor, Tensor]]
Network = TypeVar("Network", bound=nn.Module)


def fresh_factors(network: nn.Module, rank: int, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Factors that change nothing yet and can learn, on the network's device.

    Args:
        network: whose convolutions are to change.
        rank: of the changes.
        seed: of the numbers that they begin with.
    """
    generator = torch.Generator().manual_seed(seed)
    factors = {}
    for name, layer in _convolutions(network).items():
        outputs, inputs = layer.weight.flatten(1).shape
        down = torch.randn(rank, inputs, generator=generator) / inputs**0.5
        both = (torch.zeros(outputs, rank), down)
        up, down = (each.to(layer.weight.device).requires_grad_() for each in both)
        factors[name] = (up, down)
    return factors


def changed_weights(network: nn.Module, factors: Factors) -> dict[str, Tensor]:
    """The changed convolutions' weights by their names in the state dict, for ``torch.func.functional_call``."""
    layers, changed = _convolutions(network), {}
    for name, (up, down) in factors.items():
        weight = layers[name].weight
        if (len(up), *up.shape[1:], *down.shape[1:]) != (len(weight), len(down), weight[0].numel()):
            raise ValueError(f"the changes of {name} have another form")
        changed[f"{name}.weight"] = weight + (up @ down).view_as(weight)
    return changed


def adapted(network: Network, factors: Factors) -> Network:
    """A network with the changes in its weights; the one given stays.

    Raises:
        KeyError, ValueError: the factors are another network's.
    """
    made = copy.deepcopy(network)
    with torch.no_grad():
        made.load_state_dict(made.state_dict() | changed_weights(made, factors))
    return made


def _convolutions(network: nn.Module) -> dict[str, nn.Conv2d]:
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)}
