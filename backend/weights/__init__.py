"""Weights that come with Limner: safetensors of half precision, each with the configuration of its network.

What they were trained on, and what they are good for, says ``MODEL_CARD.md`` beside them. A file may be absent: then
whoever asks for it does without.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from shared.errors import LimnerError
from shared.storage import written_whole

FOLDER = Path(__file__).parent
FORMAT_VERSION = 1
Config = TypeVar("Config")
Network = TypeVar("Network", bound=nn.Module)
_in_use: ContextVar[bool] = ContextVar("whether weights are in use", default=True)


@dataclass(frozen=True, eq=False)
class Weights:
    """A network's weights.

    Args:
        config: of the network, as its configuration's fields.
        training: what is known about how they came about: steps, seeds, held-out measures.
        tensors: the state dict, floating-point tensors in single precision.
        path: where they were read.
    """

    config: Mapping[str, Any]
    training: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    path: Path | None = None

    def restored(self, network: Callable[[Config], Network], sizes: Callable[..., Config]) -> Network:
        """The network of these weights, ready for use.

        Args:
            network: its class.
            sizes: the class of its configuration.

        Raises:
            LimnerError: ``WEIGHTS_UNREADABLE`` where they do not fit together.
        """
        try:
            made = network(sizes(**self.config))
            made.load_state_dict(dict(self.tensors))
        except (TypeError, ValueError, RuntimeError) as error:
            raise _unreadable(self.path, str(error).split("\n")[0]) from error
        return made.eval().requires_grad_(False)


@contextmanager
def without_weights() -> Iterator[None]:
    """Do without them for as long as this lasts, in this thread: for comparing."""
    before = _in_use.set(False)
    try:
        yield
    finally:
        _in_use.reset(before)


def network_in_use(name: str, network: Callable[[Config], Network], sizes: Callable[..., Config]) -> Network | None:
    """The network of the weights of that name, read once a process.

    Args:
        name: of the weights.
        network, sizes: its class and its configuration's, as :meth:`Weights.restored` takes them.

    Returns:
        ``None`` where no usable weights are, which is logged if they are damaged.
    """
    return _read_network(name, network, sizes, FOLDER) if _in_use.get() else None


@lru_cache
def _read_network(
    name: str, network: Callable[[Config], Network], sizes: Callable[..., Config], folder: Path
) -> Network | None:
    try:
        weights = load_weights(name, folder)
        return None if weights is None else weights.restored(network, sizes)
    except LimnerError as refusal:
        logging.getLogger(__name__).warning("%s Limner does without them.", refusal)
        return None


def weights_file(name: str, folder: Path = FOLDER) -> Path:
    """Where the weights of that name are, or would be."""
    return folder / f"{name}.safetensors"


def load_weights(name: str, folder: Path = FOLDER) -> Weights | None:
    """The weights of that name; ``None`` if there are none.

    Raises:
        LimnerError: ``WEIGHTS_UNREADABLE``, ``WEIGHTS_TOO_NEW``.
    """
    path = weights_file(name, folder)
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if int(metadata["format_version"]) > FORMAT_VERSION:
                raise LimnerError("WEIGHTS_TOO_NEW", f"{path} was written by a newer Limner.", "Update Limner.")
            tensors = {key: _single(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
            config, training = json.loads(metadata["config"]), json.loads(metadata["training"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise _unreadable(path, str(error)) from error
    if broken := [key for key, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]:
        raise _unreadable(path, f"{broken[0]} is not finite")
    return Weights(config, training, tensors, path)


def save_weights(weights: Weights, path: Path) -> None:
    """Write weights, in half precision, whole or not at all.

    Raises:
        LimnerError: ``DISK_FULL``, ``OUTPUT_NOT_WRITABLE``.
    """
    tensors = {key: stored(tensor).contiguous().cpu() for key, tensor in weights.tensors.items()}
    metadata = {
        "format_version": str(FORMAT_VERSION),
        "config": json.dumps(dict(weights.config)),
        "training": json.dumps(dict(weights.training)),
    }
    with written_whole(path) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def stored(tensor: Tensor) -> Tensor:
    """A tensor in the precision that it is kept in."""
    return tensor.half() if tensor.is_floating_point() else tensor


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _unreadable(path: Path | None, reason: str) -> LimnerError:
    remedy = "Install Limner again, or delete the file: avatars can do without it."
    return LimnerError("WEIGHTS_UNREADABLE", f"{path} is not whole ({reason}).", remedy)
