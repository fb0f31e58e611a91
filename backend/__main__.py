"""``python -m backend`` is the ``limner`` command."""

import os
import signal
import sys
from contextlib import suppress

from shared.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command and end the process with its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):  # while Python loads it, an interruption ends it at once
        signal.signal(number, lambda *_: os._exit(EXIT_INTERRUPTED))
    from backend.allocator import keep_freed_memory
    from backend.cli import main as command

    keep_freed_memory()
    status = command()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):
            stream.flush()
    os._exit(status)  # taking down torch and the graphics would take a second, and there is nothing left to do


if __name__ == "__main__":
    main()
