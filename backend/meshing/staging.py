"""Several files that belong together appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.storage import storage_error, unfinished


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A hidden folder beside ``path``; what is in it at the end moves to ``path``'s folder, the file itself last.

    Raises:
        LimnerError: ``OUTPUT_NOT_WRITABLE`` or ``DISK_FULL``; nothing stays behind then.
    """
    folder: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent))
        unfinished.add(folder)
        yield folder
        for file in sorted(folder.iterdir(), key=lambda file: file.name == path.name):
            os.replace(file, path.parent / file.name)
    except (OSError, RuntimeError) as error:  # OpenUSD's only kind of error is a RuntimeError
        raise storage_error(error, path) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.discard(folder)
