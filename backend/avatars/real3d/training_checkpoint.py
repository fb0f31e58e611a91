"""A training checkpoint's tensors, read without running anything that is pickled in it.

Checkpoints are pickles: programs, which Python's own reader would run. torch's reader of weights knows a short list of
functions that make tensors and refuses every other name.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor
from torch.serialization import MAGIC_NUMBER, safe_globals

from shared.errors import LimnerError
from shared.progress import Progress

COMPILED = "_orig_mod."  # what torch.compile puts into names
AGAIN = "Download it again from the project's page."


class _LeftOut:
    """Stands for a number of numpy's, such as the best validation score: made of anything, it keeps nothing."""

    def __init__(self, *parts: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


_OLD_FORMAT = pickle.dumps(MAGIC_NUMBER, 2)  # what torch wrote before it wrote archives, as the published trainer does
_NUMPY_NUMBERS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
_HARMLESS = re.compile(
    r"torch\..*|collections\.OrderedDict|_codecs\.encode|" + "|".join(map(re.escape, _NUMPY_NUMBERS))
)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Everything in a checkpoint; its tensors lie in the file, mapped into memory, where its format allows.

    Raises:
        LimnerError: ``WEIGHTS_UNREADABLE`` for whatever is no whole checkpoint, or wants something run.
    """
    try:
        mapped = zipfile.is_zipfile(path)
        with warnings.catch_warnings(), safe_globals([(_LeftOut, name) for name in _NUMPY_NUMBERS]):
            warnings.simplefilter("ignore")
            checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except MemoryError:
        raise
    except Exception as error:  # what reads pickles answers damage with any kind of error
        raise _refusal(path, error) from error
    if not isinstance(checkpoint, dict):
        raise _unreadable(path, f"holds no checkpoint but a {type(checkpoint).__name__}")
    return checkpoint


def model_state(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The model's tensors by name.

    Both of the trainer's layouts are known, ``state_dict.model`` with the names and ``state_dict`` with ``model.``
    before them, as are tensors without a checkpoint around them. Discriminators and optimisers stay behind.
    """
    state = checkpoint.get("state_dict")
    state = state if isinstance(state, dict) else checkpoint
    model = state.get("model")
    if not isinstance(model, dict):
        flat = {name.removeprefix("model."): value for name, value in _named(state) if name.startswith("model.")}
        model = flat or state
    stripped: dict[str, Any] = {}
    for name, value in _named(model):
        plain = name.replace(COMPILED, "")
        stripped[name if plain in stripped else plain] = value  # a second one shows as a name that does not belong
    return stripped


def _named(values: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    return ((str(name), value) for name, value in values.items())


def shown(name: str) -> str:
    """A name out of a file as a terminal may be given it."""
    return ascii(name)[1:-1][:120]


def is_plain(value: object) -> bool:
    """Whether something is an ordinary tensor in memory."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def _unreadable(path: Path, what: str, remedy: str = AGAIN) -> LimnerError:
    return LimnerError("WEIGHTS_UNREADABLE", f"{path} {what}.", remedy)


def _refusal(path: Path, error: Exception) -> LimnerError:
    """What a file that cannot be read is, from its first bytes and the reader's complaint."""
    if isinstance(error, OSError) and error.errno:
        return _unreadable(path, f"cannot be read ({error.strerror})", "Check the file and its permissions.")
    with open(path, "rb") as file:
        start = file.read(200)
    if not start:
        return _unreadable(path, "is empty")
    if start.lstrip()[:1] == b"<":
        return _unreadable(path, "is a web page that was saved instead of the checkpoint")
    if start.startswith(b"version https://git-lfs"):
        return _unreadable(path, "only points to the checkpoint (Git LFS)", "Fetch the file itself: git lfs pull.")
    if isinstance(error, pickle.UnpicklingError) and (named := refused_names(path)):
        return _unreadable(
            path,
            f"asks for {', '.join(map(shown, named[:3]))} while it is read; nothing was run",
            "Checkpoints of tensors need nothing of the kind: do not trust this file, and download the published one.",
        )
    if start.startswith(b"PK"):
        whole = zipfile.is_zipfile(path)
        return _unreadable(path, "is an archive of something else" if whole else "is cut off: its end is missing")
    if start.startswith(_OLD_FORMAT):
        return _unreadable(path, "is cut off or damaged")
    return _unreadable(path, f"is no checkpoint ({type(error).__name__})")


def refused_names(path: Path) -> list[str]:
    """Functions and classes that a checkpoint's pickle names and that have no place in one; nothing is run for this."""
    names: dict[str, None] = {}
    with suppress(Exception):  # a scan of damaged bytes may end in any kind of error; what it saw until then counts
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                inside = next(name for name in archive.namelist() if name.endswith("data.pkl"))
                with archive.open(inside) as file:
                    for name in _names(file):
                        names[name] = None
        else:
            with open(path, "rb") as file:
                for _ in range(4):  # the old format: two numbers, the machine, the checkpoint
                    for name in _names(file):
                        names[name] = None
    return [name for name in names if not _HARMLESS.fullmatch(name)]


def _names(file: IO[bytes]) -> Iterator[str]:
    texts: list[str] = []
    for code, argument, _ in pickletools.genops(file):
        if code.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".")
        elif code.name == "STACK_GLOBAL":
            yield ".".join(texts[-2:])
        elif isinstance(argument, str):
            texts.append(argument)


def damaged_part(path: Path, progress: Progress) -> str | None:
    """The first part of a checkpoint's archive whose sum is wrong; ``None`` for none, or a format without sums."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        whole, done = sum(part.file_size for part in parts) or 1, 0
        for part in parts:
            try:
                if part.compress_type != zipfile.ZIP_STORED:  # torch maps tensors where they lie
                    return part.filename
                with archive.open(part) as file:
                    while piece := file.read(1 << 20):
                        done += len(piece)
                        progress(min(1.0, done / whole), "checking the files")
            except (zipfile.BadZipFile, EOFError):
                return part.filename
    return None
