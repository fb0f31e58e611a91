"""The main job in real Blenders with the real backend, on scikit-image's astronaut and the demo's speech."""

import json
import sys
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from installer.addon import ROOT
from tests.blender.conftest import Blender

SPEECH = ROOT / "installer" / "media" / "speech.flac"


@pytest.mark.slow
def test_the_astronaut_speaks(blender: Blender, tmp_path: Path) -> None:
    from skimage import data

    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    installation = tmp_path / "installation.json"
    installation.write_text(json.dumps({"limner": sys.executable}))
    facts = blender.run("real.py", tmp_path / "astronaut.png", SPEECH, tmp_path, timeout=400,
                        LIMNER_INSTALLATION=str(installation))  # fmt: skip
    print(facts)
    with av.open(str(SPEECH)) as sound:
        assert sound.duration is not None
        assert facts["length"] == pytest.approx(sound.duration / av.time_base * 25, abs=2)
    assert facts["moving"] > 20 and facts["vertices"] > 1000
    assert facts["strips"] == {"IMAGE": 3, "SOUND": 0}
    # the photograph's own expression from the photograph's own camera is the photograph
    with Image.open(tmp_path / "still.png") as still:
        rendered = np.asarray(still.convert("RGB"), float)
    error = np.mean((rendered - data.astronaut()) ** 2)
    assert 10 * np.log10(255**2 / error) > 26
    with zipfile.ZipFile(tmp_path / "limner" / "astronaut.limner") as archive:
        assert archive.testzip() is None
