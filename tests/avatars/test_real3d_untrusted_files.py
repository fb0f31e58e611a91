"""Checkpoints come from strangers: damage is seen, nothing in them runs, and nothing half written is left."""

from __future__ import annotations

import argparse
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.parity.synthetic_checkpoint import OFFICIAL, checkpoint, write_model

from .small_checkpoint import (
    PICTURE_CONFIG,
    cut,
    cut_short,
    random_state,
    refused_import,
    use_small_tensors,
    write_small,
)

PICTURE, SPEECH = OFFICIAL
PICTURE_FOLDER = OFFICIAL[PICTURE][0]
PICTURE_FILE = "secc2plane_torso_orig/model_ckpt_steps_100000.ckpt"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks with small tensors."""
    use_small_tensors(monkeypatch)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "does not exist"),
        ("!!python/object/apply:os.system ['touch executed']", "python/object"),
        ("- a\n- list", "names no values"),
        ("a: [1", "no configuration"),
        ("a: \x00", "no configuration"),
        ("# long\n" * 200_000, "too long"),
    ],
    ids=["missing", "malicious", "a list", "broken", "binary", "long"],
)
def test_a_configuration_is_read_without_being_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_small(tmp_path / "official")
    path = tmp_path / "official" / PICTURE_FOLDER / "config.yaml"
    path.unlink() if text is None else path.write_text(text)
    assert named in refused_import(tmp_path / "official").cause
    assert not (tmp_path / "executed").exists()


def test_names_out_of_a_file_do_nothing_to_a_terminal(tmp_path: Path) -> None:
    state = {**random_state(PICTURE), "\x1b[2J" + "long" * 1000: torch.ones(1)}
    write_model(tmp_path / "official", PICTURE, state, PICTURE_CONFIG)
    cause = refused_import(tmp_path / "official").cause
    assert "\x1b" not in cause and "1 unexpected: \\x1b[2Jlong" in cause and len(cause) < 600


def flip(path: Path) -> None:
    """One bit of a tensor."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        part = max(archive.infolist(), key=lambda part: part.file_size if "/data/" in part.filename else 0)
    place = data.index(part.filename.encode(), part.header_offset) + 4 * len(part.filename)
    data[place] ^= 1
    path.write_bytes(data)


def zipped(path: Path) -> None:
    path.unlink()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("secc2plane_torso_orig/config.yaml", "a: 1")


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut": (cut, "is cut off"),
    "cut short": (cut_short, "is cut off"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "a web page": (lambda path: path.write_text("<!DOCTYPE html><html>quota exceeded"), "is a web page"),
    "a pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "text": (lambda path: path.write_text("not a checkpoint at all\n" * 100), "is no checkpoint"),
    "noise": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "is no checkpoint"),
    "another zip": (zipped, "is an archive of something else"),
    "a list": (lambda path: torch.save([1, 2], path), "a list"),
}


@pytest.mark.parametrize("archive", [False, True], ids=["old format", "archive"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_refused(tmp_path: Path, damage: str, archive: bool) -> None:
    write_small(tmp_path / "official", archive=archive)
    harm, named = DAMAGE[damage]
    harm(tmp_path / "official" / PICTURE_FILE)
    error = refused_import(tmp_path / "official")
    assert error.code == "WEIGHTS_UNREADABLE" and PICTURE_FILE in error.cause
    assert named in error.cause, error.cause


def test_damage_inside_a_tensor_is_seen(tmp_path: Path) -> None:
    write_small(tmp_path / "official", archive=True)
    flip(tmp_path / "official" / PICTURE_FILE)
    error = refused_import(tmp_path / "official")
    assert error.code == "WEIGHTS_UNREADABLE" and "is damaged" in error.cause


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    state = random_state(PICTURE)
    state["decoder.net.2.weight"][1, 1] = float("nan")
    write_model(tmp_path / "official", PICTURE, state, PICTURE_CONFIG)
    assert "decoder.net.2.weight" in refused_import(tmp_path / "official").cause


class Malicious:
    """Runs a command when a pickle of it is read by Python's own reader."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("place", ["instead", "in the optimiser", "as a tensor", "pickle 2", "pickle 5"])
@pytest.mark.parametrize("archive", [False, True], ids=["old format", "archive"])
def test_nothing_pickled_is_run(tmp_path: Path, place: str, archive: bool) -> None:
    write_small(tmp_path / "official", archive=archive)
    mark, path = tmp_path / "executed", tmp_path / "official" / PICTURE_FILE
    whole = checkpoint(random_state(PICTURE), 100_000)
    bad = Malicious(mark)
    if place.startswith("pickle"):
        path.write_bytes(pickle.dumps({**whole, "epoch": bad}, int(place[-1])))
    elif place == "instead":
        torch.save(bad, path, _use_new_zipfile_serialization=archive)
    else:
        if place == "in the optimiser":
            whole["optimizer_states"] = [bad]
        else:
            whole["state_dict"]["model"]["decoder.net.0.bias"] = bad
        torch.save(whole, path, _use_new_zipfile_serialization=archive)
    error = refused_import(tmp_path / "official")
    assert not mark.exists()
    assert error.code == "WEIGHTS_UNREADABLE" and "nothing was run" in error.cause
    assert f"{os.system.__module__}.system" in error.cause


def test_the_malicious_pickles_of_these_tests_would_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Malicious(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()


def test_other_classes_are_named(tmp_path: Path) -> None:
    write_small(tmp_path / "official")
    whole = {**checkpoint(random_state(PICTURE), 1), "args": argparse.Namespace(lr=1)}
    torch.save(whole, tmp_path / "official" / PICTURE_FILE)
    assert "argparse.Namespace" in refused_import(tmp_path / "official").cause
