"""The coarse filter: which of many pictures of a person are worth keeping, and why the others are not.

Soft-NMS over pictures: each has a quality; whatever is kept lowers the others' by how much they show the same. (Bodla
et al., "Soft-NMS: improving object detection with one line of code", 2017, with likeness of turn and expression in the
place of overlap.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.capture.correspondence import correspondence
from backend.capture.detection import FaceLandmarks, detect_face
from backend.capture.fit import HeadFit, fit_heads
from backend.capture.head_frame import CHIN, FOREHEAD
from backend.capture.image import WORKING_SIDE, Picture, load_image
from backend.head.model import head_model
from shared.errors import LimnerError
from shared.progress import Progress, silent

# longer sides that a picture is scaled down to; the larger one, which takes more memory, where the face is small
WORKING_SIDES = (WORKING_SIDE, 3072)
ENOUGH_PIXELS = 256  # a face's side
SHARP_SIDE, SHARP = 128, 0.25  # pixels a face is scaled down to, and contrast of its detail to that of the whole
FACING = np.radians([45, 30])  # turn to the side and up or down
ASIDE = 0.35  # what a picture from far aside is worth less
TURN, EXPRESSION = np.radians(20), 0.006  # radians and metres by which pictures differ by one
SIGMA = 0.5  # how much likeness lowers a score
LEAST_SCORE = 0.25  # what is worth keeping
RIGHT_EYE, LEFT_EYE = 33, 263


@dataclass(frozen=True, eq=False)
class Portrayed:
    """A picture and the face on it."""

    picture: Picture
    face: FaceLandmarks

    @cached_property
    def fit(self) -> HeadFit:
        """The head on this picture alone."""
        height, width = self.picture.rgb.shape[:2]
        return fit_heads([self.face], [(width, height)])[0]

    @cached_property
    def quality(self) -> float:
        """Geometric mean of what speaks for a picture: pixels of the face, sharpness, facing the camera, and the share
        of the landmarks inside the picture; each in 0..1.
        """
        points, (height, width) = self.face.points, self.picture.rgb.shape[:2]
        inside = ((points[:, :2] >= 0) & (points[:, :2] < (width, height))).all(axis=1).mean()
        normal = np.cross(points[LEFT_EYE] - points[RIGHT_EYE], points[CHIN] - points[FOREHEAD])
        turn = np.arctan2(normal[:2], abs(normal[2])) / FACING
        facing = 1 - ASIDE * (1 - np.exp(-(turn**2).sum()))
        pixels = min(1.0, self.face.side / ENOUGH_PIXELS)
        return float((pixels * min(1.0, self._detail() / SHARP) * facing * inside) ** 0.25)

    def _detail(self) -> float:
        """Contrast of the face's finest detail, at one size for all, to that of the whole face."""
        height, width = self.picture.rgb.shape[:2]
        left, top, right, bottom = np.clip(self.face.box, 0, (width, height, width, height)).astype(int)
        grey = cv2.cvtColor(self.picture.rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float32)
        shrink = min(1.0, SHARP_SIDE / max(grey.shape))
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        return float(cv2.Laplacian(grey, cv2.CV_32F).std() / (grey.std() + 1.0))


@dataclass
class Verdict:
    """What became of one picture.

    Args:
        path: its file.
        kept: whether it is used.
        reason: why, or why not.
        score: its quality, lowered by what it shows again; 0..1.
    """

    path: Path
    kept: bool
    reason: str
    score: float

    def to_json(self) -> dict[str, Any]:
        """As in reports."""
        return {"path": str(self.path), "kept": self.kept, "reason": self.reason, "score": round(self.score, 3)}


