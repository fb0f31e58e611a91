"""In a checkout: the repository's ``shared/`` under the extension's own name, so that relative imports find it.

``installer/addon.py`` puts a copy of ``shared/`` in this place when it builds the extension.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "shared")]
