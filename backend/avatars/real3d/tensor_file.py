"""Tensors in a safetensors file: written one after the other, so that no second copy of them all is ever in memory,
and read where they lie, so that they take memory only while they are used.

Format: 8 bytes little-endian length of the header; the header, JSON of name -> dtype, shape and place, padded with
blanks to a multiple of 8; the tensors without gaps (github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shared.storage import written_whole

_NAMES = {torch.float32: "F32", torch.int64: "I64"}
_TYPES = {name: dtype for dtype, name in _NAMES.items()}


@dataclass(frozen=True, eq=False)
class MappedTensors:
    """Tensors of a file that is mapped into memory, private to whoever writes to them.

    Args:
        metadata: of the header.
        tensors: by name.
        mapping: the file.
    """

    metadata: dict[str, Any]
    tensors: dict[str, Tensor]
    mapping: mmap.mmap

    def leave_memory(self) -> None:
        """What reading has brought into memory goes, and comes again from the file where it is read again.

        Only for tensors that nobody has written to. Without effect where the system has no such call.
        """
        if hasattr(self.mapping, "madvise"):
            self.mapping.madvise(mmap.MADV_DONTNEED)


def map_tensors(path: Path) -> MappedTensors:
    """Map a file that :func:`write_tensors` wrote.

    Raises:
        OSError: where it cannot be read.
        ValueError, KeyError, TypeError: where it is another kind of file, or not whole.
    """
    with open(path, "rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    begin = 8 + int.from_bytes(mapping[:8], "little")
    header = json.loads(mapping[8:begin])
    if not isinstance(header, dict):
        raise ValueError("it has no header")
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        dtype, shape = _TYPES[entry["dtype"]], entry["shape"]
        start, end = (begin + place for place in entry["data_offsets"])
        if not begin <= start < end <= len(mapping) or end - start != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} is not where it should be")
        tensors[name] = torch.frombuffer(mapping, dtype=dtype, count=math.prod(shape), offset=start).view(shape)
    return MappedTensors(metadata, tensors, mapping)


def write_tensors(
    path: Path, forms: Mapping[str, Tensor], tensors: Iterator[tuple[str, Tensor]], metadata: Mapping[str, str]
) -> None:
    """Write tensors as they come.

    Args:
        path: written beside its place and renamed into it.
        forms: float32 and int64 tensors whose shapes and types the file will have, on whatever device, by name.
        tensors: the contents, in the order of :func:`in_order`, of the forms' shapes, on the CPU.
        metadata: goes into the header.

    Raises:
        LimnerError: ``DISK_FULL``, ``OUTPUT_NOT_WRITABLE``; and what ``tensors`` raises.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name in in_order(forms):
        form, start = forms[name], end
        end += form.numel() * form.element_size()
        header[name] = {"dtype": _NAMES[form.dtype], "shape": list(form.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, tensor in tensors:
            file.write(tensor.to(forms[name].dtype).contiguous().reshape(-1).view(torch.uint8).numpy().data)


def in_order(forms: Mapping[str, Tensor]) -> list[str]:
    """The names in the file's order: wide elements first, so that each lies at a multiple of its size."""
    return sorted(forms, key=lambda name: -forms[name].element_size())
