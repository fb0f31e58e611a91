"""Recordings of Apple's Live Link Face app: ARKit coefficients and head rotation as a table."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from shared.arkit import ARKIT_NAMES
from shared.errors import LimnerError
from shared.motion import MotionClip

# The app's head angles in radians, in the order of Limner's axes. ARKit's face frame has X to the face's own left as
# ours, Y up (our Z) and Z out of the face (our -Y), so only roll changes its sign. Not yet proven on a real recording.
_HEAD = ("headpitch", "headroll", "headyaw")
_SIGN = np.array([1.0, -1.0, 1.0])
_TIMECODE = re.compile(r"^(\d+):(\d+):(\d+)[:;.](\d+(?:\.\d+)?)$")


def read_live_link(source: Path) -> MotionClip:
    """A Live Link Face ``.csv`` as a clip at the rate it was recorded with, head rotation relative to its first frame.

    Columns are found by name whatever their order and case; actions without a column are zero.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``; ``MOTION_UNREADABLE`` where no ARKit column or no row of numbers is found.
    """
    if not source.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{source} does not exist.", "Check the path of the recording.")
    try:
        with open(source, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(source, str(error)) from error
    if not rows:
        raise _unreadable(source, "it is empty")
    header = [name.strip().lower() for name in rows[0]]
    columns = {name: header.index(name.lower()) for name in ARKIT_NAMES if name.lower() in header}
    if not columns:
        raise _unreadable(source, "no column is named after an ARKit action")
    body = [row for row in rows[1:] if len(row) == len(header)]
    try:
        values = {name: np.array([float(row[i] or 0) for row in body]) for name, i in columns.items()}
        places = [header.index(name) if name in header else None for name in _HEAD]
        angles = np.array([[0.0 if i is None else float(row[i] or 0) for i in places] for row in body]).reshape(-1, 3)
    except ValueError as error:
        raise _unreadable(source, str(error)) from error
    if not body or not np.isfinite(angles).all():
        raise _unreadable(source, "it has no whole row of numbers")
    coefficients = np.stack([values.get(n, np.zeros(len(body))) for n in ARKIT_NAMES], 1)
    rotation = (np.unwrap(angles, axis=0) - angles[0]) * _SIGN
    return MotionClip(
        _rate(header, body), np.clip(np.nan_to_num(coefficients), 0.0, 1.0), rotation, np.zeros((len(body), 3))
    )


def _rate(header: list[str], body: list[list[str]]) -> float:
    """Frames a second from the time codes (HH:MM:SS:FF.fraction); 60, the app's own rate, where they do not tell."""
    if "timecode" not in header:
        return 60.0
    codes = [_TIMECODE.match(row[header.index("timecode")].strip()) for row in body]
    numbers = [[float(x) for x in code.groups()] for code in codes if code]
    if len(numbers) < 2:
        return 60.0
    highest = max(int(n[3]) for n in numbers)
    base = next((rate for rate in (24, 25, 30, 48, 50, 60) if rate > highest), 60)
    seconds = [n[0] * 3600 + n[1] * 60 + n[2] + n[3] / base for n in numbers]
    steps = np.diff(seconds)
    steps = steps[steps > 1e-4]
    return float(round(1 / np.median(steps), 3)) if len(steps) else 60.0


def _unreadable(source: Path, why: str) -> LimnerError:
    return LimnerError("MOTION_UNREADABLE", f"{source} is not a Live Link Face recording ({why}).",
                       "Export the take's .csv from the app, or use a speech file.")
