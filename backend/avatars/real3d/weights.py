"""The imported weights that a portrait is drawn with, and where to find them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from backend.avatars.real3d.checkpoint import Real3DWeights, load_real3d
from backend.avatars.real3d.network import Real3DConfig, Real3DNetwork
from backend.networks.skeleton import skeleton
from shared.errors import LimnerError


@dataclass(frozen=True)
class PortraitWeights:
    """A file that ``limner import-real3d`` wrote.

    Args:
        path: where it is.
    """

    path: Path

    @cached_property
    def loaded(self) -> Real3DWeights:
        """The tensors, which stay in the file until they are used."""
        return load_real3d(self.path)

    @property
    def config(self) -> Real3DConfig:
        """Of the network."""
        return self.loaded.config

    @contextmanager
    def network(self, device: torch.device) -> Iterator[Real3DNetwork]:
        """The networks, to be laid out for the device: on a CPU their tensors are the file's, mapped into memory.

        What has been read of the file leaves memory at the end of the context. What goes on using the networks can.
        """
        with skeleton():
            network = Real3DNetwork(self.config)
        network.load_state_dict(self.loaded.network, assign=True)
        try:
            yield network.eval().requires_grad_(False).to(device)
        finally:
            self.loaded.mapped.leave_memory()

    @property
    def fingerprint(self) -> str:
        """Of the checkpoints and their configuration, as the file's header tells them: its tensors are not read."""
        return f"{self.config} {[source.sha256 for source in self.loaded.sources]}"

    def to_json(self) -> dict[str, Any]:
        """The file's place, and by what it is known again."""
        return {"path": str(self.path.absolute()), "sources": [source.sha256 for source in self.loaded.sources]}

    @classmethod
    def found(cls, description: Mapping[str, Any], beside: Path) -> PortraitWeights:
        """The file that :meth:`to_json` describes, where it was or beside the avatar.

        Args:
            description: from the avatar.
            beside: the avatar's file.

        Raises:
            LimnerError: ``FILE_NOT_FOUND``, ``WEIGHTS_UNSUITABLE`` for another checkpoint's, and what reading raises.
        """
        place = Path(description["path"])
        for path in (place, beside.parent / place.name):
            if path.is_file():
                weights = cls(path)
                if [source.sha256 for source in weights.loaded.sources] != description["sources"]:
                    raise LimnerError(
                        "WEIGHTS_UNSUITABLE",
                        f"{path} holds other weights than {beside.name} was made with.",
                        "Put the old file back, or reconstruct the avatar again.",
                    )
                return weights
        raise LimnerError(
            "FILE_NOT_FOUND",
            f"The Real3D-Portrait weights of {beside.name} are neither at {place} nor beside it.",
            "Put the file that limner import-real3d wrote there, or reconstruct the avatar again.",
        )
