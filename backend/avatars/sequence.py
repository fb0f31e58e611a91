"""Render a motion clip with an avatar to numbered files, a film or a single picture."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

from backend.capture.image import load_image
from shared.camera import Camera
from shared.errors import LimnerError
from shared.motion import MotionClip
from shared.progress import Progress, part, silent
from shared.storage import storage_error, written_whole

from .frame_files import is_whole, write_depth, write_png
from .interface import PASS_NAMES, Avatar, Background, Frame, FrameRequest, Quality
from .video import FilmWriter, sound_frames

OTHER_FORMATS = {".avi", ".bmp", ".exr", ".gif", ".jpeg", ".jpg", ".mkv", ".mov", ".tif", ".tiff", ".webm", ".webp"}
# raised when the rendering of a frame changes, so that --resume does not mix old frames with new ones
RENDERER_VERSION = 5
LARGEST_SIDE = 8192


@dataclass(frozen=True)
class SequenceSettings:
    """How a clip is rendered.

    Args:
        size: longer side of the pictures in pixels.
        frames: first and last frame, counted from 1, both rendered; ``None`` is the whole clip.
        quality: ``preview`` trades samples for speed.
        camera: ``None`` is the photograph's; one for all frames; or one for every frame of the clip.
        background: ``keep``, ``transparent``, [3] uint8 colour or [H, W, 3] uint8 picture.
        passes: which of ``PASS_NAMES`` to write; all but ``rgba`` go into sub-folders of their name.
        audio: any file with sound, for a film; its start falls on frame 1 of the clip.
        resume: keep the frames that are there already, whole and of the same request.
        fps: frames a second to render at; ``None`` is the clip's own rate.
    """

    size: int = 512
    frames: tuple[int, int] | None = None
    quality: Quality = "final"
    camera: Camera | Sequence[Camera] | None = None
    background: Background = "keep"
    passes: tuple[str, ...] = ("rgba",)
    audio: Path | None = None
    resume: bool = False
    fps: float | None = None


def background_from_text(text: str) -> Background:
    """``keep``, ``transparent``, ``#rrggbb`` or the path of a picture, as ``FrameRequest`` takes it.

    Raises:
        LimnerError: ``WRONG_USE``, ``FILE_NOT_FOUND`` or ``IMAGE_UNREADABLE``.
    """
    if text in ("keep", "transparent"):
        return text
    if text.startswith("#"):
        try:
            color = np.frombuffer(bytes.fromhex(text[1:]), np.uint8)
        except ValueError:
            color = np.empty(0, np.uint8)
        if len(color) != 3:
            raise LimnerError("WRONG_USE", f"{text} is not a colour.", "Write a colour as #rrggbb, such as #20a040.")
        return color
    try:
        status = Path(text).stat()
    except (OSError, ValueError):
        raise LimnerError(
            "FILE_NOT_FOUND", f"{text} does not exist.", "Give keep, transparent, #rrggbb or a picture as background."
        ) from None
    return _background_picture(Path(text), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=2)
def _background_picture(path: Path, changed: int, size: int) -> np.ndarray:
    """[H, W, 3] a background, decoded once for all the views and frames that show it while the file stays as it is."""
    return load_image(path, LARGEST_SIDE, smallest_side=1).rgb


def render_sequence(
    avatar: Avatar,
    clip: MotionClip,
    destination: Path,
    settings: SequenceSettings | None = None,
    progress: Progress = silent,
    on_frame: Callable[[int, Path], None] | None = None,
) -> list[Path]:
    """Render frames of a clip.

    Args:
        avatar: who is rendered.
        clip: one row of motion a frame.
        destination: a folder (``0001.png`` upward), an ``.mp4``, or a single ``.png``. A film with ``resume`` keeps its
            finished frames in a folder ``NAME.frames`` beside it until it is whole.
        settings: see :class:`SequenceSettings`.
        progress: told after every frame.
        on_frame: called with the frame's number and the path of its ``rgba`` (or first) file once that is whole.

    Returns:
        The files made or kept, the main pass of each frame, or the film.

    Raises:
        LimnerError: ``WRONG_USE``, ``FORMAT_UNKNOWN``, ``SPEECH_UNREADABLE``, ``DISK_FULL``, ``OUTPUT_NOT_WRITABLE``.
    """
    settings = settings or SequenceSettings()
    if settings.fps:
        clip = clip.resampled(settings.fps)
    numbers = _frame_numbers(clip, settings)
    _check(clip, destination, settings, numbers)
    suffix = destination.suffix.lower()
    if suffix == ".mp4":
        return _film(avatar, clip, destination, settings, numbers, progress)
    files: list[Path] = []
    for position, number in enumerate(numbers):
        progress(position / len(numbers), f"frame {number} of {numbers[-1]}")
        paths = _pass_files(destination, number, settings.passes, single=suffix == ".png")
        request = _request(clip, settings, number)
        digest = _digest(avatar, request)
        if not (settings.resume and all(is_whole(path, digest) for path in paths.values())):
            _write(avatar.render(request), paths, digest, see_through=_sees_through(request))
        files.append(next(iter(paths.values())))
        if on_frame:
            on_frame(number, files[-1])
    progress(1.0, "done")
    return files


def _frame_numbers(clip: MotionClip, settings: SequenceSettings) -> range:
    first, last = settings.frames or (1, len(clip))
    if not 1 <= first <= last <= len(clip):
        raise LimnerError(
            "WRONG_USE", f"Frames {first} to {last} are not in a clip of {len(clip)}.", "Ask for frames that it has."
        )
    return range(first, last + 1)


def _check(clip: MotionClip, destination: Path, settings: SequenceSettings, numbers: range) -> None:
    """Refuse, before the first frame costs any time, what would fail later."""
    suffix = destination.suffix.lower()
    if suffix in OTHER_FORMATS:
        raise LimnerError("FORMAT_UNKNOWN", f"{suffix} is not written.", "Render to a folder, a .png or an .mp4.")
    if destination.exists() and destination.is_dir() == (suffix in (".mp4", ".png")):
        raise LimnerError(
            "OUTPUT_NOT_WRITABLE",
            f"{destination} is a {'folder' if destination.is_dir() else 'file'} already.",
            "Name a new .png or .mp4, or a folder.",
        )
    unknown = set(settings.passes) - set(PASS_NAMES)
    if unknown or not settings.passes:
        raise LimnerError(
            "WRONG_USE", f"{', '.join(sorted(unknown)) or 'Nothing'} is no pass.", f"Choose of {', '.join(PASS_NAMES)}."
        )
    if not 16 <= settings.size <= LARGEST_SIDE:
        raise LimnerError(
            "WRONG_USE", f"{settings.size} pixels cannot be rendered.", f"Choose a size of 16 to {LARGEST_SIDE}."
        )
    if isinstance(settings.camera, Sequence) and len(settings.camera) != len(clip):
        raise LimnerError(
            "WRONG_USE",
            f"There are {len(settings.camera)} cameras for {len(clip)} frames.",
            "Give one camera, or one for every frame of the clip.",
        )
    if suffix == ".png" and len(numbers) > 1:
        raise LimnerError(
            "WRONG_USE", f"{destination.name} holds one frame, not {len(numbers)}.", "Choose one with --frames N:N."
        )
    if suffix == ".mp4":
        if settings.passes != ("rgba",):
            raise LimnerError("WRONG_USE", "A film holds the rgba pass only.", "Render the passes to a folder.")
        if _sees_through(_request(clip, settings, numbers[0])):
            raise LimnerError(
                "WRONG_USE",
                "A film has no transparency, and only the photograph's own camera has the photograph's background.",
                "Render to a folder, or choose a background colour or picture.",
            )
        if settings.audio:
            next(sound_frames(settings.audio))
    elif settings.audio:
        raise LimnerError("WRONG_USE", "Pictures carry no sound.", "Render to an .mp4, or leave the sound out.")


def _request(clip: MotionClip, settings: SequenceSettings, number: int) -> FrameRequest:
    row = number - 1
    camera = settings.camera[row] if isinstance(settings.camera, Sequence) else settings.camera
    return FrameRequest(
        coefficients=clip.coefficients[row],
        rotation=clip.rotation[row],
        location=clip.location[row],
        camera=camera,
        size=settings.size,
        quality=settings.quality,
        background=settings.background,
        passes=settings.passes,
        expression=None if clip.expression is None else clip.expression[row],
    )


def _digest(avatar: Avatar, request: FrameRequest) -> str:
    """What a frame hangs on, as a hash: of two equal ones the pixels are equal."""
    state = hashlib.sha256()
    camera = request.camera or avatar.camera
    for array in (
        request.coefficients,
        request.rotation,
        request.location,
        *([] if request.expression is None else [request.expression]),
    ):
        state.update(np.ascontiguousarray(array, np.float32).tobytes())
    background = request.background
    words = [RENDERER_VERSION, avatar.fingerprint, request.camera is None, camera.to_json()]
    words += [request.size, request.quality, request.passes]
    words.append(background if isinstance(background, str) else list(background.shape))
    state.update(json.dumps(words).encode())
    if not isinstance(background, str):
        state.update(np.ascontiguousarray(background).tobytes())
    return state.hexdigest()


def _pass_files(destination: Path, number: int, passes: Sequence[str], single: bool) -> dict[str, Path]:
    """The file of each pass: ``DIR/0001.png`` and ``DIR/depth/0001.exr``, or ``FILE.png`` and ``FILE.depth.exr``."""
    files = {}
    for name in sorted(passes, key=PASS_NAMES.index):
        suffix = ".exr" if name == "depth" else ".png"
        if single:
            files[name] = destination if name == "rgba" else destination.with_suffix(f".{name}{suffix}")
        else:
            files[name] = (destination if name == "rgba" else destination / name) / f"{number:04d}{suffix}"
    return files


def _write(frame: Frame, files: dict[str, Path], digest: str, see_through: bool) -> None:
    layers = {name: getattr(frame, name) for name in files}
    for name, pixels in layers.items():
        if pixels is None:
            raise LimnerError("WRONG_USE", f"This avatar has no {name} pass.", "Leave that pass out.")
    for name, path in files.items():
        if name == "depth":
            write_depth(path, layers[name], digest)
        elif name == "rgba" and not see_through:
            write_png(path, layers[name][..., :3], digest)
        else:
            write_png(path, layers[name], digest)


def _sees_through(request: FrameRequest) -> bool:
    """Whether nothing stands behind the person: the photograph's background only fits the photograph's camera."""
    if not isinstance(request.background, str):
        return False
    return request.background == "transparent" or request.camera is not None


def _film(
    avatar: Avatar, clip: MotionClip, path: Path, settings: SequenceSettings, numbers: range, progress: Progress
) -> list[Path]:
    """Encode frames as they are rendered; with ``resume`` from files that outlive an interruption."""
    folder = path.with_suffix(".frames")

    def frames() -> Iterator[np.ndarray]:
        if settings.resume:
            kept = SequenceSettings(**{**vars(settings), "audio": None, "fps": None})
            for file in render_sequence(avatar, clip, folder, kept, part(progress, 0.0, 0.95)):
                with Image.open(file) as picture:
                    yield np.asarray(picture)
            return
        for position, number in enumerate(numbers):
            progress(position / len(numbers), f"frame {number} of {numbers[-1]}")
            yield avatar.render(_request(clip, settings, number)).rgba[..., :3]

    pictures = frames()
    picture = next(pictures)
    height, width = picture.shape[:2]
    try:
        with (
            written_whole(path) as temporary,
            FilmWriter(temporary, width, height, clip.fps, settings.audio, (numbers[0] - 1) / clip.fps) as film,
        ):
            film.write(picture)
            for picture in pictures:
                film.write(picture)
    except av.error.FFmpegError as error:
        raise storage_error(error, path) from error
    if settings.resume:
        shutil.rmtree(folder, ignore_errors=True)
    progress(1.0, "done")
    return [path]
