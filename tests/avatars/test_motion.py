"""The avatar moves as it is told, measured on its pictures by mediapipe and the head fit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.avatars.interface import FrameRequest
from backend.avatars.zera.avatar import ZeraAvatar
from backend.evaluation.metrics import (
    brow_travel,
    corner_travel,
    eye_aspect_ratio,
    interocular_distance,
    lip_aperture,
    mouth_width,
)
from shared.arkit import ARKIT_NAMES, mirrored
from tests.avatars.stage import Stage

FORWARD = {f"eyeLook{way}{side}": 0.0 for way in ("In", "Out", "Up", "Down") for side in ("Left", "Right")}
LID_SKIN, CHEEK = [223, 443], [50, 280]  # between eye and brow; on both cheeks


TURNS = [(0, 0, -30), (0, 0, -15), (0, 0, 15), (0, 0, 30), (-10, 0, 0), (10, 0, 0), (0, 10, 0)]


@pytest.mark.parametrize("turn", TURNS)
def test_the_turn_asked_for_is_the_turn_seen(stage: Stage, turn: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(stage.turned(*turn), turn, atol=5)


def test_turns_are_not_lost_in_a_twist(stage: Stage) -> None:
    np.testing.assert_allclose(stage.turned(6, 5, 15), (6, 5, 15), atol=5)


def test_a_turn_leaves_the_torso_and_the_background(stage: Stage) -> None:
    straight, turned = stage.picture(), stage.picture((0, 0, 30))
    # completion may close a pixel of the shoulders' soft outline
    assert np.abs(straight[300:].astype(int) - turned[300:]).max() <= 3
    assert np.array_equal(straight[:200, :80], turned[:200, :80])
    assert np.abs(straight[60:150, 180:280].astype(int) - turned[60:150, 180:280]).mean() > 5


def test_the_head_goes_where_it_is_put(avatar: ZeraAvatar, stage: Stage) -> None:
    """Two centimetres to her left are so many pixels; nearer is larger."""
    from backend.capture.detection import detect_face

    scale = avatar.camera.intrinsics[0, 0] / avatar.camera.world_to_camera[2, 3]
    rest = stage.landmarks()[:468, :2].mean(axis=0)
    for location in ([0.02, 0, 0], [0, 0, 0.015]):
        world = avatar.head_to_world[:3, :3] @ np.array(location)
        rgba = avatar.render(FrameRequest(location=np.array(location))).rgba
        moved = detect_face(np.ascontiguousarray(rgba[..., :3])).points[:468, :2].mean(axis=0) - rest
        np.testing.assert_allclose(moved, np.array([world[0], -world[2]]) * scale, atol=3)
    rgba = avatar.render(FrameRequest(location=np.array([0, -0.1, 0]))).rgba
    nearer = detect_face(np.ascontiguousarray(rgba[..., :3])).points
    assert interocular_distance(nearer) > 1.05 * interocular_distance(stage.landmarks())


def test_an_opening_jaw_opens_the_lips_step_by_step(stage: Stage) -> None:
    apertures = [lip_aperture(stage.landmarks(jawOpen=value)) for value in np.linspace(0, 0.6, 7).round(2)]
    assert apertures == sorted(apertures) and min(np.diff(apertures)) > 0.01
    assert apertures[0] < 0.08 and apertures[-1] > 0.28


def test_an_open_mouth_is_darker_inside_than_its_lips(stage: Stage) -> None:
    picture, points = stage.picture(jawOpen=0.6), stage.landmarks(jawOpen=0.6)
    top, bottom = points[13, 1], points[14, 1]
    column = int(points[13, 0])
    inside = picture[int(top + 0.45 * (bottom - top)) : int(bottom - 1), column - 4 : column + 4]
    lips = picture[int(bottom + 2) : int(bottom + 5), column - 4 : column + 4]
    assert np.percentile(inside.mean(axis=-1), 20) < 0.75 * lips.mean()


@pytest.fixture(scope="module")
def open_eyes(stage: Stage) -> NDArray[np.float32]:
    return stage.landmarks(eyeBlinkLeft=0.0, eyeBlinkRight=0.0)


def test_a_blink_shuts_both_eyes_with_skin(stage: Stage, open_eyes: NDArray[np.float32]) -> None:
    shut = stage.landmarks(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    for side in ("left", "right"):
        assert eye_aspect_ratio(shut, side) < 0.4 * eye_aspect_ratio(open_eyes, side)
    picture = stage.picture(eyeBlinkLeft=1.0, eyeBlinkRight=1.0).astype(float)
    cheeks = np.mean([picture[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].mean((0, 1))
                      for x, y in open_eyes[CHEEK, :2]], axis=0)  # fmt: skip
    for iris in (468, 473):
        x, y = open_eyes[iris, :2].astype(int)
        lid = picture[y - 1 : y + 2, x - 2 : x + 3].mean((0, 1))
        # neither white nor iris: of the skin's hue, and not much darker
        assert np.abs(lid / lid.sum() - cheeks / cheeks.sum()).max() < 0.05
        assert lid.mean() > 0.55 * cheeks.mean()


@pytest.mark.parametrize(("side", "other"), [("left", "right"), ("right", "left")])
def test_a_wink_shuts_the_persons_own_eye(
    stage: Stage, open_eyes: NDArray[np.float32], side: str, other: str
) -> None:
    values = {"eyeBlinkLeft": 0.0, "eyeBlinkRight": 0.0, f"eyeBlink{side.title()}": 1.0}
    wink = stage.landmarks(**values)
    assert eye_aspect_ratio(wink, side) < 0.4 * eye_aspect_ratio(open_eyes, side)
    assert eye_aspect_ratio(wink, other) > 0.85 * eye_aspect_ratio(open_eyes, other)


def test_a_smile_widens_the_mouth_on_both_sides_alike(stage: Stage) -> None:
    sober = stage.landmarks(mouthSmileLeft=0.0, mouthSmileRight=0.0)
    smiling = stage.landmarks(mouthSmileLeft=1.0, mouthSmileRight=1.0)
    assert mouth_width(smiling) > 1.08 * mouth_width(sober)
    travel = corner_travel(smiling, sober)
    assert min(travel.values()) > 0.1 and max(travel.values()) < 1.3 * min(travel.values())
    raised = [(sober[corner, 1] - smiling[corner, 1]) / interocular_distance(sober) for corner in (61, 291)]
    assert min(raised) > 0.05


def test_a_pucker_narrows_the_mouth(stage: Stage) -> None:
    still = stage.landmarks(mouthPucker=0.0)
    puckered = stage.landmarks(mouthPucker=1.0)
    assert mouth_width(puckered) < 0.93 * mouth_width(still)
    travel = corner_travel(puckered, still)
    assert max(travel.values()) < 1.6 * min(travel.values())


def test_brows_rise_and_fall_alike(stage: Stage) -> None:
    still = stage.landmarks(browInnerUp=0.0, browOuterUpLeft=0.0, browOuterUpRight=0.0)
    up = stage.landmarks(browInnerUp=1.0, browOuterUpLeft=1.0, browOuterUpRight=1.0)
    down = stage.landmarks(browDownLeft=1.0, browDownRight=1.0)
    travel = brow_travel(up, still)
    assert min(travel.values()) > 0.06 and max(travel.values()) < 1.3 * min(travel.values())
    for brow in (105, 334):
        assert up[brow, 1] < still[brow, 1] - 2 and down[brow, 1] > still[brow, 1] + 0.1


def gaze(stage: Stage, **values: float) -> NDArray[np.float64]:
    """[2, 2] Irises of right and left eye against the middle of the eye's corners, in inter-ocular distances."""
    points = stage.landmarks(**{**FORWARD, **values})[:, :2]
    middles = np.stack([(points[33] + points[133]) / 2, (points[263] + points[362]) / 2])
    return np.asarray((points[[468, 473]] - middles) / interocular_distance(points), np.float64)


