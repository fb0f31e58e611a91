"""``limner benchmark``: how fast and how large, as medians with the machine's name, beside the budgets."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from shared.errors import LimnerError
from shared.progress import Progress, silent

from .machine import ROOT, machine
from .measurements import ANSWER

DEMO_SPEECH = ROOT / "installer" / "media" / "speech.flac"  # in a checkout
LONGEST = 3600.0  # seconds a measurement may take
MAKINGS = 3  # how often the default kind is reconstructed at most
REAL3D_MIB = 2500e6 / (1 << 20)  # the published code's peak is 4064 MB
FLAT_MIB = 16.0  # growth over the frames after which memory is not called flat: the noise of the allocator


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Args:
        name: what was measured.
        value: the median.
        unit: of ``value``.
        budget: the most it may be on two cores without a GPU, where there is a budget.
        least: the smallest of the repeats.
        most: the largest of the repeats.
        repeats: how many there were.
    """

    name: str
    value: float
    unit: str
    budget: float | None = None
    least: float | None = None
    most: float | None = None
    repeats: int = 1

    @property
    def within(self) -> bool | None:
        """Whether the budget is kept; ``None`` without one."""
        return None if self.budget is None else self.value <= self.budget


def run_benchmark(
    references: Sequence[Path] = (),
    output_json: Path | None = None,
    repeats: int = 5,
    frames: int = 2000,
    speech: Path | None = None,
    device: str = "auto",
    progress: Progress = silent,
    weights: Path | None = None,
) -> tuple[str, list[Result]]:
    """Measure everything, each measurement in a process of its own.

    Args:
        references: pictures of the person; scikit-image's astronaut where there are none.
        output_json: where to write all the numbers.
        repeats: of whatever is measured more than once.
        frames: how many preview frames the test of memory renders.
        speech: sound for the demo's stages; the demo's own where there is none.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: told which measurement runs, four times a second; may cancel.
        weights: what ``limner import-real3d`` wrote: avatars of the kind ``real3d`` are measured instead.

    Returns:
        The table in Markdown, and its lines.

    Raises:
        LimnerError: whatever a measurement was refused with; ``INTERNAL`` when one dies.
    """
    if speech is None and DEMO_SPEECH.is_file():
        speech = DEMO_SPEECH
    where = machine()
    with tempfile.TemporaryDirectory(prefix="limner-benchmark-") as folder:
        pictures = [str(Path(path).resolve()) for path in references] or [str(_astronaut(Path(folder)))]
        avatar = str(Path(folder) / "avatar.limner")
        plan = (
            _plan(pictures, avatar, repeats, frames, speech, device)
            if weights is None
            else _real3d_plan(pictures, avatar, repeats, frames, str(weights.resolve()), device)
        )
        answers = []
        for index, (name, arguments) in enumerate(plan):
            answers.append(_measure(name, arguments, index / len(plan), progress))
        progress(1.0, "done")
    results = _results(answers, min(repeats, MAKINGS)) if weights is None else _real3d_results(answers)
    report = {
        "machine": where,
        "results": [{**asdict(result), "within_budget": result.within} for result in results],
        "measurements": [
            {"name": name, "arguments": arguments, **answer} for (name, arguments), answer in zip(plan, answers)
        ],
    }
    if output_json is not None:
        try:
            output_json.parent.mkdir(parents=True, exist_ok=True)
            output_json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise LimnerError(
                "OUTPUT_NOT_WRITABLE", f"{output_json} cannot be written ({error.strerror}).", "Choose another place."
            ) from error
    return table(where, results), results


def _plan(
    pictures: list[str], avatar: str, repeats: int, frames: int, speech: Path | None, device: str
) -> list[tuple[str, dict[str, Any]]]:
    """Measurements of the default kind and their arguments."""
    return [
        *[("reconstruct", {"references": pictures, "output": avatar})] * min(repeats, MAKINGS),
        ("frames", {"avatar": avatar, "size": 512, "quality": "final", "repeats": repeats, "device": device}),
        ("frames", {"avatar": avatar, "size": 256, "quality": "preview", "repeats": repeats * 4, "device": device}),
        ("pncc", {"size": 512, "repeats": repeats * 10}),
        (
            "demo",
            {
                "references": pictures,
                "speech": str(speech.resolve()) if speech else None,
                "size": 512,
                "count": repeats * 5,
                "device": device,
            },
        ),
        ("memory", {"avatar": avatar, "size": 256, "quality": "preview", "count": frames, "device": device}),
    ]


def _real3d_plan(
    pictures: list[str], avatar: str, repeats: int, frames: int, weights: str, device: str
) -> list[tuple[str, dict[str, Any]]]:
    """Measurements of the published networks and their arguments."""
    return [
        ("planes", {"references": pictures, "weights": weights, "repeats": repeats}),
        ("reconstruct", {"references": pictures, "output": avatar, "weights": weights}),
        ("frames", {"avatar": avatar, "size": 512, "quality": "final", "repeats": repeats, "device": device}),
        ("frames", {"avatar": avatar, "size": 512, "quality": "preview", "repeats": repeats, "device": device}),
        ("memory", {"avatar": avatar, "size": 512, "quality": "preview", "count": frames, "device": device}),
    ]


def _astronaut(folder: Path) -> Path:
    from PIL import Image
    from skimage.data import astronaut

    path = folder / "astronaut.png"
    Image.fromarray(astronaut()).save(path)
    return path


