"""How good an avatar of one photograph is: what it must show, measured for every picture in a folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_fill_holes
from scipy.spatial.transform import Rotation

from backend.avatars.interface import Avatar, Frame, FrameRequest
from backend.capture.detection import FaceLandmarks, detect_faces
from backend.capture.fit import HeadFit, fit_heads, fit_pose
from backend.capture.image import load_image
from shared.arkit import ARKIT_INDEX
from shared.errors import LimnerError
from shared.progress import Progress, part, silent

from . import metrics
from .contact_sheet import contact_sheet
from .portrait_score import (
    BLINK_RATIO,
    FRAME_PSNR,
    JAW_STEPS,
    MEASURABLE_TURN,
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
SHOTS = 3 + len(TURNS) + len(JAW_STEPS) + len(EXPRESSIONS)
MEASURABLE_SIDE = 160  # pixels of a face below which its landmarks are too rough
LARGEST_SIZE = 1536
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
        size: longer side of the renders in pixels; where that leaves too little of the face to be measured, turns and
            expressions are rendered larger.
        progress: told before every render.
    """
    sitting = _Sitting(avatar, PortraitScore(name), size, progress)
    source = sitting.compare(photograph, person_mask)
    face = _face(source.rgba)
    if face is not None and face.side < MEASURABLE_SIDE:
        sitting.size = min(LARGEST_SIZE, round(size * MEASURABLE_SIDE / face.side))
        source = sitting.shoot("source, larger")
        face = _face(source.rgba)
    sitting.turn(None if face is None else fit_heads([face], [(source.rgba.shape[1], source.rgba.shape[0])])[0])
    sitting.open_jaw()
    sitting.act(None if face is None else face.points)
    if sheet is not None:
        height, width = source.rgba.shape[:2]
        rows, columns = _around(None if face is None else face.points, height, width)
        close = [(picture[rows, columns], label, good) for picture, label, good in sitting.pictures[3:]]
        contact_sheet(sitting.pictures[:3] + close, sheet)  # the first three whole, then near enough to judge
    progress(1.0, name)
    return sitting.score


class _Sitting:
    """One avatar being measured: what was found, and the pictures for its sheet."""

    def __init__(self, avatar: Avatar, score: PortraitScore, size: int, progress: Progress) -> None:
        self.avatar, self.score, self.size, self.progress = avatar, score, size, progress
        self.pictures: list[tuple[NDArray[np.uint8], str, bool]] = []
        self._shots = 0

    def shoot(self, label: str, values: Mapping[str, float] | None = None, turn: Sequence[float] = (0, 0, 0)) -> Frame:
        """Render one frame: the photograph's expression with some actions changed, the head turned by degrees."""
        self.progress(min(1.0, self._shots / SHOTS), f"{self.score.name}: {label}")
        self._shots += 1
        coefficients = None
        if values is not None:
            coefficients = np.array(self.avatar.coefficients, np.float32)
            for action, value in values.items():
                coefficients[ARKIT_INDEX[action]] = value
        rotation = np.radians(np.asarray(turn, np.float32))
        return self.avatar.render(FrameRequest(coefficients, rotation, size=self.size, passes=("rgba", "depth")))

    def compare(self, photograph: NDArray[np.uint8], person_mask: NDArray[np.float32]) -> Frame:
        """The source view beside the photograph."""
        score, source = self.score, self.shoot("source")
        height, width = source.rgba.shape[:2]
        truth, mask = _resized(photograph, width, height), _resized(person_mask, width, height)
        shown = source.rgba[..., :3]
        score.person_psnr = min(metrics.psnr(shown, truth, mask), PERFECT)
        score.frame_psnr = min(metrics.psnr(shown, truth), PERFECT)
        score.person_ssim = metrics.ssim(shown, truth, mask)
        note = f"source: person {score.person_psnr:.1f} dB\nframe {score.frame_psnr:.1f} dB"
        difference = np.minimum(8 * np.abs(shown.astype(np.int16) - truth), 255).astype(np.uint8)
        self.pictures += [
            (truth, "photograph", True),
            (shown, note, score.person_psnr >= PERSON_PSNR and score.frame_psnr >= FRAME_PSNR),
            (difference, "difference, 8 times", True),
        ]
        return source

    def turn(self, source: HeadFit | None) -> None:
        """Turn the head and fit it again: the head of the ``source`` view, with its shape and expression."""
        score = self.score
        for label, asked in TURNS.items():
            frame = self.shoot(label, turn=asked)
            score.hole_pixels = max(score.hole_pixels, _hole_pixels(frame))
            face = _face(frame.rgba)
            score.turn_errors[label] = score.rotation_errors[label] = None
            off_axis = 0.0 if source is None else metrics.off_axis(_angles(source.head_to_world), np.asarray(asked))
            if off_axis > MEASURABLE_TURN:
                score.off_axis[label] = off_axis
            good, note = label in score.off_axis, "no face found"
            if source is not None and face is not None:
                measured = metrics.relative_turn(_angles(fit_pose(source, face)), _angles(source.head_to_world))
                axis = int(np.argmax(np.abs(asked)))
                error = float(abs(measured[axis] - asked[axis]))
                score.turn_errors[label] = error
                score.rotation_errors[label] = metrics.turn_error(measured, np.asarray(asked))
                good, note = good or error <= TURN_DEGREES, f"measured {measured[axis]:.1f}"
            if label in score.off_axis:
                note += f", {off_axis:.0f} off axis"
            self.pictures.append((frame.rgba, f"{label}\n{note}", good))

    def open_jaw(self) -> None:
        """Open the jaw step by step and measure the lips."""
        before = -1.0
        for step in JAW_STEPS:
            frame = self.shoot(f"jawOpen {step}", {"jawOpen": step})
            face = _face(frame.rgba)
            aperture = None if face is None else metrics.lip_aperture(face.points)
            self.score.apertures.append(aperture)
            wider = aperture is not None and aperture > before
            before = before if aperture is None else aperture
            self.pictures.append((frame.rgba, f"jawOpen {step}\naperture {text(aperture, 3)}", wider))

    def act(self, source: Landmarks | None) -> None:
        """Blink, smile, pucker, lift the brows and look aside; ``source`` is the face in the source view."""
        lids_open = _face(self.shoot("lids open", dict.fromkeys(EXPRESSIONS["blink"], 0.0)).rgba)
        for label, values in EXPRESSIONS.items():
            frame = self.shoot(label, values)
            face = _face(frame.rgba)
            points = None if face is None else face.points
            if label == "blink":
                note, good = self._blink(points, None if lids_open is None else lids_open.points)
            elif points is None or source is None:
                self.score.travel[label] = None
                note, good = "no face found", False
            else:
                note, good = self._move(label, points, source), True
            self.pictures.append((frame.rgba, f"{label}\n{note}", good))

    def _blink(self, points: Landmarks | None, lids_open: Landmarks | None) -> tuple[str, bool]:
        ratios = self.score.blink_ratios
        for side in ("left", "right"):
            ratios[side] = None
            if points is not None and lids_open is not None:
                ratios[side] = metrics.eye_aspect_ratio(points, side) / metrics.eye_aspect_ratio(lids_open, side)
        good = all(ratio is not None and ratio < BLINK_RATIO for ratio in ratios.values())
        return f"EAR ratio L {text(ratios['left'])} R {text(ratios['right'])}", good

    def _move(self, label: str, points: Landmarks, source: Landmarks) -> str:
        score = self.score
        if label == "pucker":
            score.travel[label] = change = metrics.mouth_width(points) - metrics.mouth_width(source)
            return f"mouth width {change:+.3f}"
        if label not in ("smile", "brows up"):
            return ""
        sides = (metrics.corner_travel if label == "smile" else metrics.brow_travel)(points, source)
        score.travel[label] = max(sides.values())
        score.symmetry[label] = min(sides.values()) / max(*sides.values(), 1e-9)
        return f"moved L {sides['left']:.3f} R {sides['right']:.3f}"


