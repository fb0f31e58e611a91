"""The benchmark's arithmetic, its table, and that a measurement in its own process answers or says why not."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from backend.evaluation import benchmark, measurements
from backend.evaluation.machine import machine
from shared.errors import Cancelled, LimnerError
from shared.progress import silent

ANSWERS = [
    {"wall_seconds": 9.0, "seconds": 6.0, "import_seconds": 2, "peak_mib": 900.0, "file_mib": 3.5},
    {"wall_seconds": 25.0, "seconds": 7.0, "import_seconds": 2, "peak_mib": 1100.0, "file_mib": 3.5},
    {"wall_seconds": 21.0, "seconds": 8.0, "import_seconds": 2, "peak_mib": 1000.0, "file_mib": 3.5},
    {"load_seconds": 0.5, "first_seconds": 3.0, "seconds": [1.0, 2.5, 1.5], "peak_mib": 800.0},
    {"load_seconds": 0.5, "first_seconds": 1.0, "seconds": [0.3, 0.2], "peak_mib": 700.0},
    {"first_seconds": 0.2, "seconds": [0.008, 0.006, 0.007]},
    {"stages": {"reconstruct": 6.0, "load": 1.0}, "peak_mib": 1500.0},
    {"frames": 2000, "growth_mib": 3.0, "peak_mib": 720.0, "resident_mib": [700.0, 703.0]},
]


def test_medians_stand_beside_their_budgets() -> None:
    results = {result.name: result for result in benchmark._results(ANSWERS, 3)}
    whole = results["reconstruct, the whole command"]
    assert (whole.value, whole.least, whole.most, whole.repeats, whole.within) == (21.0, 9.0, 25.0, 3, False)
    assert results["final frame, 512 px"].value == 1.5 and results["final frame, 512 px"].within
    assert results["PNCC, 512 px"].value == pytest.approx(7)
    assert results["demo: all stages"].value == 7
    assert results["load avatar"].within is None
    text = benchmark.table(machine(), list(results.values()))
    assert "| reconstruct, the whole command | 21 s | 9 - 25 | 3 | 20 s | MISSED |" in text
    assert "| growth of memory over 2000 preview frames | 3 MiB |  | 1 | 16 MiB | kept |" in text


def test_a_measurement_answers_from_its_own_process() -> None:
    answer = benchmark._measure("pncc", {"size": 128, "repeats": 3}, 0.0, silent)
    assert len(answer["seconds"]) == 3 and 0 < min(answer["seconds"]) < answer["wall_seconds"]


def test_a_measurement_that_dies_says_so_and_a_cancelled_one_stops() -> None:
    with pytest.raises(LimnerError, match=r"INTERNAL.*no_such.*KeyError"):
        benchmark._measure("no_such", {}, 0.0, silent)

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        benchmark._measure("pncc", {"size": 128, "repeats": 100000}, 0.0, stop)


def test_no_two_frames_of_the_lively_clip_are_alike() -> None:
    clip = measurements.lively_clip(50)
    rows = {(*row, *turn) for row, turn in zip(clip.coefficients.tolist(), clip.rotation.tolist())}
    assert len(rows) == 50 and clip.coefficients.min() >= 0 and clip.coefficients.max() <= 1


def test_memory_is_read_in_mebibytes() -> None:
    before = measurements.memory_now()
    block = mmap.mmap(-1, 64 << 20)  # fresh pages: a bytearray may lie in memory that the process already holds
    block.write(b"\1" * (64 << 20))
    grown = measurements.memory_now() - before
    block.close()
    assert grown == pytest.approx(64, abs=8)
    assert measurements.memory_peak() >= measurements.memory_now() - 1
    assert 20 < before < 20000


def test_the_machine_has_a_name(tmp_path: Path) -> None:
    found = machine()
    assert found["cores"] >= 1 and found["processor"] and found["torch"]
