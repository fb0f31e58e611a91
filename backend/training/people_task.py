"""What learning from procedural people has in common, whatever is learned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from backend.training.loop import Settings
from backend.training.people_stream import HELD_OUT, Draw, Maker, PeopleStream, loaded
from backend.training.processes import Processes
from backend.weights import Weights


@dataclass(frozen=True)
class PeopleTask:
    """A task's network and its data: all of a ``loop.Task`` but the loss, the measures and the strip.

    Args:
        settings: of the training.
        folder: where people are kept.
        people: how many are trained on in the end.
        sizes: of the network, its configuration.
        make: a person's seed -> their pictures.
        held_out: how many people measures are taken on.
        name: of the weights.
    """

    architecture: ClassVar[type[nn.Module]]  # made of ``sizes``
    pictures: ClassVar[int]  # of a person

    settings: Settings
    folder: Path
    people: int
    sizes: Any
    make: Maker
    held_out: int
    name: str

    def config(self) -> dict[str, object]:
        """The network's fields."""
        return json.loads(json.dumps(asdict(self.sizes)))

    def network(self) -> nn.Module:
        """With fresh weights."""
        return self.architecture(self.sizes)

    def restored(self, weights: Weights) -> nn.Module:
        """With stored weights."""
        return weights.restored(self.architecture, type(self.sizes))

    def batches(self, first_step: int, processes: Processes) -> Iterator[Tensor]:
        """[B, ...] uint8 pictures of the steps from ``first_step`` on, as ``make`` gives them."""
        draw = Draw(self.settings.seed, self.settings.batch, self.people, self.pictures, self.settings.steps)
        picks = (draw.picks(step, processes.rank) for step in count(first_step))
        return loaded(PeopleStream(self.make, self.folder), picks, processes)

    def held_out_pictures(self, device: torch.device, people: int = 8) -> Iterator[Tensor]:
        """[B, ...] uint8 all pictures of so many held-out people at a time, one person's after another's."""
        stream = PeopleStream(self.make, self.folder)
        picks = [(HELD_OUT + person, picture) for person in range(self.held_out) for picture in range(self.pictures)]
        some = people * self.pictures
        for start in range(0, len(picks), some):
            yield torch.stack([stream[pick] for pick in picks[start : start + some]]).to(device)
