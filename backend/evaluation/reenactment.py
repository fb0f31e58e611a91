"""Self-reenactment: one picture of a film becomes an avatar, the film drives it, and the film itself is the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.avatars.interface import Avatar, FrameRequest
from backend.capture.detection import detect_faces
from backend.capture.face_track import FaceTrack, track_face
from backend.capture.head_track import HeadTrack, KnownHead, track_head
from backend.capture.video import FilmFrame, stream_frames
from backend.motion.video import video_motion
from shared.camera import Camera
from shared.errors import LimnerError
from shared.progress import Progress, part, silent

from . import metrics
from .contact_sheet import contact_sheet
from .reconstruction import AVATAR, avatars_compared
from .reenactment_score import FilmScore, likeness, write_report

FILM_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}
SAMPLE_SECONDS = 0.5  # between pictures that are compared
REFERENCE_SECONDS = 1.0  # in which a picture with open eyes is looked for
SHEET_ROWS = 6
STILL = "still"

Pixels = NDArray[np.uint8]


def evaluate_reenactment(
    sources: Sequence[Path], output: Path, seconds: float | None = None, size: int = 512, progress: Progress = silent
) -> list[FilmScore]:
    """Measure avatars on films; sheets, table and JSON land in ``output``.

    Args:
        sources: films, or folders of them.
        output: folder for ``NAME.png``, ``reenactment.json`` and ``reenactment.md``.
        seconds: how much of each film is used; all of it by default.
        size: longer side of the renders in pixels.
        progress: told which film is at work; may raise ``Cancelled``.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` where there is no film. A film that is refused is part of the result.
    """
    films = [film for source in sources for film in _films(source)]
    if not films:
        raise LimnerError("FILE_NOT_FOUND", f"{sources[0]} holds no films.", "Name films, or a folder of them.")
    scores = []
    for index, film in enumerate(films):
        inner = part(progress, index / len(films), (index + 1) / len(films))
        try:
            score = score_film(film, output / f"{film.stem}.png", seconds, size, inner)
        except LimnerError as error:
            score = FilmScore(film.name, error=f"{error.code}: {error.cause}")
        scores.append(score)
        write_report(scores, output)
    return scores


def _films(source: Path) -> list[Path]:
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.suffix.lower() in FILM_SUFFIXES)
    if not source.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{source} does not exist.", "Check the path of the video.")
    return [source]


def score_film(film: Path, sheet: Path, seconds: float | None, size: int, progress: Progress) -> FilmScore:
    """Reconstruct, drive and measure one film.

    Raises:
        LimnerError: what reading the film, finding the face and reconstructing raise.
    """
    face = track_face(_beginning(film, seconds), part(progress, 0.0, 0.3))
    reference = reference_index(face)
    picture = next(frame.rgb for index, frame in enumerate(stream_frames(film)) if index == reference)
    avatars = avatars_compared([picture], film.stem, part(progress, 0.3, 0.45))
    avatar = avatars[AVATAR]
    camera = avatar.camera
    head = KnownHead(avatar.neutral, camera.intrinsics[0, 0] / max(camera.width, camera.height))
    track = track_head(face, head, part(progress, 0.45, 0.5))
    chosen = sampled(face.times)
    truth = [
        _resized(frame.rgb, camera.fitted(size))
        for index, frame in enumerate(_beginning(film, seconds))
        if index in chosen
    ]
    shown = {}
    for count, (method, each) in enumerate(avatars.items()):
        inner = part(progress, 0.5 + 0.2 * count, 0.7 + 0.2 * count)
        shown[method] = drive(each, track, chosen, reference, size, inner)
    shown[STILL] = [_resized(picture, camera.fitted(size))] * len(chosen)
    points = [_points(frame) for frame in truth]
    score = FilmScore(film.name, None, float(face.times[reference]), len(chosen), int(np.count_nonzero(~face.seen)))
    for count, (name, frames) in enumerate(shown.items()):
        progress(0.9 + 0.1 * count / len(shown), f"{film.name}: comparing")
        found = [_points(frames[0])] * len(frames) if name == STILL else [_points(frame) for frame in frames]
        score.likeness[name] = likeness(truth, points, frames, found)
    _write_sheet(sheet, face.times[chosen], truth, shown)
    return score


def _beginning(film: Path, seconds: float | None) -> Iterator[FilmFrame]:
    return takewhile(lambda frame: seconds is None or frame.time < seconds, stream_frames(film))


def reference_index(face: FaceTrack) -> int:
    """The first picture that shows the face, or one soon after it if the eyes are half shut there."""
    seen = np.flatnonzero(face.seen)
    lids = {
        index: min(metrics.eye_aspect_ratio(face.points[index], side) for side in ("left", "right")) for index in seen
    }
    early = seen[face.times[seen] <= face.times[seen[0]] + REFERENCE_SECONDS]
    usual = np.median(list(lids.values()))
    return int(next((index for index in early if lids[index] > 0.85 * usual), seen[0]))


def sampled(times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Indices of pictures ``SAMPLE_SECONDS`` apart, from half that time on: not the reference itself."""
    ticks = np.arange(times[0] + SAMPLE_SECONDS / 2, times[-1], SAMPLE_SECONDS)
    return np.unique(np.searchsorted(times, ticks))


def drive(
    avatar: Avatar, track: HeadTrack, chosen: NDArray[np.intp], origin: int, size: int, progress: Progress
) -> list[Pixels]:
    """The avatar in the ``chosen`` pictures' stead, as ``limner animate`` and ``limner render`` would show it."""
    rate = (len(track.times) - 1) / (track.times[-1] - track.times[0])
    clip = video_motion(track, rate, origin).clip
    frames = []
    for count, index in enumerate(chosen):
        progress(count / len(chosen), "Rendering")
        row = min(round(track.times[index] * rate), len(clip) - 1)
        request = FrameRequest(clip.coefficients[row], clip.rotation[row], clip.location[row], size=size)
        frames.append(avatar.render(request).rgba[..., :3])
    return frames


def _resized(picture: Pixels, camera: Camera) -> Pixels:
    """A picture of the film at the size of a render."""
    smaller = picture.shape[1] > camera.width
    resized = cv2.resize(
        picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )
    return np.asarray(resized, np.uint8)


def _points(picture: Pixels) -> NDArray[np.float32] | None:
    """[478, 3] landmarks of the largest face."""
    faces = detect_faces(np.ascontiguousarray(picture))
    return faces[0].points if faces else None


def _write_sheet(
    sheet: Path, times: NDArray[np.float64], truth: Sequence[Pixels], shown: dict[str, list[Pixels]]
) -> None:
    """Rows of: the film, what stands for it, and how far that is off."""
    pictures = []
    for index in np.unique(np.linspace(0, len(times) - 1, SHEET_ROWS).round().astype(int)):
        pictures.append((truth[index], f"film at {times[index]:.2f} s", True))
        for name, frames in shown.items():
            difference = np.abs(frames[index].astype(np.int16) - truth[index])
            note = f"{name}\n{metrics.psnr(frames[index], truth[index]):.2f} dB"
            pictures.append((frames[index], note, True))
            pictures.append((np.minimum(4 * difference, 255).astype(np.uint8), f"{name}: difference, 4 times", True))
    contact_sheet(pictures, sheet, columns=1 + 2 * len(shown), width=320)
