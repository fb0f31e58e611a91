"""A stream seen in overlapping windows, so that what looks at neighbours needs little memory and hardly differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """A stretch of a stream and what surrounds it.

    Args:
        values: [before + length + after, ...].
        before: how many of them lie before the window's own; fewer than asked only near the start.
        length: how many are the window's own.
    """

    values: np.ndarray
    before: int
    length: int


def overlapping(blocks: Iterable[np.ndarray], length: int, before: int, after: int) -> Iterator[Window]:
    """Cut a stream into windows whose own stretches follow one another.

    Args:
        blocks: [n, ...] consecutive stretches of any length.
        length: of every window but the last, which may be shorter.
        before: values of what went before that each window sees too.
        after: values of what follows.

    Yields:
        Windows, in order; none where there are no blocks.
    """
    waiting: list[np.ndarray] = []
    size = seen = 0  # values that wait, and how many of them, the first, belong to windows already gone
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size - seen > length + after:
            values = np.concatenate(waiting)
            while len(values) - seen > length + after:
                yield Window(values[: seen + length + after], seen, length)
                values, seen = _advanced(values, seen + length, before)
            waiting, size = [values], len(values)
    if waiting:
        values = np.concatenate(waiting)
        while len(values) - seen > length:
            yield Window(values[: seen + length + after], seen, length)
            values, seen = _advanced(values, seen + length, before)
        yield Window(values, seen, len(values) - seen)


def _advanced(values: np.ndarray, gone: int, before: int) -> tuple[np.ndarray, int]:
    """What is left when the first values are gone but for the last ``before`` of them, and how many those are."""
    keep = min(before, gone)
    return values[gone - keep :], keep
