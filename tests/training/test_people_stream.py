"""Which people a training sees: by seeds alone, ever more of them, never those that measures are taken on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from backend.training.people_stream import HELD_OUT, Draw, PeopleStream


def numbered(seed: int) -> np.ndarray:
    return np.full((2, 3), seed, np.uint8)


def test_draws_are_repeated_and_grow() -> None:
    draw = Draw(seed=3, batch=256, people=2000, pictures=4, steps=1000)
    assert draw.picks(500, 0) == draw.picks(500, 0) != draw.picks(500, 1)
    assert draw.picks(500, 0) != draw.picks(501, 0)
    most = [max(seed for step in range(at, at + 20) for seed, _ in draw.picks(step, 0)) for at in (0, 400, 900)]
    assert most[0] < 120 and 1000 < most[1] < 1200 and 1900 < most[2] < 2000 < HELD_OUT
    assert {picture for _, picture in draw.picks(0, 0)} == {0, 1, 2, 3}


def test_people_are_made_once_and_again_if_lost(tmp_path: Path) -> None:
    stream = PeopleStream(numbered, tmp_path)
    assert torch.equal(stream[7, 1], torch.full((3,), 7, dtype=torch.uint8))
    files = list(tmp_path.iterdir())
    assert len(files) == 1
    np.save(files[0], np.full((2, 3), 9, np.uint8))
    assert stream[7, 0][0] == 9  # kept
    files[0].unlink()
    assert stream[7, 0][0] == 7
