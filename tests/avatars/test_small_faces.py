"""A small face in a large picture is measured in more of its pixels before it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.avatars.reconstruct import reconstruct
from backend.capture import references
from backend.capture.references import WORKING_SIDES
from shared.errors import LimnerError


@pytest.mark.parametrize(("width", "sides"), [(1500, [1500]), (2500, [2048, 2500]), (4000, list(WORKING_SIDES))])
def test_more_pixels_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, sides: list[int]) -> None:
    seen = []

    def find(rgb: np.ndarray) -> None:
        seen.append(rgb.shape[1])
        raise LimnerError("FACE_TOO_SMALL", "The face is too small.", "Choose another picture.")

    monkeypatch.setattr(references, "detect_face", find)
    Image.new("RGB", (width, 800)).save(tmp_path / "group.png")
    with pytest.raises(LimnerError, match=r"FACE_TOO_SMALL.*group\.png") as refusal:
        reconstruct([tmp_path / "group.png"])
    assert seen == sides
    assert refusal.value.remedy.startswith("Crop" if width == 4000 else "Choose")
