"""The census finds what is wrong, goes on where it was, and counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.people import census
from backend.people.faults import faults_of_person, faults_of_picture, found
from backend.people.person import make_person
from backend.people.render import render
from backend.people.scene import Layer, Person, Picture
from backend.people.studio import studio_shot


@pytest.fixture(scope="module")
def person() -> Person:
    return make_person(3)


@pytest.fixture(scope="module")
def picture(person: Person) -> Picture:
    return render(person, studio_shot(192))


def test_a_good_person_and_picture_have_no_faults(person: Person, picture: Picture) -> None:
    assert not faults_of_person(person) and not faults_of_picture(picture)
    assert found(picture)
    assert not found(replace(picture, rgb=np.full_like(picture.rgb, 128)))


def test_numbers_that_are_none_are_found(person: Person, picture: Picture) -> None:
    broken = replace(person.strands[0], points=np.full_like(person.strands[0].points, np.nan))
    assert faults_of_person(replace(person, strands=(broken,))) == ["not finite"]
    assert faults_of_picture(replace(picture, pncc=picture.pncc * np.nan)) == ["not finite"]
    assert faults_of_picture(replace(picture, normals=picture.normals * 0.5)) == ["normals"]


@pytest.mark.parametrize(
    "layer, fault", [(Layer.EYES, "eyes outside their lids"), (Layer.MOUTH, "mouth outside the lips")]
)
def test_eyes_on_the_forehead_are_found(picture: Picture, layer: Layer, fault: str) -> None:
    masks = picture.masks.copy()
    row, column = np.argwhere(masks[Layer.FACE] == 255)[0] + 4
    masks[:, row - 2 : row + 3, column - 2 : column + 3] = 0
    masks[layer, row - 2 : row + 3, column - 2 : column + 3] = 255
    assert faults_of_picture(replace(picture, masks=masks)) == [fault]


def test_a_failure_is_a_record_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(seed: int) -> Person:
        raise ValueError("no such hat")

    monkeypatch.setattr(census, "make_person", failing)
    assert census.examined(5, 32) == {"seed": 5, "error": "ValueError: no such hat"}


def test_a_census_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "census.jsonl"
    known = {**census.examined(0, 48), "seed": 1}
    output.write_text(json.dumps(known) + "\n" + json.dumps({"seed": 2, "error": "ValueError: ..."}) + "\n")
    census.main(["--seeds", "0:3", "--size", "48", "-o", str(output)])
    seeds = [json.loads(line)["seed"] for line in output.read_text().splitlines()]
    assert seeds == [1, 2, 0]
    said = capsys.readouterr().out
    assert "people made: 2 of 3" in said and "failed: 2" in said and "frontal faces found: 2 of 2" in said
    assert f"| hair | {known['hair']} 100 % |" in said
