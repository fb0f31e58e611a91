from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_command import limner
from tests.parity.fixtures import parity_or_skip
from tests.parity.synthetic_checkpoint import write_synthetic


@pytest.fixture(scope="session")
def real3d_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published networks with parameters made by the fixtures' rule, imported from the official layout."""
    folder = tmp_path_factory.mktemp("real3d")
    write_synthetic(folder / "official", parity_or_skip())
    done = limner("import-real3d", "official", "-o", "real3d.safetensors", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "real3d.safetensors"
