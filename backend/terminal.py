"""How a command speaks: progress and refusals on standard error, for people or, as JSON lines, for programs."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
import traceback
from pathlib import Path

from shared.errors import LimnerError

BAR_WIDTH = 24
SECONDS_BETWEEN_UPDATES = 0.1


class ProgressDisplay:
    """A progress callback: a bar where standard error is a terminal, JSON lines where asked for, else silence.

    Args:
        style: ``auto``, ``bar``, ``json`` or ``none``.
    """

    def __init__(self, style: str = "auto") -> None:
        self.style = style if style != "auto" else "bar" if sys.stderr.isatty() else "none"
        self._start = time.monotonic()
        self._last = -1.0
        self._shown = 0

    def __call__(self, fraction: float, stage: str) -> None:
        """Show the fraction done, at most ten times a second, and how long the rest will take."""
        now = time.monotonic()
        if self.style == "none" or (fraction < 1 and now - self._last < SECONDS_BETWEEN_UPDATES):
            return
        self._last = now
        elapsed = now - self._start
        left = elapsed * (1 - fraction) / fraction if fraction > 0.01 else None
        if self.style == "json":
            self._line({"fraction": round(fraction, 4), "stage": stage, "elapsed": round(elapsed, 2),
                        "left": None if left is None else round(left, 2)})  # fmt: skip
            return
        done = round(fraction * BAR_WIDTH)
        rest = f" {_clock(left)} left" if left is not None and fraction < 1 else f" {_clock(elapsed)}"
        text = f"[{'#' * done}{'.' * (BAR_WIDTH - done)}] {fraction:4.0%} {stage}{rest}"
        sys.stderr.write("\r" + text.ljust(self._shown))
        sys.stderr.flush()
        self._shown = len(text)

    def on_frame(self, number: int, path: Path) -> None:
        """Tell programs that a frame is finished."""
        if self.style == "json":
            self._line({"frame": number, "path": str(path)})

    def note(self, text: str) -> None:
        """Tell what the user should know although all went well."""
        self.end()
        if self.style == "json":
            self._line({"note": text})
        else:
            sys.stderr.write(f"limner: {text}\n")

    def end(self) -> None:
        """Leave the bar's line."""
        if self._shown:
            sys.stderr.write("\n")
            self._shown = 0

    def interrupted(self) -> None:
        """Tell that the user stopped it."""
        # straight to the descriptor: a signal may have come in the middle of a write to sys.stderr
        os.write(2, (b"\n" if self._shown else b"") + b"limner: interrupted\n")
        self._shown = 0

    def refuse(self, error: LimnerError) -> None:
        """Show an error: code, cause and remedy."""
        self.end()
        if self.style == "json":
            self._line({"error": error.to_json()})
        else:
            sys.stderr.write(f"limner: {error.code}\n  cause:  {error.cause}\n  remedy: {error.remedy}\n")

    @staticmethod
    def _line(data: dict[str, object]) -> None:
        sys.stderr.write(json.dumps(data) + "\n")
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def as_refusal(error: Exception) -> LimnerError:
    """Any exception as a typed error; the traceback of one nobody foresaw is shown when LIMNER_TRACEBACK is set."""
    if isinstance(error, LimnerError):
        return error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return LimnerError(
            "OUT_OF_MEMORY", f"There is not enough memory ({error}).", "Close other programs or choose a smaller size."
        )
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return LimnerError("WRONG_USE", f"The name {str(error.filename)[:60]}... is too long.", "Choose a shorter one.")
    if os.environ.get("LIMNER_TRACEBACK"):
        traceback.print_exception(error)
    return LimnerError(
        "INTERNAL",
        f"{type(error).__name__}: {error}",
        "This is a fault of Limner: set LIMNER_TRACEBACK=1, run it again and report what it prints.",
    )
