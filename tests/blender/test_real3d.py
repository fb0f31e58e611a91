"""A Real3D-Portrait avatar in real Blenders with the real backend, its weights made by the fixtures' rule."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from tests.blender.conftest import Blender


# in one Blender: the networks take their time, and what differs between Blenders is tested with the stand-in
@pytest.mark.slow
@pytest.mark.parametrize("blender", ["5.2"], indirect=True)
def test_a_real3d_avatar_is_made_and_rendered(blender: Blender, real3d_weights: Path, tmp_path: Path) -> None:
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "astronaut.png")
    installation = tmp_path / "installation.json"
    installation.write_text(json.dumps({"limner": sys.executable}))
    facts = blender.run("real3d.py", tmp_path / "astronaut.png", real3d_weights, tmp_path, timeout=300,
                        LIMNER_INSTALLATION=str(installation))  # fmt: skip
    assert "preferences" in facts["refused"]
    assert len(facts["bfm"]) == 2 and all("BFM_model_front.mat" in refusal for refusal in facts["bfm"])
    assert facts["keys"] == 53 and facts["strip"] == 2
    frames = sorted((tmp_path / "limner" / "astronaut_frames").glob("*.png"))
    assert len(frames) == 2
    with Image.open(frames[0]) as first, Image.open(frames[1]) as second:
        assert first.size == (256, 256) and first.tobytes() != second.tobytes()
