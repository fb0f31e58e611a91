"""Live Link Face tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.motion.animate import animate
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.errors import LimnerError

NAMES = [n[0].upper() + n[1:] for n in reversed(ARKIT_NAMES)]


def table(path: Path, rows: int = 60, base: int = 60) -> Path:
    lines = ["Timecode,BlendShapeCount," + ",".join(NAMES) + ",HeadYaw,HeadPitch,HeadRoll"]
    for i in range(rows):
        values = ["0.5" if n == "JawOpen" else f"{i / rows:.4f}" if n == "EyeBlinkLeft" else "0" for n in NAMES]
        values += [f"{0.2 + 0.001 * i}", "-0.1", "0.05"]
        lines.append(f"10:00:{i // base:02d}:{i % base:02d}.000,61," + ",".join(values))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("base", [30, 60])
def test_columns_by_name_and_rate_by_time_code(tmp_path: Path, base: int) -> None:
    clip = animate(table(tmp_path / "take.csv", base * 2, base), fps=float(base))
    assert clip.fps == base and len(clip) == base * 2
    assert np.allclose(clip.coefficients[:, ARKIT_INDEX["jawOpen"]], 0.5)
    assert clip.coefficients[-1, ARKIT_INDEX["eyeBlinkLeft"]] > 0.9
    assert np.allclose(clip.coefficients[:, ARKIT_INDEX["eyeBlinkRight"]], 0)
    assert np.allclose(clip.rotation[0], 0, atol=1e-6)  # relative to the first frame
    assert clip.rotation[-1, 2] == pytest.approx(0.001 * (base * 2 - 1), abs=1e-5)
    assert np.allclose(clip.rotation[:, :2], 0)


def test_resampled_to_the_asked_rate(tmp_path: Path) -> None:
    clip = animate(table(tmp_path / "take.csv", 120), fps=25.0)
    assert clip.fps == 25.0 and len(clip) == 50


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "Timecode,JawOpen\n", "Timecode,JawOpen\nx,open\n", "\x00\xff"])
def test_other_tables_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(LimnerError) as error:
        animate(path)
    assert error.value.code == "MOTION_UNREADABLE"


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(LimnerError, match="FILE_NOT_FOUND"):
        animate(tmp_path / "no.csv")
