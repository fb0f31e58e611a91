"""Refining learns a person from several pictures, keeps to itself what it cannot know, and comes back from the file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.avatars.file import load_avatar
from backend.avatars.interface import FrameRequest
from backend.avatars.reconstruct import reconstruct
from backend.avatars.zera import refine as refining
from backend.avatars.zera.avatar import ZeraAvatar
from backend.avatars.zera.build import Seen, build_person, look
from backend.avatars.zera.completion import Refinement, completion_network
from backend.avatars.zera.data import Person
from backend.avatars.zera.refine import as_photographed, refine
from backend.capture.references import portrayed
from backend.networks.layer_completion import LayerCompletion
from backend.weights import without_weights
from shared.errors import Cancelled, LimnerError
from tests.avatars.stage import Stage

TURN, STEPS, SIZE = 25.0, 6, 192
CPU = torch.device("cpu")
SOURCE = FrameRequest(size=SIZE, background="transparent")
TURNED = replace(SOURCE, rotation=np.radians([0, 0, -TURN]).astype(np.float32))


@pytest.fixture(scope="module")
def pictures(stage: Stage, photograph_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The astronaut, and turned with more hair than anybody would think of."""
    turned = stage.picture((0, 0, -TURN)).copy()
    hair = turned[40:60, 215:235].reshape(-1, 3).mean(axis=0)
    shown = stage.alone((0, 0, -TURN))[..., 3] > 128
    shown[:, :12] = shown[:, -12:] = False
    shown[200:] = False
    wider = np.asarray(Image.fromarray(shown).resize((560, 512)))[:, 24:-24] & ~shown
    turned[wider] = hair
    path = tmp_path_factory.mktemp("refine") / "turned.png"
    Image.fromarray(turned).save(path)
    return photograph_file, path


@pytest.fixture(scope="module")
def network() -> LayerCompletion:
    found = completion_network()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def found(pictures: Sequence[Path]) -> tuple[Person, list[Seen]]:
    seen = look([portrayed(path) for path in pictures])
    return build_person(seen)[0], seen


@pytest.fixture(scope="module")
def learned(found: tuple[Person, list[Seen]], network: LayerCompletion) -> tuple[Refinement, dict[str, float]]:
    refinement, report = refine(*found, network, STEPS, CPU)
    assert refinement is not None, report
    return refinement, report


@pytest.fixture(scope="module")
def refined(
    found: tuple[Person, list[Seen]], network: LayerCompletion, learned: tuple[Refinement, object]
) -> ZeraAvatar:
    return ZeraAvatar(found[0], None, CPU, network, learned[0])


def test_it_meets_the_photographs_better(learned: tuple[Refinement, dict[str, float]]) -> None:
    assert learned[1]["refine_after"] < learned[1]["refine_before"] - 0.002


def test_it_is_small(learned: tuple[Refinement, object], network: LayerCompletion) -> None:
    tensors = [each for both in learned[0].factors.values() for each in both]
    assert {each.dtype for each in tensors} == {torch.float16}
    assert 2 * sum(each.numel() for each in tensors) < 0.5 * 2**20


def test_without_a_step_nothing_changes(found: tuple[Person, list[Seen]], network: LayerCompletion) -> None:
    refinement, report = refine(*found, network, 0, CPU)
    assert refinement is None and report["refine_before"] == report["refine_after"]


def test_it_changes_what_the_photographs_do_not_show_and_nothing_else(
    found: tuple[Person, list[Seen]], network: LayerCompletion, refined: ZeraAvatar
) -> None:
    plain = ZeraAvatar(found[0], None, CPU, network)
    assert np.array_equal(refined.render(SOURCE).rgba, plain.render(SOURCE).rgba)
    before, after = plain.render(TURNED).rgba.astype(int), refined.render(TURNED).rgba.astype(int)
    lifted = plain.without_completion().render(TURNED).rgba[..., 3]
    assert not np.array_equal(after, before)
    assert np.array_equal(after[lifted == 255], before[lifted == 255])
    assert refined.fingerprint != plain.fingerprint


def test_it_comes_back_from_the_file(refined: ZeraAvatar, tmp_path: Path) -> None:
    refined.save(tmp_path / "a.limner")
    loaded = load_avatar(tmp_path / "a.limner", "cpu")
    assert loaded.fingerprint == refined.fingerprint
    assert np.array_equal(loaded.render(TURNED).rgba, refined.render(TURNED).rgba)


def test_with_other_weights_it_is_shown_unrefined_and_says_so(
    refined: ZeraAvatar, network: LayerCompletion, caplog: pytest.LogCaptureFixture
) -> None:
    assert refined.refinement is not None
    with caplog.at_level(logging.WARNING):
        other = ZeraAvatar(refined.person, None, CPU, network, replace(refined.refinement, base="others"))
    assert other.completion is network and "unrefined" in caplog.text