def _measure(name: str, arguments: dict[str, Any], fraction: float, progress: Progress) -> dict[str, Any]:
    """Run one measurement in its own process; stopped when ``progress`` cancels."""
    command = [sys.executable, "-m", "backend.evaluation.measurements", name, json.dumps(arguments)]
    # files, not pipes: nothing blocks however much is printed
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=errors, cwd=ROOT)
        try:
            while process.poll() is None:
                progress(fraction, f"measuring {name}, {time.perf_counter() - start:.0f} s")
                if time.perf_counter() - start > LONGEST:
                    raise LimnerError("INTERNAL", f"Measuring {name} took over an hour.", "Ask for fewer frames.")
                try:
                    process.wait(0.25)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        wall = time.perf_counter() - start
        out.seek(0)
        errors.seek(0)
        lines = [line for line in out.read().splitlines() if line.startswith(ANSWER)]
        if process.returncode or not lines:
            tail = " ".join(errors.read().strip().splitlines()[-1:])
            raise LimnerError(
                "INTERNAL", f"Measuring {name} ended with status {process.returncode}: {tail}", "Report this as a bug."
            )
    answer = json.loads(lines[-1].removeprefix(ANSWER))
    if "error" in answer:
        raise LimnerError.from_json(answer["error"])
    return {**answer, "wall_seconds": wall}


def _many(name: str, values: Sequence[float], unit: str, budget: float | None = None, scale: float = 1) -> Result:
    scaled = [value * scale for value in values]
    return Result(name, median(scaled), unit, budget, min(scaled), max(scaled), len(scaled))


def _results(answers: list[dict[str, Any]], makings: int) -> list[Result]:
    made, (final, preview, pncc, demo, memory) = answers[:makings], answers[makings:]
    return [
        _many("reconstruct, the whole command", [answer["wall_seconds"] for answer in made], "s", 20.0),
        _many("reconstruct, imports left out", [answer["seconds"] for answer in made], "s"),
        _many("reconstruct, peak memory", [answer["peak_mib"] for answer in made], "MiB", 3072.0),
        Result(".limner file", made[-1]["file_mib"], "MiB"),
        Result("load avatar", final["load_seconds"], "s"),
        Result("first final frame, 512 px", final["first_seconds"], "s"),
        _many("final frame, 512 px", final["seconds"], "s", 2.0),
        Result("final frame, peak memory", final["peak_mib"], "MiB"),
        Result("first preview frame, 256 px", preview["first_seconds"], "s"),
        _many("preview frame, 256 px", preview["seconds"], "s", 0.4),
        _many("PNCC, 512 px", pncc["seconds"], "ms", 10.0, 1000),
        *_growth(memory),
        *(Result(f"demo: {stage}", seconds, "s") for stage, seconds in demo["stages"].items()),
        Result("demo: all stages", sum(demo["stages"].values()), "s", 600.0),
    ]


def _real3d_results(answers: list[dict[str, Any]]) -> list[Result]:
    lifted, made, exact, fast, memory = answers
    return [
        Result("image to planes, laid out while the face is found", lifted["prepare_seconds"], "s"),
        Result("image to planes, the first time", lifted["first_seconds"], "s"),
        _many("image to planes", lifted["seconds"], "s", 2.0),
        Result("reconstruct, the whole command", made["wall_seconds"], "s"),
        Result("reconstruct, peak memory", made["peak_mib"], "MiB", REAL3D_MIB),
        Result(".limner file", made["file_mib"], "MiB"),
        Result("load avatar", exact["load_seconds"], "s"),
        Result("first final frame, 512 px", exact["first_seconds"], "s"),
        _many("final frame (exact), 512 px", exact["seconds"], "s", 3.5),
        Result("final frame, peak memory", exact["peak_mib"], "MiB", REAL3D_MIB),
        Result("first preview frame, 512 px", fast["first_seconds"], "s"),
        _many("preview frame (fast), 512 px", fast["seconds"], "s", 1.2),
        Result("preview frame, peak memory", fast["peak_mib"], "MiB", REAL3D_MIB),
        *_growth(memory),
    ]


def _growth(memory: dict[str, Any]) -> list[Result]:
    return [
        Result(f"growth of memory over {memory['frames']} preview frames", memory["growth_mib"], "MiB", FLAT_MIB),
        Result("peak memory of those", memory["peak_mib"], "MiB"),
    ]


def table(where: dict[str, Any], results: Sequence[Result]) -> str:
    """The results as Markdown."""
    lines = [
        f"{where['processor']}, {where['cores']} cores, {where['memory_gib']} GiB, "
        f"GPU {where['gpu'] or 'none'}, load before {where['load']} ({where['name']})",
        f"{where['system']}, Python {where['python']}, torch {where['torch']} with {where['torch_threads']} "
        f"threads, commit {where['commit']}, {where['when']}",
        "",
        "| what | median | from - to | of | budget | |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for result in results:
        span = "" if result.least is None else f"{_number(result.least)} - {_number(result.most or 0)}"
        budget = "" if result.budget is None else f"{_number(result.budget)} {result.unit}"
        verdict = {None: "", True: "kept", False: "MISSED"}[result.within]
        value = f"{_number(result.value)} {result.unit}"
        lines.append(f"| {result.name} | {value} | {span} | {result.repeats} | {budget} | {verdict} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
