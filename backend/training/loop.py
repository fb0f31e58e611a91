"""The loop that every network is trained by: resumable at any moment, alone or under ``torchrun``."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from backend.training.processes import Processes, joined
from backend.training.record import Record
from backend.weights import Weights
from shared.progress import Progress, silent

CHECKPOINT = "checkpoint.pt"
SECONDS_BETWEEN_CHECKPOINTS = 60.0
WARM_UP = 200  # steps
LAST_RATE = 0.02  # of the highest learning rate, at the end
DECAY = 0.999  # of the moving average
LARGEST_GRADIENT = 5.0


@dataclass(frozen=True)
class Settings:
    """How long and how fast to learn.

    Args:
        steps: of the whole training; the learning rate falls to its end at the last.
        minutes: after which this run ends and leaves the rest to the next; ``None`` for no end.
        batch: samples a step in every process.
        seed: of the first weights, the batches and their augmentation.
        learning_rate: highest one.
        weight_decay: of AdamW.
        interval: steps between two lines of the log, measures and strips.
    """

    steps: int
    minutes: float | None = None
    batch: int = 32
    seed: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    interval: int = 200

    def rate(self, step: int) -> float:
        """The learning rate of a step: a linear rise, then half a cosine."""
        risen = min(1.0, (step + 1) / WARM_UP)
        fallen = 0.5 * (1 + np.cos(np.pi * min(1.0, step / max(self.steps, 1))))
        return self.learning_rate * risen * (LAST_RATE + (1 - LAST_RATE) * float(fallen))


class Task(Protocol):
    """What is special to a network."""

    @property
    def name(self) -> str:
        """Of its weights' file."""

    def config(self) -> dict[str, Any]:
        """The network's configuration, ready for JSON."""

    def network(self) -> nn.Module:
        """The network with fresh weights."""

    def restored(self, weights: Weights) -> nn.Module:
        """The network of weights that were exported; raises :class:`LimnerError` where they do not fit."""

    def batches(self, first_step: int, processes: Processes) -> Iterator[Any]:
        """Batches of the steps from ``first_step`` on, by (seed, step, rank) alone."""

    def loss(self, network: nn.Module, batch: Any, step: int, processes: Processes) -> tuple[Tensor, dict[str, Tensor]]:
        """What to minimise [], and its parts for the log."""

    def measure(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """Measures on held-out samples; ``score`` among them decides which weights are better (higher)."""

    def strip(self, network: nn.Module, device: torch.device) -> NDArray[np.uint8]:
        """[H, W, 3] held-out samples: input, truth, prediction."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """Where a run ended.

    Args:
        step: steps done in all.
        network: the moving average of the weights.
        leads: whether this process writes files.
    """

    step: int
    network: nn.Module
    leads: bool


def train(task: Task, settings: Settings, folder: Path, device: str = "auto", progress: Progress = silent) -> Outcome:
    """Train, or go on training, until the steps or the minutes are over.

    Args:
        task: the network and its data.
        settings: how long and how fast.
        folder: for checkpoint, log and strips; what is there is gone on with.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: told how far it is.

    Raises:
        LimnerError: ``WEIGHTS_UNREADABLE``, ``WEIGHTS_UNSUITABLE`` for the checkpoint that is there;
            ``DISK_FULL``, ``OUTPUT_NOT_WRITABLE``.
    """
    with joined(device) as processes:
        return _train(task, settings, folder, processes, progress)


def _train(task: Task, settings: Settings, folder: Path, processes: Processes, progress: Progress) -> Outcome:
    path, device = folder / CHECKPOINT, processes.device
    identity = {"network": task.name, "config": task.config(), "seed": settings.seed}
    torch.manual_seed(settings.seed)
    network = task.network().to(device, memory_format=torch.channels_last)
    average = deepcopy(network).requires_grad_(False).eval()
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    step = 0
    if checkpoint := load_checkpoint(path, identity):
        step = checkpoint.step
        network.load_state_dict(checkpoint.network)
        average.load_state_dict(checkpoint.average)
        optimiser.load_state_dict(checkpoint.optimiser)

    def save() -> None:
        if processes.leads:
            states = (network.state_dict(), average.state_dict(), optimiser.state_dict())
            save_checkpoint(Checkpoint(step, identity, *states), path)

    record = Record(folder, step)
    wrapped = processes.wrapped(network)
    batches = task.batches(step, processes)
    start = saved = noted = time.monotonic()
    first, waited = step, 0.0
    sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=device))
    count = 0
    over = step >= settings.steps
    while not over:
        asked = time.monotonic()
        batch = next(batches)
        waited += time.monotonic() - asked
        parts = _step(task, settings, processes, wrapped, optimiser, batch, step)
        _follow(average, network, min(DECAY, (1 + step) / (10 + step)))
        step += 1
        count += 1
        for name, value in parts.items():
            sums[name] = sums[name] + value
        now = time.monotonic()
        late = settings.minutes is not None and now - start > 60 * settings.minutes
        over = processes.agreed(late) or step >= settings.steps
        if processes.leads and (over or step % settings.interval == 0):
            measures = task.measure(average, device)
            line = {name: float(value) / count for name, value in sums.items()}
            seconds = max(now - noted, 1e-9)
            speed = {
                "samples_per_second": count * settings.batch * processes.count / seconds,
                "waiting": waited / seconds,
            }
            record.line({"step": step, "rate": settings.rate(step - 1), **line, **speed, **measures})
            record.strip(step, task.strip(average, device))
            sums.clear()
            count, waited = 0, 0.0
            save()
            saved = noted = time.monotonic()
        elif now - saved > SECONDS_BETWEEN_CHECKPOINTS:
            save()
            saved = time.monotonic()
        spent = (now - start) / (60 * settings.minutes) if settings.minutes else 0.0
        fraction = max((step - first) / max(settings.steps - first, 1), spent)
        progress(min(fraction, 1.0), f"step {step} of {settings.steps}, loss {float(parts['loss']):.3f}")
    return Outcome(step, average, processes.leads)


def _step(
    task: Task, settings: Settings, processes: Processes, network: nn.Module, optimiser: torch.optim.Optimizer,
    batch: Any, step: int,
) -> dict[str, Tensor]:  # fmt: skip
    """One step of the optimiser; the parts of the loss."""
    network.train()
    for group in optimiser.param_groups:
        group["lr"] = settings.rate(step)
    with torch.autocast(processes.device.type, torch.bfloat16, enabled=processes.fast_bfloat16):
        loss, parts = task.loss(network, batch, step, processes)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    optimiser.step()
    return {"loss": loss.detach(), **{name: part.detach() for name, part in parts.items()}}


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average a little towards the network, its statistics too."""
    for mine, theirs in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)
