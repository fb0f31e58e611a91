"""``limner animate`` with a video: the face is followed, and what cannot be followed is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.avatars.video import FilmWriter
from backend.capture.correspondence import shaded_view
from backend.head.model import head_model
from shared.arkit import ARKIT_INDEX
from shared.motion import MotionClip
from tests.motion.sounds import video

from .test_command import limner


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of a painted head whose mouth opens, then four of nobody."""
    path = tmp_path_factory.mktemp("film") / "head.mp4"
    model, coefficients = head_model(), np.zeros(52)
    with FilmWriter(path, 256, 256, 20.0) as writer:
        for index in range(12):
            coefficients[ARKIT_INDEX["jawOpen"]] = 0.06 * index
            picture, _ = shaded_view(model, model.expressed(model.mean, coefficients), np.zeros(3), 256)
            writer.write(picture if index < 8 else np.full_like(picture, 90))
    return path


def test_a_video_becomes_the_motion_of_its_face(film: Path, tmp_path: Path) -> None:
    done = limner("animate", film, "-o", "clip.npz", "--fps", "10", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 frames at 10 fps" in done.stdout and "show no face" in done.stderr
    clip = MotionClip.load(tmp_path / "clip.npz")
    jaw = clip.coefficients[:, ARKIT_INDEX["jawOpen"]]
    assert jaw[0] < 0.1 and jaw[3] > jaw[0] + 0.15


def test_what_cannot_be_followed_is_refused(film: Path, tmp_path: Path) -> None:
    done = limner("animate", video(tmp_path / "grey.mp4", None), "-o", "clip.npz", cwd=tmp_path)
    assert done.returncode == 3 and "FACE_NOT_FOUND" in done.stderr
    done = limner("animate", film, "-o", "clip.npz", "--avatar", "missing.limner", cwd=tmp_path)
    assert done.returncode == 3 and "FILE_NOT_FOUND" in done.stderr
    assert not (tmp_path / "clip.npz").exists()