def evaluate_portraits(
    folder: Path,
    output: Path,
    size: int = 512,
    only: str | None = None,
    progress: Progress = silent,
    weights: Path | None = None,
) -> list[PortraitScore]:
    """Reconstruct and measure every picture in ``folder``; sheets, table and JSON land in ``output``.

    Args:
        folder: where the pictures are.
        output: folder for ``NAME.png``, ``portraits.json`` and ``portraits.md``.
        size: longer side of the renders in pixels.
        only: measure only pictures whose name contains this.
        progress: told which picture is at work.
        weights: what ``limner import-real3d`` wrote, for avatars of the kind ``real3d``.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` when there is no picture, and what reading the weights raises. A picture that is
            refused is part of the result.
    """
    if not folder.is_dir():
        raise LimnerError("FILE_NOT_FOUND", f"{folder} is no folder.", "Name a folder of pictures.")
    paths = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and (only or "") in path.name
    )
    if not paths:
        raise LimnerError("FILE_NOT_FOUND", f"{folder} holds no pictures.", "Name a folder of pictures.")
    from backend.avatars.file import choose_device  # heavy: only when there is work
    from backend.avatars.reconstruct import BUILDERS, reconstruct

    kind = "real3d" if weights else "zera"
    BUILDERS[kind](choose_device("auto"), weights, None)  # what is wrong with the weights is no picture's fault
    scores = []
    for index, path in enumerate(paths):
        inner = part(progress, index / len(paths), (index + 1) / len(paths))
        start = time.perf_counter()
        try:
            avatar, _ = reconstruct([path], kind, progress=part(inner, 0.0, 0.3), weights=weights)
            seconds = time.perf_counter() - start
            score = _score_file(avatar, path, output / f"{path.stem}.png", size, part(inner, 0.3, 1.0))
            score.seconds = seconds
        except LimnerError as error:
            score = PortraitScore(path.name, error=f"{error.code}: {error.cause}")
        scores.append(score)
        write_report(scores, output)
    return scores


def _score_file(avatar: Any, path: Path, sheet: Path, size: int, progress: Progress) -> PortraitScore:
    # the networks of real3d know square pictures: theirs is a crop of the photograph
    photograph = avatar.portrait.reference if avatar.kind == "real3d" else load_image(path).rgb
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
    side = int(min(2.2 * (high - low).max(), height, width))
    left, top = ((low + high) / 2 - side / 2).astype(int)
    left, top = int(np.clip(left, 0, width - side)), int(np.clip(top, 0, height - side))
    return slice(top, top + side), slice(left, left + side)


def _hole_pixels(frame: Frame) -> int:
    """Pixels without anything in them that the person encloses."""
    if frame.depth is None:
        return 0
    person = np.isfinite(frame.depth)
    return int(np.count_nonzero(binary_fill_holes(person) & ~person))


def _face(rgb: NDArray[np.uint8]) -> FaceLandmarks | None:
    """The largest face that mediapipe finds, or ``None``."""
    faces = detect_faces(np.ascontiguousarray(rgb[..., :3]))
    return faces[0] if faces else None


def _angles(head_to_world: NDArray[np.float64]) -> NDArray[np.float64]:
    """[3] XYZ Euler angles in radians of a pose [4, 4]."""
    return Rotation.from_matrix(head_to_world[:3, :3]).as_euler("xyz")
