"""The ``.limner`` file: one zip without compression holding ``avatar.json``, tensors, pictures and a preview."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from backend.avatars.interface import Avatar
from shared.errors import LimnerError
from shared.storage import written_whole

FORMAT_VERSION = 1
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the same avatar makes the same bytes


def choose_device(device: str = "auto") -> torch.device:
    """The torch device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        LimnerError: ``DEVICE_UNAVAILABLE``.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise LimnerError(
            "DEVICE_UNAVAILABLE", "torch sees no CUDA device.", "Use --device cpu, or run `limner doctor`."
        )
    return torch.device(device)


def load_avatar(path: str | os.PathLike[str], device: str = "auto") -> Avatar:
    """Read an avatar of any kind.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``, ``AVATAR_UNREADABLE``, ``AVATAR_TOO_NEW``, ``DEVICE_UNAVAILABLE``.
    """
    chosen = choose_device(device)
    description, tensors, pictures = read_limner(Path(path))
    kind = description.get("kind")
    try:
        if kind == "zera":
            from backend.avatars.zera.avatar import ZeraAvatar

            return ZeraAvatar.from_parts(description, tensors, pictures, chosen)
        if kind == "real3d":
            from backend.avatars.real3d.avatar import Real3DAvatar

            return Real3DAvatar.from_parts(description, tensors, pictures, chosen, Path(path))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise LimnerError(
            "AVATAR_UNREADABLE",
            f"{path} lacks a part or holds one of another form ({error}).",
            "It may come from an older Limner; reconstruct the avatar again.",
        ) from error
    raise LimnerError(
        "AVATAR_TOO_NEW",
        f"{path} holds an avatar of the kind {kind!r}, which this Limner does not know.",
        "Update Limner, or reconstruct the avatar again.",
    )


def write_limner(
    path: Path,
    description: Mapping[str, Any],
    tensors: Mapping[str, NDArray],
    pictures: Mapping[str, NDArray[np.uint8]],
    files: Mapping[str, bytes],
) -> None:
    """Write an avatar beside its place and rename it into it.

    Args:
        path: the ``.limner`` file.
        description: goes to ``avatar.json``; ``format`` is added.
        tensors: goes to ``avatar.safetensors``.
        pictures: each to ``NAME.png``, [H, W], [H, W, 2..4] uint8.
        files: further members, as they are.

    Raises:
        LimnerError: ``OUTPUT_NOT_WRITABLE``, ``DISK_FULL``.
    """
    members = {"avatar.json": json.dumps({"format": FORMAT_VERSION, **description}, indent=1).encode()}
    members["avatar.safetensors"] = save_tensors({k: np.ascontiguousarray(v) for k, v in tensors.items()})
    for name, pixels in pictures.items():
        members[f"{name}.png"] = _png(pixels)
    with (
        written_whole(path) as temporary,
        open(temporary, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, content in {**members, **files}.items():
            archive.writestr(zipfile.ZipInfo(name, _TIMESTAMP), content)


def contents_digest(description: Mapping[str, Any], *arrays: Mapping[str, NDArray]) -> str:
    """SHA-256 of an avatar's parts by their names, in whatever order they are: what it is known by.

    Args:
        description: what JSON can say.
        arrays: tensors and pictures.
    """
    state = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for parts in arrays:
        for name, values in sorted(parts.items()):
            state.update(f"{name} {values.dtype} {values.shape}".encode())
            state.update(np.ascontiguousarray(values).data)
    return state.hexdigest()


def read_limner(path: Path) -> tuple[dict[str, Any], dict[str, NDArray], dict[str, NDArray[np.uint8]]]:
    """Description, tensors and pictures of a ``.limner`` file; see :func:`write_limner`.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``, ``AVATAR_UNREADABLE``, ``AVATAR_TOO_NEW``.
    """
    if not path.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", "Check the path of the avatar.")
    try:
        with zipfile.ZipFile(path) as archive:
            description = json.loads(archive.read("avatar.json"))
            if int(description["format"]) > FORMAT_VERSION:
                raise LimnerError(
                    "AVATAR_TOO_NEW", f"{path} was written by a newer Limner.", "Update Limner to open it."
                )
            tensors = load_tensors(archive.read("avatar.safetensors"))
            pictures = {
                name[:-4]: np.asarray(Image.open(io.BytesIO(archive.read(name))))
                for name in archive.namelist()
                if name.endswith(".png")
            }
            return description, tensors, pictures
    except LimnerError:
        raise
    except Exception as error:  # what reads zips, JSON, tensors and pictures answers damage with any kind of error
        raise LimnerError(
            "AVATAR_UNREADABLE", f"{path} is not a whole .limner file ({error}).", "Reconstruct the avatar again."
        ) from error


def _png(pixels: NDArray[np.uint8]) -> bytes:
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2] if pixels.ndim == 3 else 1]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels), mode).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
