from __future__ import annotations

import pytest

from tests.parity.fixtures import Parity, parity_or_skip


@pytest.fixture(scope="session")
def parity() -> Parity:
    """The published networks' fixtures."""
    return parity_or_skip()
