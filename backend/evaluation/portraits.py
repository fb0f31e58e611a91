"""How good an avatar of one photograph is: what it must show, measured for every picture in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_fill_holes

from backend.avatars.interface import Avatar, Frame, FrameRequest
from shared.arkit import ARKIT_INDEX
from shared.errors import LimnerError
from shared.progress import Progress, part, silent

from . import metrics
from .contact_sheet import contact_sheet
from .portrait_score import (
    BLINK_RATIO,
    FRAME_PSNR,
    JAW_STEPS,
    PERSON_PSNR,
    TURN_DEGREES,
    TURNS,
    PortraitScore,
    text,
    write_report,
)

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
EXPRESSIONS: dict[str, dict[str, float]] = {
    "blink": {"eyeBlinkLeft": 1, "eyeBlinkRight": 1},
    "smile": {"mouthSmileLeft": 1, "mouthSmileRight": 1},
    "pucker": {"mouthPucker": 1},
    "brows up": {"browInnerUp": 1, "browOuterUpLeft": 1, "browOuterUpRight": 1},
    "look left": {"eyeLookOutLeft": 1, "eyeLookInRight": 1},
}
PERFECT = 99.0  # decibels, for infinity, which JSON does not have

Landmarks = NDArray[np.floating]


def score_avatar(
    avatar: Avatar,
    photograph: NDArray[np.uint8],
    person_mask: NDArray[np.float32],
    name: str,
    sheet: Path | None = None,
    size: int = 512,
    progress: Progress = silent,
) -> PortraitScore:
    """Measure one avatar against its photograph.

    Args:
        avatar: the avatar.
        photograph: [H, W, 3] uint8 upright picture that it was made from.
        person_mask: [H, W] float32 in 0..1, the person in the photograph.
        name: what to call it.
        sheet: where to write the contact sheet, if anywhere.
        size: longer side of the renders in pixels.
        progress: told after every render.
    """
    score = PortraitScore(name)
    pictures: list[tuple[NDArray[np.uint8], str, bool]] = []
    done, total = 0, 2 + len(TURNS) + len(JAW_STEPS) + len(EXPRESSIONS)

    def shoot(label: str, values: Mapping[str, float] | None = None, turn: tuple[float, ...] = (0, 0, 0)) -> Frame:
        nonlocal done
        progress(done / total, f"{name}: {label}")
        coefficients = None
        if values is not None:
            coefficients = np.array(avatar.coefficients, np.float32)
            for action, value in values.items():
                coefficients[ARKIT_INDEX[action]] = value
        rotation = np.radians(np.asarray(turn, np.float32))
        done += 1
        return avatar.render(FrameRequest(coefficients, rotation, size=size, passes=("rgba", "depth")))

    source = shoot("source")
    height, width = source.rgba.shape[:2]
    truth = _resized(photograph, width, height)
    mask = _resized(person_mask, width, height)
    score.person_psnr = min(metrics.psnr(source.rgba[..., :3], truth, mask), PERFECT)
    score.frame_psnr = min(metrics.psnr(source.rgba[..., :3], truth), PERFECT)
    score.person_ssim = metrics.ssim(source.rgba[..., :3], truth, mask)
    pictures.append((truth, "photograph", True))
    pictures.append(
        (
            source.rgba,
            f"source: person {score.person_psnr:.1f} dB\nframe {score.frame_psnr:.1f} dB",
            score.person_psnr >= PERSON_PSNR and score.frame_psnr >= FRAME_PSNR,
        )
    )

    error = 8 * np.abs(source.rgba[..., :3].astype(np.int16) - truth)
    pictures.append((np.minimum(error, 255).astype(np.uint8), "difference, 8 times", True))

    rest = _measured(_head_rotation, source)
    for label, asked in TURNS.items():
        frame = shoot(label, turn=asked)
        score.hole_pixels = max(score.hole_pixels, _hole_pixels(frame))
        rotation = _measured(_head_rotation, frame)
        turned: float | None = None
        axis = int(np.argmax(np.abs(asked)))
        if rest is not None and rotation is not None:
            turn = metrics.relative_turn(rotation, rest)
            turned = float(turn[axis])
            score.turn_errors[label] = abs(turned - asked[axis])
            score.rotation_errors[label] = metrics.turn_error(turn, np.asarray(asked))
        else:
            score.turn_errors[label] = score.rotation_errors[label] = None
        good = turned is not None and abs(turned - asked[axis]) <= TURN_DEGREES
        note = "no face found" if turned is None else f"measured {turned:.1f}"
        pictures.append((frame.rgba, f"{label}\n{note}", good))

    for step in JAW_STEPS:
        frame = shoot(f"jawOpen {step}", {"jawOpen": step})
        points = _measured(_landmarks, frame)
        aperture = None if points is None else metrics.lip_aperture(points)
        wider = aperture is not None and (not score.apertures or aperture > (score.apertures[-1] or 0))
        score.apertures.append(aperture)
        pictures.append((frame.rgba, f"jawOpen {step}\naperture {text(aperture, 3)}", wider))

    face = _measured(_landmarks, source)
    open_lids = {"eyeBlinkLeft": 0.0, "eyeBlinkRight": 0.0}
    open_face = _measured(_landmarks, shoot("lids open", open_lids)) if face is not None else None
    for label, values in EXPRESSIONS.items():
        frame = shoot(label, values)
        points = _measured(_landmarks, frame)
        note, good = _expression(score, label, points, open_face if label == "blink" else face)
        pictures.append((frame.rgba, f"{label}\n{note}", good))
    if sheet is not None:
        rows, columns = _around(face, height, width)
        close = [(picture[rows, columns], label, good) for picture, label, good in pictures]
        contact_sheet(pictures[:3] + close, sheet)  # the first three whole, then everything near enough to judge
    progress(1.0, name)
    return score


def _expression(score: PortraitScore, label: str, points: Landmarks | None, rest: Landmarks | None) -> tuple[str, bool]:
    """Enter the measures of one expression into the score; what to write under it, and whether it is good."""
    if label == "blink":
        for side in ("left", "right"):
            score.blink_ratios[side] = (
                None
                if points is None or rest is None
                else (metrics.eye_aspect_ratio(points, side) / metrics.eye_aspect_ratio(rest, side))
            )
        ratios = score.blink_ratios
        good = all(ratio is not None and ratio < BLINK_RATIO for ratio in ratios.values())
        return f"EAR ratio L {text(ratios['left'])} R {text(ratios['right'])}", good
    if points is None or rest is None:
        score.travel[label] = None
        return "no face found", False
    if label == "pucker":
        score.travel[label] = metrics.mouth_width(points) - metrics.mouth_width(rest)
        return f"mouth width {score.travel[label]:+.3f}", True
    if label in ("smile", "brows up"):
        sides = (metrics.corner_travel if label == "smile" else metrics.brow_travel)(points, rest)
        score.travel[label] = max(sides.values())
        score.symmetry[label] = min(sides.values()) / max(*sides.values(), 1e-9)
        return f"moved L {sides['left']:.3f} R {sides['right']:.3f}", True
    return "", True


def evaluate_portraits(
    folder: Path, output: Path, size: int = 512, only: str | None = None, progress: Progress = silent
) -> list[PortraitScore]:
    """Reconstruct and measure every picture in ``folder``; sheets, table and JSON land in ``output``.

    Args:
        folder: where the pictures are.
        output: folder for ``NAME.png``, ``portraits.json`` and ``portraits.md``.
        size: longer side of the renders in pixels.
        only: measure only pictures whose name contains this.
        progress: told which picture is at work.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` when there is no picture. A picture that is refused is part of the result.
    """
    if not folder.is_dir():
        raise LimnerError("FILE_NOT_FOUND", f"{folder} is no folder.", "Name a folder of pictures.")
    paths = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and (only or "") in path.name
    )
    if not paths:
        raise LimnerError("FILE_NOT_FOUND", f"{folder} holds no pictures.", "Name a folder of pictures.")
    from backend.avatars.reconstruct import reconstruct  # heavy: only when there is work

    scores = []
    for index, path in enumerate(paths):
        inner = part(progress, index / len(paths), (index + 1) / len(paths))
        start = time.perf_counter()
        try:
            avatar, _ = reconstruct([path], progress=part(inner, 0.0, 0.3))
            seconds = time.perf_counter() - start
            score = _score_file(avatar, path, output / f"{path.stem}.png", size, part(inner, 0.3, 1.0))
            score.seconds = seconds
        except LimnerError as error:
            score = PortraitScore(path.name, error=f"{error.code}: {error.cause}")
        scores.append(score)
    write_report(scores, output)
    return scores


def _score_file(avatar: Any, path: Path, sheet: Path, size: int, progress: Progress) -> PortraitScore:
    from backend.capture.image import load_image

    photograph = load_image(path).rgb
    return score_avatar(avatar, photograph, avatar.person_mask, path.name, sheet, size, progress)


def _resized(picture: Any, width: int, height: int) -> Any:
    """A picture or mask at another size, each pixel the mean of what it covers."""
    image = Image.fromarray(picture)
    return np.array(
        image.resize((width, height), Image.Resampling.BOX if image.width > width else Image.Resampling.BICUBIC)
    )


def _around(face: Landmarks | None, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a square that holds the head and its hair; the whole picture where there is no face."""
    if face is None:
        return slice(0, height), slice(0, width)
    low, high = face[:, :2].min(axis=0), face[:, :2].max(axis=0)
    side = int(min(2.6 * (high - low).max(), height, width))
    left, top = ((low + high) / 2 - side / 2).astype(int)
    left, top = int(np.clip(left, 0, width - side)), int(np.clip(top, 0, height - side))
    return slice(top, top + side), slice(left, left + side)


def _hole_pixels(frame: Frame) -> int:
    """Pixels without anything in them that the person encloses."""
    if frame.depth is None:
        return 0
    person = np.isfinite(frame.depth)
    return int(np.count_nonzero(binary_fill_holes(person) & ~person))


def _measured(measure: Callable[[NDArray[np.uint8]], NDArray[Any]], frame: Frame) -> NDArray[Any] | None:
    """A measure of a frame, or ``None`` where no face is found in it."""
    try:
        return measure(np.ascontiguousarray(frame.rgba[..., :3]))
    except LimnerError as error:
        if error.code in ("FACE_NOT_FOUND", "FACE_TOO_SMALL"):
            return None
        raise


def _landmarks(rgb: NDArray[np.uint8]) -> NDArray[Any]:
    from backend.capture.detection import detect_face

    return detect_face(rgb).points


def _head_rotation(rgb: NDArray[np.uint8]) -> NDArray[Any]:
    from backend.capture.fit import measure_head_rotation

    return measure_head_rotation(rgb)
