from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parity.fixtures import parity_or_skip
from tests.parity.synthetic_checkpoint import write_synthetic

ROOT = Path(__file__).parents[1]
IMPORT = """
import sys
import torch
from backend.cli import main
from backend.evaluation.measurements import memory_peak
before = memory_peak()
status = main(["import-real3d", *sys.argv[1:]])
print(memory_peak() - before)
sys.exit(status)
"""


@dataclass(frozen=True)
class PublishedImport:
    """What ``limner import-real3d`` made of checkpoints in the official layout, and what that took.

    Args:
        weights: the imported file.
        said: on standard output.
        size: of the checkpoints in MiB.
        peak: memory beyond that of the program itself in MiB.
    """

    weights: Path
    said: str
    size: float
    peak: float


@pytest.fixture(scope="session")
def published_import(tmp_path_factory: pytest.TempPathFactory) -> PublishedImport:
    """The published networks with parameters made by the fixtures' rule, imported from the official layout."""
    official, weights = tmp_path_factory.mktemp("official"), tmp_path_factory.mktemp("real3d") / "real3d.safetensors"
    write_synthetic(official, parity_or_skip())
    size = sum(path.stat().st_size for path in official.rglob("*.ckpt")) / 2**20
    command = [sys.executable, "-c", IMPORT, str(official), "-o", str(weights)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(official)
    said, peak = done.stdout.splitlines()
    return PublishedImport(weights, said, size, float(peak))


@pytest.fixture(scope="session")
def real3d_weights(published_import: PublishedImport) -> Path:
    """The imported file alone."""
    return published_import.weights
