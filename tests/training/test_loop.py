"""A training that is killed goes on as if nothing were; damaged and foreign checkpoints are refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.training.export import HISTORY, export
from backend.training.loop import CHECKPOINT, train
from backend.weights import load_weights, weights_file
from shared.errors import LimnerError

from .toy import SETTINGS, Toy

ROOT = Path(__file__).parents[2]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_killed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training.toy", str(tmp_path / "killed"), "8"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    assert subprocess.run(command, cwd=ROOT, env=environment, timeout=400).returncode == -9
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums are the same only in the same order
    try:
        whole = train(Toy(), SETTINGS, tmp_path / "whole", "cpu")
        resumed = train(Toy(), SETTINGS, tmp_path / "killed", "cpu")
    finally:
        torch.set_num_threads(threads)
    assert whole.step == resumed.step == 9
    assert same(whole.network.state_dict(), resumed.network.state_dict())
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("whole", "killed")]
    steps = [[json.loads(line)["step"] for line in log] for log in logs]
    assert steps == [[3, 6, 9]] * 2
    assert len(list((tmp_path / "killed" / "strips").glob("*.png"))) == 3


def test_a_run_of_minutes_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    first = train(Toy(), replace(SETTINGS, minutes=0), tmp_path, "cpu")
    assert first.step == 1
    assert train(Toy(), SETTINGS, tmp_path, "cpu").step == 9
    assert train(Toy(), SETTINGS, tmp_path, "cpu").step == 9  # nothing is left to do


def test_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    train(Toy(), replace(SETTINGS, steps=3), tmp_path, "cpu")
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(LimnerError) as refusal:
        train(Toy(), SETTINGS, tmp_path, "cpu")
    assert refusal.value.code == "WEIGHTS_UNREADABLE" and str(path) in refusal.value.cause


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    train(Toy(), replace(SETTINGS, steps=1), tmp_path, "cpu")
    with pytest.raises(LimnerError) as refusal:
        train(Toy(), replace(SETTINGS, seed=6), tmp_path, "cpu")
    assert refusal.value.code == "WEIGHTS_UNSUITABLE" and "seed" in refusal.value.cause


def test_only_better_weights_come_into_use(tmp_path: Path) -> None:
    short = replace(SETTINGS, steps=1)
    outcome = train(Toy(), short, tmp_path / "short", "cpu")
    used = tmp_path / "used"
    assert export(Toy(), short, outcome, tmp_path / "short", 0, used)["in_use"]
    weights = load_weights("toy", used)
    assert weights is not None and weights.config == {"channels": 3} and weights.training["step"] == 1
    network = Toy().restored(weights)
    for name, tensor in outcome.network.state_dict().items():
        assert torch.allclose(network.state_dict()[name], tensor, atol=1e-3)
    before = weights_file("toy", used).read_bytes()
    assert not export(Toy(), short, outcome, tmp_path / "short", 0, used)["in_use"]  # as good is not better
    assert weights_file("toy", used).read_bytes() == before
    longer = train(Toy(), replace(SETTINGS, steps=120, learning_rate=0.1), tmp_path / "long", "cpu")
    assert export(Toy(), SETTINGS, longer, tmp_path / "long", 0, used)["in_use"]
    history = (used / HISTORY).read_text().splitlines()
    assert [line.split("|")[-2].strip() for line in history[-3:]] == ["yes", "no", "yes"]


def test_two_processes_learn_together(tmp_path: Path) -> None:
    """Under torchrun's variables, both ranks step in agreement and only the first writes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        environment["MASTER_PORT"] = str(free.getsockname()[1])
    command = [sys.executable, "-m", "tests.training.toy", str(tmp_path), "-1"]
    both = [
        subprocess.Popen(command, cwd=ROOT, env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in (0, 1)
    ]
    assert [process.wait(timeout=400) for process in both] == [0, 0]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 3
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 9
