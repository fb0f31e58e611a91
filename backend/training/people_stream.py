"""People for training: made by worker processes when first asked for, kept on disk, drawn again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from backend.training.processes import Processes

HELD_OUT = 1_000_000  # seeds from here on are never trained on
FIRST_PEOPLE = 64  # that the first step chooses from
GROWN = 0.75  # share of the steps after which all people are there

Maker = Callable[[int], NDArray[np.uint8]]  # a person's seed -> their pictures [pictures, ...]
Pick = tuple[int, int]  # a person's seed and the number of one of their pictures


@dataclass(frozen=True)
class PeopleStream(Dataset[Tensor]):
    """Pictures of people as arrays, a file a person.

    Args:
        make: always the same for the same seed; worker processes are given it.
        folder: for the files.
    """

    make: Maker
    folder: Path

    def __getitem__(self, pick: Pick) -> Tensor:
        """One picture."""
        seed, picture = pick
        return torch.from_numpy(self._person(seed)[picture].copy())

    def _person(self, seed: int) -> NDArray[np.uint8]:
        path = self.folder / f"{seed:07d}.npy"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{seed:07d}.{os.getpid()}")  # two processes may want the same person
            with temporary.open("wb") as file:
                np.save(file, self.make(seed))
            os.replace(temporary, path)
        return np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class Draw:
    """Which pictures the steps of a training see.

    More and more people come in, so that learning begins before all are made, and everyone is seen many times.

    Args:
        seed: of the training.
        batch: pictures a step in every process.
        people: how many there are in the end.
        pictures: of each of them.
        steps: of the training.
    """

    seed: int
    batch: int
    people: int
    pictures: int
    steps: int

    def picks(self, step: int, rank: int) -> list[Pick]:
        """The pictures of one process's step."""
        random = np.random.default_rng([self.seed, step, rank])
        grown = FIRST_PEOPLE + (self.people - FIRST_PEOPLE) * min(1.0, step / max(GROWN * self.steps, 1))
        among = min(self.people, int(grown))
        return list(zip(random.integers(among, size=self.batch).tolist(),
                        random.integers(self.pictures, size=self.batch).tolist(), strict=True))  # fmt: skip


def loaded(stream: PeopleStream, picks: Iterator[list[Pick]], processes: Processes) -> Iterator[Tensor]:
    """Batches [B, ...] uint8 on the device, made ahead by as many worker processes as there are cores to spare."""
    workers = max(1, ((os.cpu_count() or 1) - 1) // processes.count)
    loader: DataLoader[Tensor] = DataLoader(
        stream, batch_sampler=picks, num_workers=workers, multiprocessing_context="spawn",
        worker_init_fn=_begin_worker, prefetch_factor=4, pin_memory=processes.device.type == "cuda",
    )  # fmt: skip
    for batch in loader:
        yield batch.to(processes.device, non_blocking=True)


def _begin_worker(number: int) -> None:
    cv2.setNumThreads(1)
