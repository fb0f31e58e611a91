"""The scoring of portraits, with an avatar and a measuring instrument whose faults are known."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from backend.avatars import reconstruct
from backend.avatars.interface import Frame, FrameRequest
from backend.capture.detection import FaceLandmarks
from backend.capture.fit import HeadFit
from backend.evaluation import metrics, portraits
from backend.evaluation.portrait_score import TURNS, PortraitScore, table, write_report
from shared.arkit import ARKIT_INDEX
from shared.errors import Cancelled, LimnerError

from .test_metrics import face

PHOTOGRAPH = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)
POSE = Rotation.from_euler("xyz", (0.1, 0.0, -0.2))


class PaperAvatar:
    """Renders its photograph with an error of 4 everywhere, 8 outside the person, and a hole when turned left."""

    coefficients = np.full(52, 0.1, np.float32)
    request = FrameRequest()

    def render(self, request: FrameRequest) -> Frame:
        self.request = request
        rgba = np.full((96, 128, 4), 255, np.uint8)
        rgba[..., :3] = np.where(PHOTOGRAPH < 128, PHOTOGRAPH + 4, PHOTOGRAPH - 4)
        rgba[:, :64, :3] = np.where(PHOTOGRAPH < 128, PHOTOGRAPH + 8, PHOTOGRAPH - 8)[:, :64]
        depth = np.full((96, 128), np.inf, np.float32)
        depth[20:80, 70:120] = 1
        if request.rotation[2] > 0.4:
            depth[40:43, 90:94] = np.inf
        return Frame(rgba, depth)


@pytest.fixture
def avatar(monkeypatch: pytest.MonkeyPatch) -> PaperAvatar:
    made = PaperAvatar()

    def pose(turn: Rotation) -> np.ndarray:
        matrix = np.eye(4)
        matrix[:3, :3] = (POSE * turn).as_matrix()
        return matrix

    def fitted(faces: list[FaceLandmarks], sizes: list[tuple[int, int]]) -> list[HeadFit]:
        assert len(faces) == 1 and sizes == [(128, 96)]
        return [cast(HeadFit, SimpleNamespace(head_to_world=pose(Rotation.identity())))]

    def fitted_again(head: HeadFit, face: FaceLandmarks) -> np.ndarray:
        asked = np.array(made.request.rotation, float)
        return pose(Rotation.from_euler("xyz", asked * 1.1))  # turns measure a tenth too far

    def found(rgb: np.ndarray) -> FaceLandmarks | None:
        if made.request.rotation[2] < -0.5:
            return None
        values: Any = np.zeros(52) if made.request.coefficients is None else made.request.coefficients
        points = face()
        points[metrics.LIP_LOWER, 1] += 60 * min(values[ARKIT_INDEX["jawOpen"]], 0.45)  # the jaw sticks
        for side in ("left", "right"):
            closed = values[ARKIT_INDEX[f"eyeBlink{side.title()}"]] * (0.8 if side == "left" else 0.5)
            for upper, lower in metrics.EYE_LIDS[side]:
                points[upper, 1] += 9 * closed
                assert points[lower, 1] == 104.5
            smile = values[ARKIT_INDEX[f"mouthSmile{side.title()}"]]
            points[metrics.MOUTH_CORNERS[side], 1] -= smile * (6 if side == "left" else 3)
        side_px = 100.0 if made.request.size == 512 else 165.0
        return FaceLandmarks(points, (60, 80, 145, 172), 1.0, side_px, 0.0)

    monkeypatch.setattr(portraits, "fit_heads", fitted)
    monkeypatch.setattr(portraits, "fit_pose", fitted_again)
    monkeypatch.setattr(portraits, "_face", found)
    return made


def test_every_fault_is_found(avatar: PaperAvatar, tmp_path: Path) -> None:
    mask = np.zeros((96, 128), np.float32)
    mask[:, 64:] = 1
    fractions: list[float] = []
    score = portraits.score_avatar(
        avatar,  # type: ignore[arg-type]
        PHOTOGRAPH,
        mask,
        "paper.png",
        tmp_path / "sheet.png",
        progress=lambda fraction, stage: fractions.append(fraction),
    )
    assert score.person_psnr == pytest.approx(20 * np.log10(255 / 4))
    assert score.frame_psnr == pytest.approx(10 * np.log10(255**2 / 40))
    assert score.turn_errors["yaw -30"] is None
    assert score.turn_errors["yaw 15"] == pytest.approx(1.5, abs=1e-4)
    assert score.turn_errors["yaw 30"] == pytest.approx(3.0, abs=1e-4)
    assert score.turn_errors["pitch -10"] == pytest.approx(1.0, abs=1e-4)
    assert score.rotation_errors["yaw 30"] == pytest.approx(3.0, abs=1e-4)
    assert score.hole_pixels == 12
    assert score.apertures[:3] == pytest.approx([0.2, 0.3, 0.4]) and not score.jaw_monotonic
    assert score.blink_ratios["left"] == pytest.approx(0.2, abs=1e-4)
    assert score.blink_ratios["right"] == pytest.approx(0.5, abs=1e-4)
    assert score.symmetry["smile"] == pytest.approx(0.5, abs=0.03)
    assert score.failures == ["yaw -30", "jaw", "blink right"]
    assert avatar.request.size == 819, "a small face is rendered larger"
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert Image.open(tmp_path / "sheet.png").width == 7 * 256


def test_turns_beyond_the_landmarks_miss_nothing_but_are_told() -> None:
    errors: dict[str, float | None] = {**dict.fromkeys(TURNS, 1.0), "yaw -30": None, "yaw 30": None}
    score = PortraitScore("a.jpg", turn_errors=errors, off_axis={"yaw -30": 66.4})
    assert "yaw -30" not in score.failures and "yaw 30" in score.failures
    assert "- (66°)" in table([score]) and "beyond the 60" in table([score])


def test_report_holds_scores_and_refusals(tmp_path: Path) -> None:
    good = PortraitScore("a.jpg", None, 4.2, 31.0, 27.5, 0.95, dict.fromkeys(TURNS, 1.0), {}, 0, [0.1, 0.2],
                         {"left": 0.1, "right": 0.2})  # fmt: skip
    refused = PortraitScore("dog.jpg", error="FACE_NOT_FOUND: No face.")
    write_report([good, refused], tmp_path)
    rows = json.loads((tmp_path / "portraits.json").read_text())
    assert rows[0]["failures"] == [] and rows[0]["jaw_monotonic"] and rows[1]["failures"] == [refused.error]
    lines = table([good, refused]).splitlines()
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1
    assert "| none |" in lines[2] and "FACE_NOT_FOUND" in lines[3]


def test_avatars_of_the_published_networks_are_compared_with_their_crop(
    avatar: PaperAvatar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, weights = tmp_path / "in", tmp_path / "weights.safetensors"
    folder.mkdir()
    Image.fromarray(np.zeros((300, 200, 3), np.uint8)).save(folder / "paper.png")
    made = vars(avatar)
    made |= {"kind": "real3d", "portrait": SimpleNamespace(reference=PHOTOGRAPH)}
    made["person_mask"] = np.ones((96, 128), np.float32)
    asked: list[object] = []

    def made_of(references: list[Path], kind: str, **others: Any) -> tuple[PaperAvatar, dict[str, Any]]:
        asked.extend((references, kind, others["weights"]))
        return avatar, {}

    monkeypatch.setattr(reconstruct, "reconstruct", made_of)
    monkeypatch.setitem(reconstruct.BUILDERS, "real3d", lambda *given: asked.append(given[1]))
    (score,) = portraits.evaluate_portraits(folder, tmp_path / "out", weights=weights)
    assert asked == [weights, [folder / "paper.png"], "real3d", weights]
    assert score.frame_psnr == pytest.approx(10 * np.log10(255**2 / 40))


def test_an_evaluation_that_is_stopped_keeps_what_it_measured(
    avatar: PaperAvatar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(PHOTOGRAPH).save(tmp_path / name)
    vars(avatar).update(kind="zera", person_mask=np.ones((96, 128), np.float32))

    def made_of(references: list[Path], kind: str, **others: Any) -> tuple[PaperAvatar, dict[str, Any]]:
        if references[0].name == "b.png":
            raise Cancelled
        return avatar, {}

    monkeypatch.setattr(reconstruct, "reconstruct", made_of)
    with pytest.raises(Cancelled):
        portraits.evaluate_portraits(tmp_path, tmp_path / "out")
    assert [row["name"] for row in json.loads((tmp_path / "out" / "portraits.json").read_text())] == ["a.png"]


def test_weights_that_cannot_be_used_are_refused_before_any_picture(tmp_path: Path) -> None:
    (tmp_path / "not_looked_at.png").touch()
    with pytest.raises(LimnerError, match="FILE_NOT_FOUND"):
        portraits.evaluate_portraits(tmp_path, tmp_path / "out", weights=tmp_path / "missing.safetensors")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(LimnerError, match="FILE_NOT_FOUND"):
            portraits.evaluate_portraits(folder, tmp_path / "out")
