"""Windows of a stream, however its blocks fall."""

from __future__ import annotations

import numpy as np
import pytest

from backend.motion.overlap import overlapping


@pytest.mark.parametrize("total", [0, 1, 9, 10, 11, 20, 23, 24, 57])
@pytest.mark.parametrize("pieces", [1, 4, 40])
def test_own_stretches_follow_one_another_and_see_their_neighbours(total: int, pieces: int) -> None:
    stream = np.arange(total)
    done = 0
    for window in overlapping(np.array_split(stream, pieces), 10, 4, 3):
        first = done - min(done, 4)
        assert window.before == done - first
        assert window.values.tolist() == stream[first : done + window.length + 3].tolist()
        assert window.length == min(10, total - done)
        done += window.length
    assert done == total


def test_a_stream_is_not_held() -> None:
    taken = 0

    def blocks():
        nonlocal taken
        for start in range(1000):
            taken += 7
            yield np.arange(start * 7, start * 7 + 7)

    ends = 0
    for window in overlapping(blocks(), 10, 4, 3):
        ends += window.length
        assert taken - ends <= 3 + 2 * 7
