"""One avatar of the astronaut for all tests of a session: making it is what costs time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from backend.avatars.reconstruct import reconstruct
from backend.avatars.zera.avatar import ZeraAvatar
from tests.avatars.stage import Stage
from tests.capture.media import astronaut


@pytest.fixture(scope="session")
def photograph() -> NDArray[np.uint8]:
    """[512, 512, 3] scikit-image's astronaut."""
    return astronaut()


@pytest.fixture(scope="session")
def photograph_file(photograph: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("avatars") / "astronaut.png"
    Image.fromarray(photograph).save(path)
    return path


@pytest.fixture(scope="session")
def made(photograph_file: Path) -> tuple[ZeraAvatar, dict[str, Any], list[tuple[float, str]]]:
    """The avatar, its report, and what it told while it was made."""
    told: list[tuple[float, str]] = []
    avatar, report = reconstruct([photograph_file], progress=lambda fraction, stage: told.append((fraction, stage)))
    assert isinstance(avatar, ZeraAvatar)
    return avatar, report, told


@pytest.fixture(scope="session")
def avatar(made: tuple[ZeraAvatar, dict[str, Any], list[tuple[float, str]]]) -> ZeraAvatar:
    return made[0]


@pytest.fixture(scope="session")
def saved(avatar: ZeraAvatar, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "astronaut.limner"
    avatar.save(path)
    return path


@pytest.fixture(scope="session")
def stage(avatar: ZeraAvatar) -> Stage:
    return Stage(avatar)
