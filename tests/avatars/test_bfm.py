"""A folder of the Basel Face Model is read whole or refused by name; nothing in it is run."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.avatars.real3d import bfm
from shared.errors import LimnerError

from .synthetic_bfm import UNMARKED, synthetic_arrays, synthetic_folder, write_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of links, each of which a test may replace by a file of its own."""
    for path in synthetic_folder().iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def refused(folder: Path) -> LimnerError:
    with pytest.raises(LimnerError) as caught:
        bfm.load_basel_model(folder)
    return caught.value


def replace(folder: Path, name: str, arrays: dict[str, Any]) -> None:
    (folder / name).unlink()
    write_file(folder, name, arrays)


def test_the_model_is_what_the_files_say() -> None:
    model, stored = bfm.load_basel_model(synthetic_folder()), synthetic_arrays()
    mean = stored[bfm.MODEL]["meanshape"].reshape(-1, 3)
    assert np.abs(model.mean - (mean - mean.mean(axis=0))).max() < 1e-6
    assert len(model.faces) == len(stored[bfm.MODEL]["tri"]) - 569 - 565
    left = stored[bfm.MODEL]["tri"][stored[bfm.EYES[0]][""] - 1] - 1
    gone = {tuple(face) for face in left} & {tuple(face) for face in model.faces}
    assert not gone
    assert np.flatnonzero(model.marks < 0).tolist() == UNMARKED
    assert np.array_equal(model.marks[model.marked], stored[bfm.MARKS][""][model.marked])
    identity, expression = np.eye(bfm.IDENTITY)[3], np.eye(bfm.EXPRESSION)[5]
    moved = model.expressed(model.neutral(identity), expression) - model.mean
    wanted = stored[bfm.MODEL]["idBase"][:, 3] + stored[bfm.MODEL]["exBase"][:, 5]
    assert np.abs(moved.ravel() - wanted).max() < 1e-6
    landmark = model.at_landmarks(model.expression)[7, :, 5]
    assert np.allclose(landmark, stored[bfm.MODEL]["exBase"].reshape(-1, 3, 64)[model.marks[model.marked[7]], :, 5])


@pytest.mark.parametrize("name", [bfm.MODEL, bfm.COLOURS, *bfm.EYES, bfm.MARKS])
def test_what_is_missing_is_named_with_where_to_get_it(folder: Path, name: str) -> None:
    (folder / name).unlink()
    error = refused(folder)
    assert error.code == "FILE_NOT_FOUND" and name in error.cause
    assert ("faces.dmi.unibas.ch" if name == bfm.MODEL else "repository") in error.remedy


def changed(name: str, key: str, change: Callable[[NDArray], Any]) -> tuple[str, dict[str, Any]]:
    arrays = synthetic_arrays()[name]
    return name, {**arrays, key: change(arrays[key].copy())}


def with_nan(values: NDArray) -> NDArray:
    values[100, 3] = np.nan
    return values


def cells(values: NDArray) -> NDArray:
    """As MATLAB's cell arrays are read."""
    made = np.empty(len(values), object)
    made[:] = [np.zeros(2)] * len(values)
    return made


@pytest.mark.parametrize(
    ("name", "key", "change"),
    [
        (bfm.MODEL, "idBase", lambda values: values[:, :79]),
        (bfm.MODEL, "idBase", lambda values: values[:-3]),
        (bfm.MODEL, "exBase", with_nan),
        (bfm.MODEL, "exBase", lambda values: cells(values[:10])),
        (bfm.MODEL, "meanshape", lambda values: values * 1e5),  # the raw model's units
        (bfm.MODEL, "tri", lambda values: values - 1),
        (bfm.MODEL, "tri", lambda values: values + 1),
        (bfm.MODEL, "keypoints", lambda values: values[:, :5]),
        (bfm.COLOURS, "", lambda values: values.T),
        (bfm.COLOURS, "", lambda values: values * 255),
        (bfm.EYES[0], "", lambda values: values + 1_000_000),
        (bfm.EYES[1], "", lambda values: values[:0]),
        (bfm.MARKS, "", lambda values: values[:68]),
        (bfm.MARKS, "", lambda values: values + 0.5),
    ],
)
def test_another_form_is_refused(folder: Path, name: str, key: str, change: Callable[[NDArray], Any]) -> None:
    replace(folder, *changed(name, key, change))
    error = refused(folder)
    assert error.code == "WEIGHTS_UNREADABLE" and name in error.cause


def test_a_lacking_array_is_named(folder: Path) -> None:
    arrays = synthetic_arrays()[bfm.MODEL]
    replace(folder, bfm.MODEL, {name: value for name, value in arrays.items() if name != "exBase"})
    assert "exBase" in refused(folder).cause


@pytest.mark.parametrize("name", [bfm.MODEL, bfm.COLOURS])
def test_damaged_files_are_refused(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for content in (whole[: len(whole) // 2], b"<!DOCTYPE html><html>", b""):
        (folder / name).unlink()
        (folder / name).write_bytes(content)
        error = refused(folder)
        assert error.code == "WEIGHTS_UNREADABLE" and name in error.cause


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", [bfm.MODEL, bfm.COLOURS, bfm.MARKS])
def test_nothing_pickled_is_run(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).write_bytes(pickle.dumps(Malicious(tmp_path / "ran")))
    assert refused(folder).code == "WEIGHTS_UNREADABLE"
    if name != bfm.MODEL:
        np.save(folder / name, np.array([Malicious(tmp_path / "ran")], object), allow_pickle=True)
        assert refused(folder).code == "WEIGHTS_UNREADABLE"
    assert not (tmp_path / "ran").exists()
