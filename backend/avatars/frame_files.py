"""The files of a rendered frame: PNG for colour, 32-bit OpenEXR for depth, each written whole or not at all."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from shared.storage import storage_error, written_whole

# zlib level of the PNGs: 3 takes half the time of 6 and a tenth more room
PNG_COMPRESSION = 3
DIGEST_KEY = "limner-request"
# a private chunk: viewers, Blender's sequencer among them, show text chunks over the picture
DIGEST_CHUNK = b"liMn"
PNG_END = struct.pack(">I4sI", 0, b"IEND", 0xAE426082)


def write_png(path: Path, pixels: np.ndarray, digest: str = "") -> None:
    """Write [H, W, 3 or 4] uint8 sRGB, straight alpha, as PNG with ``digest`` in a chunk of its own.

    Raises:
        LimnerError: ``DISK_FULL`` or ``OUTPUT_NOT_WRITABLE``.
    """
    chunks = PngImagePlugin.PngInfo()
    chunks.add(DIGEST_CHUNK, digest.encode())
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG", compress_level=PNG_COMPRESSION, pnginfo=chunks)
    with written_whole(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def write_depth(path: Path, depth: np.ndarray, digest: str = "") -> None:
    """Write [H, W] float32 metres (``inf`` where nothing is) as the channel ``Z`` of an OpenEXR file.

    Raises:
        LimnerError: ``DISK_FULL`` or ``OUTPUT_NOT_WRITABLE``.
    """
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, DIGEST_KEY: digest}
    with written_whole(path) as temporary:
        try:
            with OpenEXR.File(header, {"Z": np.ascontiguousarray(depth, np.float32)}) as file:
                file.write(str(temporary))
        except RuntimeError as error:  # the library's only kind of error
            raise storage_error(error, path) from error


def is_whole(path: Path, digest: str) -> bool:
    """Whether ``path`` is a finished file of the very frame that ``digest`` names."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    # a renamed file is whole unless the machine itself went down; of a PNG that shows at its end
    return digest.encode() in data[:4096] and (path.suffix != ".png" or data.endswith(PNG_END))
