"""What was measured of avatars that re-enact a film, and the table of many films."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import metrics

COLUMNS = ("PSNR", "SSIM", "face PSNR", "landmarks %", "lips r", "lids r")


@dataclass(frozen=True)
class Likeness:
    """How near a series of pictures comes to the film's own, means over the pictures.

    Args:
        psnr: over the whole frame, decibels.
        ssim: over the whole frame.
        face_psnr: in the box of the film's landmarks, decibels.
        landmarks: mean distance of mediapipe's landmarks over the inter-ocular distance; ``None`` without faces.
        lips: correlation over time of the lips' aperture with the film's; ``None`` where it does not change.
        lids: the same of the eye aspect ratio.
        lost: pictures in which no face was found though the film's shows one.
    """

    psnr: float
    ssim: float
    face_psnr: float | None
    landmarks: float | None
    lips: float | None
    lids: float | None
    lost: int


@dataclass
class FilmScore:
    """What was measured of one film.

    Args:
        name: file name of the film.
        error: code and cause of the refusal, if it was refused.
        reference: second of the picture that the avatar was made from.
        pictures: how many were compared.
        hidden: pictures of the film that show no face.
        likeness: by what stands for the film: ``avatar``, ``still`` (the reference picture itself) and others.
    """

    name: str
    error: str | None = None
    reference: float = 0.0
    pictures: int = 0
    hidden: int = 0
    likeness: dict[str, Likeness] = field(default_factory=dict)


def likeness(
    truth: Sequence[NDArray[np.uint8]],
    truth_points: Sequence[NDArray[np.floating] | None],
    shown: Sequence[NDArray[np.uint8]],
    shown_points: Sequence[NDArray[np.floating] | None],
) -> Likeness:
    """Compare pictures [H, W, 3] and landmarks [478, 2 or 3], ``None`` without face, with the film's."""
    both = [
        (a[:, :2], b[:, :2]) for a, b in zip(shown_points, truth_points, strict=True) if a is not None and b is not None
    ]
    faces = [
        metrics.psnr(a[_box(points)], b[_box(points)])
        for a, b, points in zip(shown, truth, truth_points, strict=True)
        if points is not None
    ]
    return Likeness(
        psnr=float(np.mean([metrics.psnr(a, b) for a, b in zip(shown, truth, strict=True)])),
        ssim=float(np.mean([metrics.ssim(a, b) for a, b in zip(shown, truth, strict=True)])),
        face_psnr=float(np.mean(faces)) if faces else None,
        landmarks=float(np.mean([metrics.landmark_distance(a, b) for a, b in both])) if both else None,
        lips=_correlation([(metrics.lip_aperture(a), metrics.lip_aperture(b)) for a, b in both]),
        lids=_correlation([(_lids(a), _lids(b)) for a, b in both]),
        lost=sum(b is not None for b in truth_points) - len(both),
    )


def _box(points: NDArray[np.floating]) -> tuple[slice, slice]:
    """Rows and columns that hold landmarks."""
    (left, top), (right, bottom) = np.maximum(points[:, :2].min(axis=0), 0), points[:, :2].max(axis=0)
    return slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)


def _lids(points: NDArray[np.floating]) -> float:
    return (metrics.eye_aspect_ratio(points, "left") + metrics.eye_aspect_ratio(points, "right")) / 2


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Pearson's; ``None`` for too few pairs, or where one side does not change."""
    values = np.array(pairs)
    if len(pairs) < 3 or (values.std(axis=0) < 1e-6).any():
        return None
    return float(np.corrcoef(values.T)[0, 1])


def write_report(scores: Sequence[FilmScore], output: Path) -> None:
    """Write ``reenactment.json`` and ``reenactment.md`` into ``output``."""
    output.mkdir(parents=True, exist_ok=True)
    rows = [asdict(score) for score in scores]
    (output / "reenactment.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (output / "reenactment.md").write_text(table(scores), encoding="utf-8")


def table(scores: Sequence[FilmScore]) -> str:
    """The scores as a Markdown table, one line for each film and method."""
    head = ("film", "shown", *COLUMNS, "lost")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for score in scores:
        if score.error:
            lines.append("| " + " | ".join([score.name, score.error, *[""] * (len(head) - 2)]) + " |")
        for name, found in score.likeness.items():
            percent = None if found.landmarks is None else 100 * found.landmarks
            cells = [
                score.name,
                name,
                _text(found.psnr),
                _text(found.ssim, 3),
                _text(found.face_psnr),
                _text(percent),
                _text(found.lips),
                _text(found.lids),
                str(found.lost),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _text(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
