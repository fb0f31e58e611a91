"""Where the official checkpoints' files lie, and what their ``config.yaml`` says.

A published model is a folder with ``config.yaml`` and ``model_ckpt_steps_N.ckpt``; the models that belong together are
neighbours, as in ``240210_real3dportrait_orig/{secc2plane_torso_orig,audio2secc_vae}``. Facts:
``shared/reference/seed_systems.md`` section 1.12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.errors import LimnerError

OFFICIAL = "240210_real3dportrait_orig"
LAYOUT = f"Give the official folder, such as checkpoints/{OFFICIAL}."
_STEPS = re.compile(r"model_ckpt_steps_(\d+)\.ckpt")
_WEIGHTS = {".ckpt", ".pth", ".pt", ".pkl", ".bin", ".safetensors", ".zip", ".tar"}
_LONGEST_CONFIG = 1 << 20  # bytes; the published ones have four thousand


@dataclass(frozen=True)
class ModelFolder:
    """One model's files.

    Args:
        folder: that holds them.
        checkpoint: the file of the most training steps.
    """

    folder: Path
    checkpoint: Path

    @property
    def config(self) -> Path:
        """The model's configuration."""
        return self.folder / "config.yaml"


def model_groups(root: Path) -> list[list[ModelFolder]]:
    """The models found at a path, those that lie in one folder together.

    Args:
        root: one model's folder, the folder of models that belong together, or a folder of such folders.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``, naming what lies there instead.
    """
    if root.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{root} is a file, not a folder.", f"Give its folder. {LAYOUT}")
    if not root.is_dir():
        raise LimnerError("FILE_NOT_FOUND", f"{root} does not exist.", f"Check the path. {LAYOUT}")
    if model := _model(root):
        return [[model]]
    groups = [[model for child in _folders(parent) if (model := _model(child))] for parent in (root, *_folders(root))]
    if found := [group for group in groups if group]:
        return found
    others = [path.name for path in _listed(root) if path.suffix in _WEIGHTS]
    there = f"; what lies there is {', '.join(others[:3])}" if others else ""
    unzip = "Unzip it first. " if any(name.endswith(".zip") for name in others) else ""
    raise LimnerError("FILE_NOT_FOUND", f"{root} holds no model_ckpt_steps_N.ckpt{there}.", f"{unzip}{LAYOUT}")


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # a neighbour that is closed to us has nothing to say
        return []


def _folders(parent: Path) -> list[Path]:
    return [path for path in _listed(parent) if path.is_dir()]


def _model(folder: Path) -> ModelFolder | None:
    steps = {int(found[1]): path for path in _listed(folder) if (found := _STEPS.fullmatch(path.name))}
    return ModelFolder(folder, steps[max(steps)]) if steps else None


def read_config(path: Path) -> dict[str, Any]:
    """A model's configuration, over those that it is based on, as far as they are there.

    The published files hold every value themselves and name bases that were never published.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``; ``WEIGHTS_UNREADABLE`` where it is no plain YAML mapping.
    """
    if not path.is_file():
        raise LimnerError(
            "FILE_NOT_FOUND",
            f"{path} does not exist: without it nobody knows how the network is built.",
            "Put the config.yaml that was published with the checkpoint beside it.",
        )
    return _with_bases(path, set())


def _with_bases(path: Path, read: set[Path]) -> dict[str, Any]:
    read.add(path.resolve())
    own = _mapping(path)
    bases = own.pop("base_config", None) or []
    merged: dict[str, Any] = {}
    for base in bases if isinstance(bases, list) else [bases]:
        # from the file where it starts with a dot, else from the folder of the whole project
        roots = (path.parent,) if str(base).startswith(".") else path.resolve().parents
        there = next((root / str(base) for root in roots if (root / str(base)).is_file()), None)
        if there and there.resolve() not in read:
            _override(merged, _with_bases(there, read))
    _override(merged, own)
    return merged


def _override(values: dict[str, Any], by: Mapping[str, Any]) -> None:
    for name, value in by.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict):
            _override(values[name], value)
        else:
            values[name] = value


def _mapping(path: Path) -> dict[str, Any]:
    remedy = "Put the config.yaml that was published with the checkpoint in its place."
    try:
        with open(path, "rb") as file:
            text = file.read(_LONGEST_CONFIG + 1)
        if len(text) > _LONGEST_CONFIG:
            raise ValueError("it is too long")
        values = yaml.safe_load(text)  # builds nothing but plain values
        if not isinstance(values, dict):
            raise ValueError("it names no values")
    except OSError as error:
        raise LimnerError("WEIGHTS_UNREADABLE", f"{path} cannot be read ({error.strerror}).", remedy) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise LimnerError("WEIGHTS_UNREADABLE", f"{path} is no configuration ({reason}).", remedy) from error
    return {str(name): value for name, value in values.items()}
