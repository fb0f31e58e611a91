"""From a training to the weights that Limner uses: only better ones take the place of those that are there."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from backend.evaluation.machine import machine
from backend.training.loop import Outcome, Settings, Task
from backend.weights import FOLDER, Weights, load_weights, save_weights, stored, weights_file
from shared.errors import LimnerError
from shared.storage import written_whole

HISTORY = "TRAINING.md"
HEADING = """# Every training run

One line for each: `limner train` adds it, whether the weights came into use or not.

| date | network | steps | people | seed | size | machine | held-out | in use |
|---|---|---|---|---|---|---|---|---|
"""


def export(
    task: Task, settings: Settings, outcome: Outcome, folder: Path, people: int, weights: Path = FOLDER
) -> dict[str, Any]:
    """Write a run's weights to its folder, and where weights are used if they are better than those there.

    Args:
        task: what was trained. settings, outcome: how, and how far it came.
        folder: the training's.
        people: how many were trained on.
        weights: the folder of weights in use.

    Returns:
        Its held-out measures, in the precision that weights are kept in, and whether they are ``in_use`` now.

    Raises:
        LimnerError: ``DISK_FULL``, ``OUTPUT_NOT_WRITABLE``.
    """
    device = next(outcome.network.parameters()).device
    tensors = {name: stored(tensor) for name, tensor in outcome.network.state_dict().items()}
    measures = _measured(task, Weights(task.config(), {}, tensors), device)
    training: dict[str, Any] = {"step": outcome.step, "people": people, **asdict(settings), "held_out": measures}
    made = Weights(task.config(), training, tensors)
    save_weights(made, weights_file(task.name, folder))
    before = _used(task, device, weights)
    better = before is None or measures["score"] > before["score"]
    if better:
        save_weights(made, weights_file(task.name, weights))
    text = ", ".join(f"{name} {value:.3f}" for name, value in measures.items())
    against = "" if before is None else f" (those before: {before['score']:.3f})"
    cells = (
        time.strftime("%Y-%m-%d"), task.name, f"{outcome.step} of {settings.steps}, {settings.batch} pictures each",
        people, settings.seed, made.config.get("size", ""), _machine_name(), text + against, ["no", "yes"][better],
    )  # fmt: skip
    _append(weights / HISTORY, f"| {' | '.join(map(str, cells))} |")
    return {**measures, "in_use": better}


def _measured(task: Task, weights: Weights, device: torch.device) -> dict[str, float]:
    return task.measure(task.restored(weights).to(device), device)


def _used(task: Task, device: torch.device, weights: Path) -> dict[str, float] | None:
    """Measures of the weights in use, on the same held-out samples; ``None`` without usable ones."""
    try:
        used = load_weights(task.name, weights)
        return _measured(task, used, device) if used else None
    except LimnerError:
        return None


def _append(path: Path, line: str) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else HEADING
    with written_whole(path) as temporary:
        temporary.write_text(f"{text}{line}\n", encoding="utf-8")


def _machine_name() -> str:
    found = machine()
    return str(found["gpu"] or f"{found['processor']}, {found['cores']} cores")
