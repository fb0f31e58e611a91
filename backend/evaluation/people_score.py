"""What was measured of avatars of procedural people, and its mean over many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Match:
    """How near a picture comes to the true one within a region: ``psnr`` in decibels, and ``ssim``."""

    psnr: float
    ssim: float


@dataclass
class PersonScore:
    """What was measured of one person.

    Args:
        seed: of the person.
        style: what they wear on head and body.
        error: code and cause of the refusal, if the picture was refused.
        matches: by what stands for the truth (``avatar``, ``still``), then by view or region of one.
    """

    seed: int
    style: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    matches: dict[str, dict[str, Match]] = field(default_factory=dict)


def mean_matches(scores: Sequence[PersonScore]) -> dict[str, dict[str, Match]]:
    """Means over the people, by what was compared, then by what stood for the truth."""
    found: dict[str, dict[str, list[Match]]] = {}
    for score in scores:
        for method, matches in score.matches.items():
            for name, match in matches.items():
                found.setdefault(name, {}).setdefault(method, []).append(match)
    return {
        name: {
            method: Match(float(np.mean([m.psnr for m in every])), float(np.mean([m.ssim for m in every])))
            for method, every in methods.items()
        }
        for name, methods in found.items()
    }


def write_report(scores: Sequence[PersonScore], output: Path) -> None:
    """Write ``people.json`` and ``people.md`` into ``output``."""
    output.mkdir(parents=True, exist_ok=True)
    rows = {
        "people": [asdict(score) for score in scores],
        "mean": {
            name: {method: asdict(match) for method, match in methods.items()}
            for name, methods in mean_matches(scores).items()
        },
    }
    (output / "people.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (output / "people.md").write_text(table(scores), encoding="utf-8")


def table(scores: Sequence[PersonScore]) -> str:
    """The means as a Markdown table, a line for whatever was compared, and who was refused."""
    means = mean_matches(scores)
    methods = list(dict.fromkeys(method for found in means.values() for method in found))
    head = ["compared", *(f"{method}, {measure}" for method in methods for measure in ("dB", "SSIM"))]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, found in means.items():
        cells = [name]
        for method in methods:
            match = found.get(method)
            cells += ["-", "-"] if match is None else [f"{match.psnr:.2f}", f"{match.ssim:.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    refused = [f"{score.seed}: {score.error}" for score in scores if score.error]
    lines += ["", f"{len(scores) - len(refused)} people, {len(refused)} refused", *refused]
    return "\n".join(lines) + "\n"
