"""The scoring of avatars of procedural people, with pictures whose differences are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.avatars.interface import Frame, FrameRequest
from backend.evaluation import people
from backend.evaluation.people_score import Match, PersonScore, mean_matches, table
from backend.people.person import make_person
from shared.arkit import ARKIT_INDEX
from shared.camera import Camera
from shared.errors import LimnerError

SIZE = 160
SEED = 1_000_003


class TiltedAvatar:
    """Shows its photograph 8 darker; its fit believes that the head is turned by 5 degrees and smiles a little."""

    camera = Camera(np.array([[300.0, 0, 80], [0, 300, 80], [0, 0, 1]]), np.eye(4), SIZE, SIZE)
    head_to_world = np.eye(4)

    def __init__(self, photograph: np.ndarray) -> None:
        self.photograph = photograph
        self.requests: list[FrameRequest] = []
        self.coefficients = np.zeros(52, np.float32)
        self.coefficients[ARKIT_INDEX["mouthSmileLeft"]] = 0.3
        to_camera = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
        self.head_to_world = np.eye(4)
        self.head_to_world[:3, :3] = to_camera @ Rotation.from_euler("z", 5, degrees=True).as_matrix()

    def render(self, request: FrameRequest) -> Frame:
        self.requests.append(request)
        alpha = np.full((SIZE, SIZE, 1), 255, np.uint8)
        return Frame(np.concatenate([np.maximum(self.photograph, 8) - 8, alpha], axis=2))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[PersonScore, TiltedAvatar, Path]:
    folder = tmp_path_factory.mktemp("people")
    made: list[TiltedAvatar] = []

    def avatars_compared(pictures: list[np.ndarray], name: str, progress: object) -> dict[str, TiltedAvatar]:
        assert len(pictures) == 3 and len({picture.tobytes() for picture in pictures}) == 3
        made.append(TiltedAvatar(pictures[0]))
        return {people.AVATAR: made[0]}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "avatars_compared", avatars_compared)
        (score,) = people.evaluate_people([SEED], folder, SIZE, references=3)
    return score, made[0], folder


def test_views_are_compared_within_the_person(scored: tuple[PersonScore, TiltedAvatar, Path]) -> None:
    score, _, folder = scored
    assert score.error is None
    shown, still = score.matches["avatar"], score.matches["still"]
    assert set(people.VIEWS) <= set(shown) and shown[people.SOURCE].psnr == pytest.approx(
        20 * np.log10(255 / 8), abs=0.6
    )
    assert still[people.SOURCE].psnr == people.PERFECT and still["yaw 30"].psnr < still["yaw 15"].psnr < 30
    assert still["mouth inside, jaw open"].psnr < still[people.JAW].psnr
    assert still["closed lids"].psnr < still[people.BLINK].psnr
    assert (folder / f"{SEED}.png").is_file()
    rows = json.loads((folder / "people.json").read_text())
    assert rows["mean"]["yaw 30"]["still"]["psnr"] == pytest.approx(still["yaw 30"].psnr)


def test_the_avatar_is_asked_for_the_same_turn_and_the_same_change_of_face(
    scored: tuple[PersonScore, TiltedAvatar, Path],
) -> None:
    _, avatar, _ = scored
    asked = dict(zip(people.VIEWS, avatar.requests, strict=True))
    angle = Rotation.from_euler("xyz", asked["yaw 30"].rotation).magnitude()
    assert np.degrees(angle) == pytest.approx(30, abs=1e-3)
    assert np.allclose(asked[people.SOURCE].rotation, 0, atol=1e-6)
    smile = asked["smile"].coefficients
    assert smile is not None and smile[ARKIT_INDEX["mouthSmileLeft"]] == pytest.approx(1.0)
    assert smile[ARKIT_INDEX["mouthSmileRight"]] == pytest.approx(0.8)


def test_all_views_share_light_and_camera() -> None:
    shots = people.draw_views(make_person(SEED), SIZE)
    first = shots[people.SOURCE]
    assert not first.coefficients.any() and not first.rotation.any()
    for shot in shots.values():
        assert shot.lighting is first.lighting and shot.background is first.background
        assert np.array_equal(shot.camera.world_to_camera, first.camera.world_to_camera)


def test_refused_people_are_counted_and_left_out_of_the_mean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*arguments: object) -> PersonScore:
        raise LimnerError("FACE_NOT_FOUND", "No face.", "None.")

    monkeypatch.setattr(people, "score_person", refuse)
    (refused,) = people.evaluate_people([7], tmp_path, SIZE)
    good = PersonScore(8, matches={"avatar": {"source": Match(30, 0.9)}, "still": {"source": Match(20, 0.5)}})
    other = PersonScore(9, matches={"avatar": {"source": Match(40, 0.8)}})
    assert mean_matches([refused, good, other])["source"]["avatar"] == Match(35, pytest.approx(0.85))
    lines = table([refused, good, other]).splitlines()
    assert "| source | 35.00 | 0.850 | 20.00 | 0.500 |" in lines
    assert "3 people" not in lines[-2] and lines[-1] == "7: FACE_NOT_FOUND: No face."
