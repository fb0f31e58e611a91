"""Files are written beside their place and renamed into it, so that none is ever there in part."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import LimnerError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# files and folders being written, for a program that ends at once
unfinished: set[Path] = set()


def storage_error(error: Exception, path: Path) -> LimnerError:
    """What a failed write tells the user: ``DISK_FULL`` or ``OUTPUT_NOT_WRITABLE``."""
    number = getattr(error, "errno", None)
    if number in FULL or any(os.strerror(full) in str(error) for full in FULL):
        return LimnerError(
            "DISK_FULL",
            f"There is no room left to write {path}.",
            "Free some space and try again; with --resume a render goes on where it stopped.",
        )
    reason = os.strerror(number) if number else str(error).strip().split("\n")[0]
    return LimnerError("OUTPUT_NOT_WRITABLE", f"{path} cannot be written ({reason}).", "Choose another place for it.")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``: renamed into it when the block ends well, removed when it does not.

    The name is always the same, so that what a killed process left there goes away with the next attempt.

    Raises:
        LimnerError: ``DISK_FULL`` or ``OUTPUT_NOT_WRITABLE``.
    """
    temporary = path.with_name(f".{path.name}.part")
    unfinished.add(temporary)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
        unfinished.discard(temporary)


def remove_unfinished() -> bool:
    """Take away what is being written; whether it is gone (Windows keeps files that are open)."""
    for path in unfinished:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    return not any(path.exists() for path in unfinished)