def test_a_damaged_file_is_refused(refined: ZeraAvatar, tmp_path: Path) -> None:
    assert refined.refinement is not None
    name, (up, down) = next(iter(refined.refinement.factors.items()))
    for wrong in ((up[:-1], down), (up, down * float("nan"))):
        damaged = replace(refined.refinement, factors={**refined.refinement.factors, name: wrong})
        avatar = ZeraAvatar(refined.person, None, CPU)
        avatar.refinement = damaged
        avatar.save(tmp_path / "a.limner")
        with pytest.raises(LimnerError) as refusal:
            load_avatar(tmp_path / "a.limner", "cpu")
        assert refusal.value.code == "AVATAR_UNREADABLE"


def test_the_same_pictures_teach_the_same(
    found: tuple[Person, list[Seen]], network: LayerCompletion, learned: tuple[Refinement, object]
) -> None:
    again, _ = refine(*found, network, STEPS, CPU)
    assert again is not None
    for name, (up, down) in learned[0].factors.items():
        assert torch.equal(up, again.factors[name][0]) and torch.equal(down, again.factors[name][1])


def test_the_prior_keeps_other_frames_nearer_to_what_they_were(
    found: tuple[Person, list[Seen]], network: LayerCompletion, refined: ZeraAvatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refining, "PRIOR", 0.0)
    free = ZeraAvatar(found[0], None, CPU, network, refine(*found, network, STEPS, CPU)[0])
    away = replace(SOURCE, rotation=np.radians([0, 0, TURN]).astype(np.float32))
    before = ZeraAvatar(found[0], None, CPU, network).render(away).rgba.astype(float)
    kept, left = (np.abs(each.render(away).rgba - before).mean() for each in (refined, free))
    assert kept < left


def test_a_photographs_frame_is_that_of_its_pose(found: tuple[Person, list[Seen]]) -> None:
    person, seen = found
    own, other = (as_photographed(person, each.fit) for each in seen)
    assert np.abs(own.rotation).max() < 0.02 and np.abs(own.location).max() < 0.002
    assert np.degrees(other.rotation[2]) == pytest.approx(-TURN, abs=5)


@pytest.mark.parametrize("size", [(256, 256), (144, 256), (203, 171)])
def test_the_truth_is_as_large_as_the_view(found: tuple[Person, list[Seen]], size: tuple[int, int]) -> None:
    person, clothes = refining._truth(found[1][1], size)
    assert person.shape == (*size, 4) and clothes.shape == (*size, 1)
    assert min(person.min(), clothes.min()) >= 0 and 1 >= max(person.max(), clothes.max()) > 0.9
    assert (person[..., :3] <= person[..., 3:] + 1e-4).all()


def test_it_stops_when_asked(found: tuple[Person, list[Seen]], network: LayerCompletion) -> None:
    told: list[tuple[float, str]] = []

    def stop(fraction: float, stage: str) -> None:
        told.append((fraction, stage))
        if stage.startswith("refining, step 2"):
            raise Cancelled

    with pytest.raises(Cancelled):
        refine(*found, network, STEPS, CPU, stop)
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert all(0 <= fraction < 1 for fraction, _ in told)


def test_reconstructing_refines(pictures: Sequence[Path]) -> None:
    told: list[float] = []
    avatar, report = reconstruct(pictures, progress=lambda fraction, _: told.append(fraction), refine=2)
    assert isinstance(avatar, ZeraAvatar)
    assert report["refined"] is (avatar.refinement is not None)
    assert ("not_refined" in report) is (avatar.refinement is None)
    assert told == sorted(told) and told[-1] == 1


def test_one_picture_has_nothing_to_refine_from(photograph_file: Path, avatar: ZeraAvatar) -> None:
    made, report = reconstruct([photograph_file], refine=5)
    assert not report["refined"] and "one picture" in report["not_refined"]
    assert made.fingerprint == avatar.fingerprint


def test_without_weights_there_is_nothing_to_refine(pictures: Sequence[Path]) -> None:
    with without_weights():
        avatar, report = reconstruct(pictures, refine=5)
    assert isinstance(avatar, ZeraAvatar) and avatar.refinement is None
    assert not report["refined"] and "weights" in report["not_refined"]


@pytest.mark.parametrize(("kind", "steps"), [("real3d", 5), ("zera", -1)])
def test_wrong_use_is_refused(photograph_file: Path, kind: str, steps: int) -> None:
    with pytest.raises(LimnerError) as refusal:
        reconstruct([photograph_file], kind, refine=steps)
    assert refusal.value.code == "WRONG_USE"