def portrayed(path: Path) -> Portrayed:
    """Read a picture and find its largest face, with more pixels where it is small.

    Raises:
        LimnerError: what reading and finding the face raise, naming the file.
    """
    for side in WORKING_SIDES:
        picture = load_image(path, side)
        try:
            return Portrayed(picture, detect_face(picture.rgb))
        except LimnerError as error:
            scaled_down = error.code == "FACE_TOO_SMALL" and picture.scale < 1
            if scaled_down and side != WORKING_SIDES[-1]:
                continue
            # whoever measures pixels does not know which file they are from
            raise LimnerError(
                error.code,
                f"{path}{f', scaled down to {side} pixels' if scaled_down else ''}: {error.cause}",
                "Crop the picture around the person." if scaled_down else error.remedy,
            ) from error
    raise AssertionError


def coarse_filter(
    paths: Sequence[Path], most: int, progress: Progress = silent
) -> tuple[list[Portrayed], list[Verdict]]:
    """Choose pictures of one person: the first that can be used, which is the main one, and others that add to it.

    Args:
        paths: the pictures; where only one is asked for, no more are looked at than it takes to find one.
        most: how many to keep.
        progress: told which is looked at.

    Returns:
        Those kept, the main one first and then the others as they are worth most; and a verdict on each of ``paths``.

    Raises:
        LimnerError: no picture can be used; what is said of the first.
    """
    verdicts = [Verdict(path, False, "left out: only one picture is kept", 0.0) for path in paths]
    found: dict[int, Portrayed] = {}
    refusals: list[LimnerError] = []
    for index, path in enumerate(paths):
        if len(found) and most == 1:
            break
        progress(index / len(paths), "finding the face")
        try:
            found[index] = portrayed(path)
            verdicts[index].score = found[index].quality
        except LimnerError as error:
            refusals.append(error)
            verdicts[index].reason = f"cannot be used: {error.cause}"
    if not found:
        raise refusals[0]
    chosen = [min(found)]
    verdicts[chosen[0]].kept, verdicts[chosen[0]].reason = True, "the main picture"
    rest = [index for index in found if index != chosen[0]]
    most_like = dict.fromkeys(rest, (0.0, chosen[0]))
    while rest:
        for index in rest:
            alike = likeness(found[index].fit, found[chosen[-1]].fit)
            verdicts[index].score *= float(np.exp(-(alike**2) / SIGMA))
            most_like[index] = max(most_like[index], (alike, chosen[-1]))
        best = max(rest, key=lambda index: verdicts[index].score)
        if len(chosen) == most or verdicts[best].score < LEAST_SCORE:
            break
        chosen.append(best)
        rest.remove(best)
        verdicts[best].kept, verdicts[best].reason = True, "kept"
    for index in rest:
        if verdicts[index].score < LEAST_SCORE and found[index].quality >= LEAST_SCORE:
            alike_to = paths[most_like[index][1]].name
            verdicts[index].reason = f"left out: it shows nearly the same turn and expression as {alike_to}"
        else:
            verdicts[index].reason = "left out: others are better"
    return [found[index] for index in chosen], verdicts


def likeness(first: HeadFit, second: HeadFit) -> float:
    """How much two pictures of a person show the same, by turn of the head and expression: 1 for all, 0 for nothing."""
    axes = [fit.camera.world_to_camera[:3, :3] @ fit.head_to_world[:3, :3] for fit in (first, second)]
    # leaning to a shoulder shows nothing new: the angle between the directions from the head to the cameras
    turn = np.arccos(np.clip(axes[0][2] @ axes[1][2], -1, 1)) / TURN
    return float(np.exp(-(turn**2 + expression_distance(first, second) ** 2) / 2))


def expression_distance(first: HeadFit, second: HeadFit) -> float:
    """How far apart the expressions of two pictures are: below 1 they are much the same."""
    moved = np.tensordot(second.coefficients - first.coefficients, _actions(), axes=1)
    return float(np.percentile(np.linalg.norm(moved, axis=1), 97) / EXPRESSION)


def _actions() -> NDArray[np.float64]:
    """[52, 478, 3] metres by which the facial actions move the landmarks."""
    return np.asarray(correspondence().on(head_model().actions), np.float64)
