"""The coarse filter: which pictures of a person are kept, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from backend.capture import references
from backend.capture.fit import HeadFit
from backend.capture.references import Portrayed, Verdict, coarse_filter, likeness, portrayed
from shared.arkit import ARKIT_INDEX
from shared.errors import LimnerError
from tests.capture.media import astronaut

FACE = (slice(0, 256), slice(80, 400))


def write(picture: NDArray[np.uint8], path: Path) -> Path:
    Image.fromarray(np.ascontiguousarray(picture)).save(path)
    return path


def filtered(paths: list[Path], most: int) -> tuple[list[str], list[Verdict]]:
    chosen, verdicts = coarse_filter(paths, most)
    assert [verdict.path for verdict in verdicts] == paths
    assert {each.picture.path for each in chosen} == {verdict.path for verdict in verdicts if verdict.kept}
    return [each.picture.path.stem for each in chosen], verdicts


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The astronaut, worse pictures of her, and what is no face or no picture."""
    folder = tmp_path_factory.mktemp("references")
    face = astronaut()[FACE]
    pictures = {
        "face": face,
        "blurred": cv2.GaussianBlur(face, (0, 0), 4),
        "nobody": np.full((128, 128, 3), 90, np.uint8),
        "far": cv2.resize(face, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    }
    found = {name: write(picture, folder / f"{name}.png") for name, picture in pictures.items()}
    found["text"] = folder / "text.jpg"
    found["text"].write_text("no picture")
    return found


def test_the_first_is_the_main_picture_however_good_others_are(files: dict[str, Path]) -> None:
    names, verdicts = filtered([files["blurred"], files["face"]], 1)
    assert names == ["blurred"] and verdicts[0].reason == "the main picture"
    assert not verdicts[1].kept and verdicts[1].reason


@dataclass
class Shown:
    """What the filter weighs of a picture."""

    quality: float
    fit: HeadFit


@pytest.fixture
def shown(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Verdict]]:
    """Filters pictures of a name, quality, turn to the side in degrees and opening of the jaw."""
    rest = portrayed(files["face"]).fit

    def verdicts(most: int, **pictures: tuple[float, float, float]) -> list[Verdict]:
        found = {}
        for name, (quality, yaw, jaw) in pictures.items():
            pose, coefficients = rest.head_to_world.copy(), rest.coefficients.copy()
            pose[:3, :3] = pose[:3, :3] @ Rotation.from_euler("z", yaw, degrees=True).as_matrix()
            coefficients[ARKIT_INDEX["jawOpen"]] = jaw
            found[name] = Shown(quality, replace(rest, head_to_world=pose, coefficients=coefficients))
        monkeypatch.setattr(references, "portrayed", lambda path: found[path.name])
        return coarse_filter([Path(name) for name in pictures], most)[1]

    return verdicts


def kept(verdicts: list[Verdict]) -> list[str]:
    return [verdict.path.name for verdict in verdicts if verdict.kept]


def test_what_shows_the_same_again_is_left_out(shown: Callable[..., list[Verdict]]) -> None:
    found = shown(4, front=(0.8, 0, 0), again=(0.9, 3, 0), side=(0.6, 30, 0), talking=(0.6, 0, 0.6))
    assert kept(found) == ["front", "side", "talking"]
    assert "expression as front" in found[1].reason and found[1].score < 0.2


def test_what_adds_most_is_kept_in_whatever_order(shown: Callable[..., list[Verdict]]) -> None:
    others = {"left": (0.7, -35.0, 0.0), "near": (0.8, 14.0, 0.0), "right": (0.6, 35.0, 0.0), "poor": (0.3, 90.0, 0.0)}
    assert kept(shown(3, front=(0.5, 0, 0), **others)) == ["front", "left", "right"]
    turned_about = dict(reversed(others.items()))
    assert kept(shown(3, front=(0.5, 0, 0), **turned_about)) == ["front", "right", "left"]
    assert shown(3, front=(0.5, 0, 0), **others)[4].reason == "left out: others are better"


def test_likeness_is_of_turn_and_expression(files: dict[str, Path]) -> None:
    fit = portrayed(files["face"]).fit
    leaning = fit.head_to_world.copy()
    leaning[:3, :3] = Rotation.from_euler("y", 20, degrees=True).as_matrix() @ leaning[:3, :3]
    assert likeness(fit, fit) == pytest.approx(1)
    assert likeness(fit, replace(fit, head_to_world=leaning)) == pytest.approx(1, abs=1e-3)


def test_unusable_pictures_are_named_and_the_next_is_the_main_one(files: dict[str, Path]) -> None:
    names, verdicts = filtered([files[name] for name in ("nobody", "text", "far", "face")], 1)
    assert names == ["face"]
    causes = [verdict.reason for verdict in verdicts]
    assert "No human face" in causes[0] and "cannot be read" in causes[1] and "pixels high" in causes[2]
    assert [verdict.score > 0 for verdict in verdicts] == [False, False, False, True]


def test_only_unusable_pictures_are_refused_for_what_the_first_lacks(files: dict[str, Path]) -> None:
    with pytest.raises(LimnerError) as caught:
        coarse_filter([files["nobody"], files["text"]], 4)
    assert caught.value.code == "FACE_NOT_FOUND" and "nobody.png" in caught.value.cause


def test_where_one_is_wanted_no_more_are_looked_at(files: dict[str, Path], tmp_path: Path) -> None:
    names, verdicts = filtered([files["face"], tmp_path / "nowhere.png"], 1)
    assert names == ["face"] and verdicts[1].score == 0


def test_quality_falls_with_blur_size_and_what_is_cut_off(files: dict[str, Path]) -> None:
    whole = portrayed(files["face"])
    landmarks = whole.face.points
    cut = Portrayed(whole.picture, type(whole.face).of(landmarks - (float(landmarks[:, 0].mean()), 0, 0)))
    smaller = Portrayed(whole.picture, type(whole.face).of(landmarks * 0.8))
    assert 0.5 < whole.quality <= 1
    for worse in (portrayed(files["blurred"]), cut, smaller):
        assert worse.quality < 0.98 * whole.quality
