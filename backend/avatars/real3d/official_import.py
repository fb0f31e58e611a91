"""Official Real3D-Portrait checkpoints, checked and written once into the file of ``checkpoint.py``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from shared.errors import LimnerError
from shared.progress import Progress, part, silent

from .checkpoint import FORMAT, FORMAT_VERSION, PREFIXES, SETTINGS, Source, expected_tensors
from .official_files import ModelFolder, model_groups, read_config
from .official_settings import settings_of
from .state_keys import PICTURE, SPEECH, check_state, foreign, whose
from .tensor_file import in_order, write_tensors
from .training_checkpoint import AGAIN, damaged_part, model_state, read_checkpoint


@dataclass(frozen=True, eq=False)
class _Model:
    """A model that was read: what it is, and its tensors if they are wanted."""

    files: ModelFolder
    what: str | None
    state: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Group:
    """Models that lie in one folder together, and the first refusal of one that could not be read."""

    models: list[_Model]
    refusal: LimnerError | None

    def all(self, what: str) -> list[_Model]:
        return [model for model in self.models if model.what == what]


def import_real3d(root: Path, output: Path, progress: Progress = silent) -> dict[str, int]:
    """Convert the official checkpoints.

    Args:
        root: the official folder, the folder above it, or one model's folder.
        output: the file to write.
        progress: told how far it is; may raise ``Cancelled``.

    Returns:
        How many tensors of each model were imported, by the model's published name.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``; ``WEIGHTS_UNREADABLE`` for damaged files and those that want something run;
            ``WEIGHTS_UNSUITABLE`` for other models, values that are not supported, tensors that are missing, unexpected
            or mis-shaped; ``WRONG_USE`` where it is not clear which model is meant; ``DISK_FULL``,
            ``OUTPUT_NOT_WRITABLE``.
    """
    progress(0.0, "reading the checkpoints")
    models = _wanted(root)
    settings: dict[str, dict[str, Any]] = {}
    forms: dict[str, Tensor] = {}
    for name, model in models.items():
        settings[name] = settings_of(read_config(model.files.config), SETTINGS[name], model.files.config)
        expected = expected_tensors(name, settings[name])
        check_state(model.state, expected, model.files.checkpoint)
        forms |= {PREFIXES[name] + key: form for key, form in expected.items()}
    share = 0.6 / len(models)
    sources = [
        _source(model.files, part(progress, place * share, (place + 1) * share))
        for place, model in enumerate(models.values())
    ]
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "settings": json.dumps(settings),
        "sources": json.dumps([vars(source) for source in sources]),
    }
    counts = {name: len(model.state) for name, model in models.items()}
    write_tensors(output, forms, _contents(models, forms, part(progress, 0.6, 1.0)), metadata)
    return counts


def _wanted(root: Path) -> dict[str, _Model]:
    """The network that makes pictures and, where it lies beside it, the one of speech."""
    groups = [_read(group) for group in model_groups(root)]
    pictures = [model for group in groups for model in group.all(PICTURE)]
    if not pictures:
        if refusal := next((group.refusal for group in groups if group.refusal), None):
            raise refusal
        found = sorted((model for group in groups for model in group.models), key=lambda model: model.what is None)
        raise foreign(found[0].files.checkpoint, found[0].what)
    group = next(group for group in groups if group.all(PICTURE))
    if group.refusal:
        raise group.refusal
    for candidates in (pictures, group.all(SPEECH)):
        if len(candidates) > 1:
            several = ", ".join(str(model.files.folder) for model in candidates)
            raise LimnerError(
                "WRONG_USE", f"{root} holds several models of one kind: {several}.", "Give the folder of one of them."
            )
    return {name: group.all(name)[0] for name in PREFIXES if group.all(name)}


def _read(group: list[ModelFolder]) -> _Group:
    models, refusal = [], None
    for files in group:
        try:
            state = model_state(read_checkpoint(files.checkpoint))
        except LimnerError as error:
            refusal = refusal or error
            continue
        what = whose(state)
        models.append(_Model(files, what, state if what in PREFIXES else {}))
    return _Group(models, refusal)


def _source(files: ModelFolder, progress: Progress) -> Source:
    path = files.checkpoint
    if damaged := damaged_part(path, part(progress, 0.0, 0.5)):
        raise LimnerError("WEIGHTS_UNREADABLE", f"{path} is damaged: the sum of its part {damaged} is wrong.", AGAIN)
    digest, done, size = hashlib.sha256(), 0, path.stat().st_size
    with open(path, "rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
            done += len(piece)
            progress(0.5 + 0.5 * done / size, "checking the files")
    return Source(f"{files.folder.name}/{path.name}", digest.hexdigest())


def _contents(
    models: Mapping[str, _Model], forms: Mapping[str, Tensor], progress: Progress
) -> Iterator[tuple[str, Tensor]]:
    whole, done = sum(form.numel() for form in forms.values()), 0
    origins = {PREFIXES[name] + key: (model, key) for name, model in models.items() for key in model.state}
    for name in in_order(forms):
        model, key = origins[name]
        tensor = model.state.pop(key).detach().to(forms[name].dtype)  # gone from there, so that memory gets free
        if not np.isfinite(tensor.numpy()).all():
            raise LimnerError(
                "WEIGHTS_UNREADABLE", f"{model.files.checkpoint} holds values in {key} that are no numbers.", AGAIN
            )
        yield name, tensor
        done += tensor.numel()
        progress(done / whole, "writing the tensors")
