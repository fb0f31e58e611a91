"""The scoring of re-enacted films, with pictures and landmarks whose differences are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.capture.face_track import FaceTrack
from backend.evaluation import metrics, reenactment
from backend.evaluation.reenactment_score import FilmScore, likeness, table, write_report
from shared.errors import LimnerError

from .test_metrics import face

RANDOM = np.random.default_rng(0)
TRUTH = [RANDOM.integers(20, 235, (200, 160, 3)).astype(np.uint8) for _ in range(5)]


def speaking(*apertures: float) -> list[np.ndarray]:
    found = []
    for aperture in apertures:
        points = face()
        points[metrics.LIP_LOWER, 1] += 40 * aperture
        found.append(points)
    return found


def test_what_is_nearer_scores_better() -> None:
    spoken = speaking(0, 0.5, 1, 0.2, 0.7)
    shown = [picture + 4 for picture in TRUTH]
    still = [TRUTH[0]] * 5
    good = likeness(TRUTH, spoken, shown, speaking(0, 0.4, 0.9, 0.2, 0.6))
    poor = likeness(TRUTH, spoken, still, [face()] * 5)
    assert good.psnr == pytest.approx(20 * np.log10(255 / 4)) == good.face_psnr
    assert good.ssim > 0.95 > poor.ssim and poor.landmarks is not None and good.landmarks is not None
    assert good.landmarks < 0.5 * poor.landmarks and good.lips is not None and good.lips > 0.98
    assert poor.lips is None and poor.lids is None and good.lost == poor.lost == 0


def test_pictures_without_a_face_are_counted_and_not_measured() -> None:
    truth = [face(), None, face(), face(), face()]
    shown = [face(), face(), None, face(), face()]
    found = likeness(TRUTH, truth, TRUTH, shown)
    assert found.lost == 1 and found.landmarks == 0
    none = likeness(TRUTH, [None] * 5, TRUTH, shown)
    assert none.face_psnr is none.landmarks is none.lips is None and none.lost == 0


def test_report_holds_films_and_refusals(tmp_path: Path) -> None:
    spoken = speaking(0, 0.5, 1, 0.2, 0.7)
    shown = likeness(TRUTH, spoken, [picture + 4 for picture in TRUTH], spoken)
    scores = [FilmScore("a.mp4", None, 0.2, 5, 0, {"avatar": shown}), FilmScore("b.mp4", "FACE_NOT_FOUND: No face.")]
    write_report(scores, tmp_path)
    rows = json.loads((tmp_path / "reenactment.json").read_text())
    assert rows[0]["likeness"]["avatar"]["psnr"] == shown.psnr and rows[1]["error"] == "FACE_NOT_FOUND: No face."
    lines = table(scores).splitlines()
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1


def test_the_reference_has_open_eyes() -> None:
    points = np.stack([face()] * 60)
    for index in range(3):
        for side in ("left", "right"):
            for upper, _ in metrics.EYE_LIDS[side]:
                points[index, upper, 1] += 6
    track = FaceTrack(np.arange(60) / 25, points, (), (160, 200))
    assert reenactment.reference_index(track) == 3
    points[:30] = points[0]
    assert reenactment.reference_index(track) == 0, "not a second later"
    points[:4] = np.nan
    assert reenactment.reference_index(track) == 4


def test_samples_are_half_a_second_apart() -> None:
    times = np.arange(100) / 25
    assert np.allclose(np.diff(times[reenactment.sampled(times)]), 0.5, atol=0.05)
    assert len(reenactment.sampled(times)) == 8


def test_no_films_are_refused(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "missing.mp4"):
        with pytest.raises(LimnerError, match="FILE_NOT_FOUND"):
            reenactment.evaluate_reenactment([source], tmp_path / "out")
