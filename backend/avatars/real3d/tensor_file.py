"""Tensors into a safetensors file, one after the other, so that no second copy of them all is ever in memory.

Format: 8 bytes little-endian length of the header; the header, JSON of name -> dtype, shape and place, padded with
blanks to a multiple of 8; the tensors without gaps (github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from shared.storage import written_whole

_NAMES = {torch.float32: "F32", torch.int64: "I64"}


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
