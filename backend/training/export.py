"""From a training to the weights that Limner uses: only better ones take the place of those that are there."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from backend.evaluation.machine import machine
from backend.training.loop import Outcome, Settings, Task
from backend.weights import FOLDER, Weights, load_weights, save_weights, weights_file
from shared.errors import LimnerError
from shared.storage import written_whole

HISTORY = "TRAINING.md"
HEADING = """# Every training run

One line for each: `limner train` adds it, whether the weights came into use or not.

| date | network | steps | people | seed | size | machine | held-out | in use |
|---|---|---|---|---|---|---|---|---|
"""


def export(task: Task, settings: Settings, outcome: Outcome, folder: Path, people: int, weights: Path = FOLDER) -> bool:
    """Write a run's weights to its folder, and where weights are used if they are better than those there.

    Args:
        task: what was trained. settings, outcome: how, and how far it came.
        folder: the training's.
        people: how many were trained on.
        weights: the folder of weights in use.

    Returns:
        Whether they are in use now.

    Raises:
        LimnerError: ``DISK_FULL``, ``OUTPUT_NOT_WRITABLE``.
    """
    training: dict[str, Any] = {
        "step": outcome.step,
        "people": people,
        **asdict(settings),
        "held_out": outcome.measures,
    }
    made = Weights(task.config(), training, outcome.network.state_dict())
    save_weights(made, weights_file(task.name, folder))
    before = _score(task, next(outcome.network.parameters()).device, weights)
    better = before is None or outcome.measures["score"] > before
    if better:
        save_weights(made, weights_file(task.name, weights))
    measures = ", ".join(f"{name} {value:.3f}" for name, value in outcome.measures.items())
    against = "" if before is None else f" (those before: {before:.3f})"
    cells = (
        time.strftime("%Y-%m-%d"), task.name, f"{outcome.step} of {settings.steps}, {settings.batch} pictures each",
        people, settings.seed, made.config.get("size", ""), _machine_name(), measures + against, ["no", "yes"][better],
    )  # fmt: skip
    _append(weights / HISTORY, f"| {' | '.join(map(str, cells))} |")
    return better


def _score(task: Task, device: torch.device, weights: Path) -> float | None:
    """Of the weights in use, on the same held-out samples; ``None`` without usable ones."""
    try:
        used = load_weights(task.name, weights)
        return task.measure(task.restored(used).to(device), device)["score"] if used else None
    except LimnerError:
        return None


def _append(path: Path, line: str) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else HEADING
    with written_whole(path) as temporary:
        temporary.write_text(f"{text}{line}\n", encoding="utf-8")


def _machine_name() -> str:
    found = machine()
    return str(found["gpu"] or f"{found['processor']}, {found['cores']} cores")
