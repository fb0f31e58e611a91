"""``python -m backend`` is the ``limner`` command."""

import sys

from backend.cli import main

sys.exit(main())
