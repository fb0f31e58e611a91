"""A training's state at one step, in one file: whatever kills the training, it goes on from there as if nothing were.

There is no random state in it: every step draws its batch and its augmentation by (seed, step) alone.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shared.errors import LimnerError
from shared.storage import written_whole

FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a training goes on from.

    Args:
        step: steps done.
        identity: what must be the same for going on to make sense: the network, its configuration, the seed.
        network: state dict.
        average: state dict of the moving average.
        optimiser: its state dict.
    """

    step: int
    identity: dict[str, Any]
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]


FIELDS = tuple(field.name for field in fields(Checkpoint))


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write it beside its place and rename it there.

    Raises:
        LimnerError: ``DISK_FULL``, ``OUTPUT_NOT_WRITABLE``.
    """
    data = {name: getattr(checkpoint, name) for name in FIELDS}
    with written_whole(path) as temporary:
        torch.save({"format_version": FORMAT_VERSION, **data}, temporary)


def load_checkpoint(path: Path, identity: dict[str, Any]) -> Checkpoint | None:
    """The checkpoint in that file; ``None`` if there is none.

    Args:
        path: what :func:`save_checkpoint` wrote.
        identity: of the training that wants to go on.

    Raises:
        LimnerError: ``WEIGHTS_UNREADABLE`` for a damaged file, ``WEIGHTS_UNSUITABLE`` for another training's.
    """
    if not path.exists():
        return None
    fresh = "Choose another folder, or delete the file to begin again."
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        checkpoint = Checkpoint(**{name: data[name] for name in FIELDS})
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, ValueError, TypeError) as error:
        reason = str(error).split("\n")[0]
        raise LimnerError("WEIGHTS_UNREADABLE", f"{path} is not whole ({reason}).", fresh) from error
    for key, value in identity.items():
        if checkpoint.identity.get(key) != value:
            raise LimnerError(
                "WEIGHTS_UNSUITABLE",
                f"{path} was trained with {key} = {checkpoint.identity.get(key)}, not {value}.",
                fresh,
            )
    return checkpoint
