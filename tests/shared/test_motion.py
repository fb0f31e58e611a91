"""Clips come back from files as they were; other files are refused, whatever is wrong with them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.camera import Camera
from shared.errors import LimnerError
from shared.motion import MotionClip
from shared.storage import written_whole


def by_hand(path: Path, **changes: Any) -> Path:
    zeros = np.zeros((3, 3))
    whole = {"fps": 30.0, "arkit": np.array(["jawOpen"]), "coefficients": np.full((3, 1), 0.5)}
    np.savez(path, **{**whole, "rotation": zeros, "location": zeros, **changes})
    return path


def test_round_trip(tmp_path: Path) -> None:
    random = np.random.default_rng(0).random
    clip = MotionClip(24.0, random((9, len(ARKIT_NAMES))), random((9, 3)), random((9, 3)))
    clip.save(tmp_path / "new" / "c.npz")
    again = MotionClip.load(tmp_path / "new" / "c.npz")
    assert again.fps == 24.0
    for name in ("coefficients", "rotation", "location"):
        np.testing.assert_array_equal(getattr(again, name), getattr(clip, name))
    assert os.listdir(tmp_path / "new") == ["c.npz"]


def test_expressions_of_a_face_model_go_along(tmp_path: Path) -> None:
    random = np.random.default_rng(0).random
    clip = MotionClip(25.0, random((9, len(ARKIT_NAMES))), random((9, 3)), random((9, 3)), random((9, 64)))
    clip.save(tmp_path / "c.npz")
    again = MotionClip.load(tmp_path / "c.npz")
    np.testing.assert_array_equal(again.expression, clip.expression)
    dense = again.resampled(50.0)
    assert dense.expression is not None
    np.testing.assert_allclose(dense.expression[::2], clip.expression, atol=1e-6)
    np.testing.assert_allclose(dense.expression[1], clip.expression[:2].mean(axis=0), atol=1e-6)
    MotionClip.still(3).save(tmp_path / "c.npz")
    assert MotionClip.load(tmp_path / "c.npz").expression is None


def test_a_clip_made_by_hand(tmp_path: Path) -> None:
    clip = MotionClip.load(by_hand(tmp_path / "c.npz", coefficients=np.array([[0.5], [7.0], [-1.0]])))
    np.testing.assert_array_equal(clip.coefficients[:, ARKIT_INDEX["jawOpen"]], [0.5, 1.0, 0.0])
    assert clip.coefficients.sum() == 1.5


@pytest.mark.parametrize(
    "changes",
    [
        {"fps": 0.0},
        {"fps": np.nan},
        {"fps": np.zeros(3)},
        {"arkit": np.float32(3)},
        {"coefficients": np.zeros((0, 1)), "rotation": np.zeros((0, 3)), "location": np.zeros((0, 3))},
        {"coefficients": np.zeros(3)},
        {"coefficients": np.array([["a"], ["b"], ["c"]])},
        {"rotation": np.full((3, 3), np.nan)},
        {"rotation": np.zeros((2, 3))},
        {"expression": np.zeros((3, 63))},
        {"expression": np.zeros((2, 64))},
        {"expression": np.full((3, 64), np.nan)},
    ],
    ids=str,
)
def test_a_malformed_clip_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(LimnerError, match="MOTION_UNREADABLE"):
        MotionClip.load(by_hand(tmp_path / "c.npz", **changes))


def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    MotionClip.still(20).save(tmp_path / "c.npz")
    whole = (tmp_path / "c.npz").read_bytes()
    np.save(tmp_path / "array.npy", np.zeros(3))
    random = np.random.default_rng(0)
    damaged = [whole[:-40], whole[40:], b"", (tmp_path / "array.npy").read_bytes(), random.bytes(3000)]
    for _ in range(30):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 200):
            data[place] = random.integers(256)
        damaged.append(bytes(data))
    for data in damaged:
        (tmp_path / "c.npz").write_bytes(data)
        with pytest.raises(LimnerError, match="MOTION_UNREADABLE"):
            MotionClip.load(tmp_path / "c.npz")


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 0},
        {"height": -5},
        {"width": 10**9},
        {"intrinsics": np.zeros((3, 3))},
        {"intrinsics": np.full((3, 3), np.nan)},
        {"world_to_camera": np.zeros((4, 4))},
        {"world_to_camera": 2 * np.eye(4)},
    ],
    ids=str,
)
def test_a_camera_that_sees_nothing_is_refused(changes: dict[str, Any]) -> None:
    whole = Camera(np.array([[800.0, 0, 256], [0, 800, 256], [0, 0, 1]])).to_json()
    assert Camera.from_json(whole).to_json() == whole
    with pytest.raises(ValueError):
        Camera.from_json({**whole, **changes})


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "DISK_FULL"), (errno.EDQUOT, "DISK_FULL"), (errno.EACCES, "OUTPUT_NOT_WRITABLE")],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, number: int, code: str) -> None:
    (tmp_path / "whole").write_text("old")
    with pytest.raises(LimnerError, match=code), written_whole(tmp_path / "whole") as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert os.listdir(tmp_path) == ["whole"] and (tmp_path / "whole").read_text() == "old"
