"""The processes that train one network together, as ``torchrun`` starts them; one alone without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Args:
        rank: its number, from 0.
        count: how many there are.
        device: where it computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this one writes the files."""
        return self.rank == 0

    @property
    def fast_bfloat16(self) -> bool:
        """Whether the device multiplies in bfloat16, which keeps the range of single precision."""
        cuda = self.device.type == "cuda"
        return torch.cuda.is_bf16_supported() if cuda else torch.cpu._is_avx512_bf16_supported()

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over all processes."""
        return DistributedDataParallel(network) if self.count > 1 else network

    def agreed(self, stop: bool) -> bool:
        """Whether the leader stops, so that none waits for another that has left."""
        if self.count == 1:
            return stop
        flag = torch.tensor([float(stop)], device=self.device)
        distributed.broadcast(flag, 0)
        return bool(flag.item())


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Meet the other processes, if there are any.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
    """
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(chosen)
    if count == 1:
        yield Processes(0, 1, chosen)
        return
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Processes(rank, count, chosen)
    finally:
        distributed.destroy_process_group()