def test_the_gaze_turns_both_irises(stage: Stage) -> None:
    ahead = gaze(stage)
    to_her_left = gaze(stage, eyeLookOutLeft=1.0, eyeLookInRight=1.0) - ahead
    to_her_right = gaze(stage, eyeLookInLeft=1.0, eyeLookOutRight=1.0) - ahead
    assert to_her_left[:, 0].min() > 0.03 and to_her_right[:, 0].max() < -0.03  # her left is the picture's right
    up = gaze(stage, eyeLookUpLeft=1.0, eyeLookUpRight=1.0) - ahead
    down = gaze(stage, eyeLookDownLeft=1.0, eyeLookDownRight=1.0) - ahead
    # downward it is the lids, which follow, that hide most of the way
    assert up[:, 1].max() < -0.004 and down[:, 1].min() > 0.004
    one = gaze(stage, eyeLookOutLeft=1.0) - ahead
    assert one[1, 0] > 0.02 > abs(one[0, 0])


def test_every_action_shows_on_the_face_and_nowhere_else(avatar: ZeraAvatar, stage: Stage) -> None:
    def small(**values: float) -> NDArray[np.int64]:
        rgba = avatar.render(FrameRequest(stage.coefficients(**values), size=128)).rgba
        return rgba[..., :3].astype(np.int64)

    rests = [small(jawOpen=0.0), small(jawOpen=0.3)]
    faint, beyond = [], []
    for name in ARKIT_NAMES:
        if name.endswith("Right") and mirrored(name) != "mouthLeft":  # the head's tests hold that sides are alike
            continue
        others = {"jawOpen": 0.3} if name != "jawOpen" else {}
        changed = np.abs(small(**others, **{name: 1.0}) - rests[len(others)]).max(axis=-1)
        if (changed > 12).sum() < 2:
            faint.append(name)
        changed[10:54, 40:70] = 0
        if changed.max() > 3:
            beyond.append((name, int(changed.max())))
    assert not faint and not beyond, (faint, beyond)


def test_values_between_move_between(stage: Stage) -> None:
    """Small steps of a coefficient make small steps of the picture: no jumps when animated."""
    frames = [stage.picture(jawOpen=float(value)).astype(float) for value in (0.3, 0.31, 0.32)]
    steps = [np.abs(b - a).mean() for a, b in pairwise(frames)]
    whole = np.abs(stage.picture(jawOpen=0.6).astype(float) - stage.picture(jawOpen=0.3)).mean()
    assert max(steps) < 0.25 * whole
