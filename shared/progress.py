"""How long work tells how far it is, and is told to stop."""

from __future__ import annotations

from collections.abc import Callable

# Called with the fraction done in [0, 1] and the stage in words; raises shared.errors.Cancelled to stop the work.
Progress = Callable[[float, str], None]


def silent(fraction: float, stage: str) -> None:
    """A progress callback that tells nobody."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """A progress callback for one part of the work: its 0..1 becomes ``start``..``end`` of the whole."""

    def scaled(fraction: float, stage: str) -> None:
        progress(start + (end - start) * fraction, stage)

    return scaled
