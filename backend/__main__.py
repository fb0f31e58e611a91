"""``python -m backend`` is the ``limner`` command."""

import os
import signal
import sys

from shared.errors import EXIT_INTERRUPTED


def main() -> int:
    """Run the command; an interruption while Python loads it ends it at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(EXIT_INTERRUPTED))
    from backend.cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
