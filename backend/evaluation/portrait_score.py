"""What was measured of one portrait, what it misses, and the table of many."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

TURNS = {f"yaw {angle}": (0.0, 0.0, float(angle)) for angle in (-30, -15, 15, 30)}
TURNS |= {f"pitch {angle}": (float(angle), 0.0, 0.0) for angle in (-10, 10)}
JAW_STEPS = tuple(round(step * 0.1, 1) for step in range(7))
# what issue 2 asks
PERSON_PSNR, FRAME_PSNR, TURN_DEGREES, BLINK_RATIO = 30.0, 26.0, 5.0, 0.4
# Degrees from the camera beyond which nothing measures a turn within TURN_DEGREES: of complete heads turned by 65 the
# landmarks tell 55 to 59, of those turned by 70 mostly nothing (tests/capture/test_fit.py).
MEASURABLE_TURN = 60.0


@dataclass
class PortraitScore:
    """What was measured of one picture; ``None`` where no face was found again.

    Args:
        name: file name of the picture.
        error: code and cause of the refusal, if it was refused.
        seconds: to reconstruct.
        person_psnr: of the source view inside the person mask, decibels.
        frame_psnr: of the source view over the whole frame, decibels.
        person_ssim: of the source view inside the person mask.
        turn_errors: degrees between asked and refitted angle about the asked axis, for each of ``TURNS``.
        rotation_errors: degrees between the asked and the refitted rotation as a whole.
        hole_pixels: pixels without depth enclosed by the person, largest over all the turned views.
        apertures: lip aperture over inter-ocular distance at each of ``JAW_STEPS``.
        blink_ratios: eye aspect ratio with closed over open lids, for ``left`` and ``right``.
        symmetry: lesser over greater movement of the two sides for smile and brows up.
        travel: greater movement over inter-ocular distance for smile, brows up, and change of mouth width for pucker.
        off_axis: degrees between face and camera, for each of ``TURNS`` that goes beyond ``MEASURABLE_TURN``: they are
            shown, but miss nothing.
    """

    name: str
    error: str | None = None
    seconds: float | None = None
    person_psnr: float | None = None
    frame_psnr: float | None = None
    person_ssim: float | None = None
    turn_errors: dict[str, float | None] = field(default_factory=dict)
    rotation_errors: dict[str, float | None] = field(default_factory=dict)
    hole_pixels: int = 0
    apertures: list[float | None] = field(default_factory=list)
    blink_ratios: dict[str, float | None] = field(default_factory=dict)
    symmetry: dict[str, float | None] = field(default_factory=dict)
    travel: dict[str, float | None] = field(default_factory=dict)
    off_axis: dict[str, float] = field(default_factory=dict)

    @property
    def jaw_monotonic(self) -> bool:
        """Whether every step of the jaw opened the lips further."""
        found = [value for value in self.apertures if value is not None]
        return len(found) == len(self.apertures) > 0 and all(a < b for a, b in pairwise(found))

    @property
    def failures(self) -> list[str]:
        """What misses the budget, in words."""
        if self.error:
            return [self.error]
        wrong = []
        if self.person_psnr is None or not self.person_psnr >= PERSON_PSNR:
            wrong.append("person PSNR")
        if self.frame_psnr is None or not self.frame_psnr >= FRAME_PSNR:
            wrong.append("frame PSNR")
        measured = {name: error for name, error in self.turn_errors.items() if name not in self.off_axis}
        wrong += [name for name, error in measured.items() if error is None or error > TURN_DEGREES]
        if not self.jaw_monotonic:
            wrong.append("jaw")
        wrong += [f"blink {side}" for side, ratio in self.blink_ratios.items() if ratio is None or ratio >= BLINK_RATIO]
        return wrong


def write_report(scores: list[PortraitScore], output: Path) -> None:
    """Write ``portraits.json`` and ``portraits.md`` into ``output``."""
    output.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(score), "jaw_monotonic": score.jaw_monotonic, "failures": score.failures} for score in scores]
    (output / "portraits.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (output / "portraits.md").write_text(table(scores), encoding="utf-8")


def table(scores: list[PortraitScore]) -> str:
    """The scores as a Markdown table; the budgets are in the heading."""
    head = [
        "picture",
        "s",
        f"person dB >= {PERSON_PSNR:g}",
        f"frame dB >= {FRAME_PSNR:g}",
        "SSIM",
        *(f"{name} err <= {TURN_DEGREES:g}" for name in TURNS),
        "holes px",
        "aperture 0..0.6",
        f"blink L, R < {BLINK_RATIO:g}",
        "misses",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for score in scores:
        if score.error:
            cells = [score.name, *[""] * (len(head) - 2), score.error]
        else:
            cells = [
                score.name,
                text(score.seconds, 1),
                text(score.person_psnr),
                text(score.frame_psnr),
                text(score.person_ssim, 3),
                *(_turn(score, name) for name in TURNS),
                str(score.hole_pixels),
                " ".join(text(value) for value in score.apertures),
                ", ".join(text(value) for value in score.blink_ratios.values()),
                ", ".join(score.failures) or "none",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    if any(score.off_axis for score in scores):
        lines += ["", f"In brackets: degrees from the camera, beyond the {MEASURABLE_TURN:g} that landmarks can tell."]
    return "\n".join(lines) + "\n"


def _turn(score: PortraitScore, name: str) -> str:
    error = text(score.turn_errors.get(name), 1)
    return f"{error} ({score.off_axis[name]:.0f}°)" if name in score.off_axis else error


def text(value: float | None, digits: int = 2) -> str:
    """A number for a table or label; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"
