"""A tiny network that learns a linear map: what the loop is tested with."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from backend.training.loop import Settings, train
from backend.training.processes import Processes
from backend.weights import Weights

SETTINGS = Settings(steps=9, batch=4, seed=5, interval=3)


@dataclass(frozen=True)
class Toy:
    """Learns to repeat a picture; ``dies_at`` kills the process there."""

    dies_at: int = -1
    name: str = "toy"

    def config(self) -> dict[str, object]:
        return {"channels": 3}

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1))

    def restored(self, weights: Weights) -> nn.Module:
        network = self.network()
        network.load_state_dict(dict(weights.tensors))
        return network.eval()

    def batches(self, first_step: int, processes: Processes) -> Iterator[Tensor]:
        step = first_step
        while True:
            if step == self.dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            generator = torch.Generator().manual_seed(100 * step + processes.rank)
            yield torch.randn(SETTINGS.batch, 3, 8, 8, generator=generator)
            step += 1

    def loss(
        self, network: nn.Module, batch: Tensor, step: int, processes: Processes
    ) -> tuple[Tensor, dict[str, Tensor]]:
        error = (network(batch) - batch).square().mean()
        return error, {"error": error}

    def measure(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        picture = torch.linspace(-1, 1, 192, device=device).view(1, 3, 8, 8)
        with torch.no_grad():
            return {"score": -float((network(picture) - picture).square().mean())}

    def strip(self, network: nn.Module, device: torch.device) -> np.ndarray:
        return np.zeros((4, 4, 3), np.uint8)


if __name__ == "__main__":
    train(Toy(int(sys.argv[2])), SETTINGS, Path(sys.argv[1]), "cpu")
