"""Pictures of any film PyAV reads, one at a time and upright: an hour needs no more memory than a minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from shared.errors import LimnerError

WORKING_SIDE = 1920  # longer side that larger pictures are scaled down to


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """One picture of a film.

    Args:
        time: seconds since the file's start, as players and Blender's sequencer count them.
        done: share of the file that lies before it, in [0, 1]; 0 where the file does not tell its length.
        rgb: [H, W, 3] uint8 sRGB, upright, with square pixels.
    """

    time: float
    done: float
    rgb: NDArray[np.uint8]


def holds_pictures(path: Path) -> bool:
    """Whether a file is a film: no sound file's cover, no photograph, nothing that cannot be read."""
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            kind = container.format.name
            return _moving(container) is not None and kind not in ("tty", "image2") and not kind.endswith("_pipe")
    except (FFmpegError, OSError):
        return False


def holds_sound(path: Path) -> bool:
    """Whether a film or any other file has sound."""
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            return bool(container.streams.audio)
    except (FFmpegError, OSError):
        return False


def stream_frames(path: Path) -> Iterator[FilmFrame]:
    """The pictures of a file's first film, in order.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``; ``VIDEO_UNREADABLE`` for what is no media file, or holds no film that can
            be decoded. Damage later in the file loses only the damaged pictures.
    """
    with _opened(path) as container:
        stream = _film(container, path)
        stream.thread_type = "AUTO"
        start = float(container.start_time or 0) / av.time_base
        duration = float(container.duration or 0) / av.time_base
        stretch = float(stream.sample_aspect_ratio or 1)
        empty, clock = True, 0.0
        for frame in _decoded(container, stream):
            clock = frame.time - start if frame.time is not None else clock + 1 / float(stream.guessed_rate or 25)
            empty = False
            yield FilmFrame(
                clock, float(np.clip(clock / duration, 0, 1)) if duration > 0 else 0.0, _upright(frame, stretch)
            )
        if empty:
            raise _unreadable(path, "no picture in it can be decoded")


def _opened(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", "Check the path of the video.")
    try:
        return av.open(str(path), metadata_errors="ignore")
    except FFmpegError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _unreadable(path: Path, why: str) -> LimnerError:
    return LimnerError("VIDEO_UNREADABLE", f"{path} is no video that can be read ({why}).",
                       "Use a video file such as .mp4, .mov, .mkv or .webm.")  # fmt: skip


def _moving(container: av.container.InputContainer) -> VideoStream | None:
    """The first stream of pictures that is not a cover."""
    covers = av.stream.Disposition.attached_pic
    return next((stream for stream in container.streams.video if not stream.disposition & covers), None)


def _film(container: av.container.InputContainer, path: Path) -> VideoStream:
    stream = _moving(container)
    if stream is None:
        raise _unreadable(path, "it holds no film")
    return stream


def _decoded(container: av.container.InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Pictures of a stream; damaged packets are skipped."""
    packets = container.demux(stream)
    while True:
        try:
            yield from next(packets).decode()
        except (StopIteration, av.error.EOFError):
            return
        except FFmpegError:
            continue


def _upright(frame: VideoFrame, stretch: float) -> NDArray[np.uint8]:
    """[H, W, 3] of a decoded picture with pixels ``stretch`` times as wide as high, turned as the file says."""
    width, height = frame.width * stretch, float(frame.height)
    scale = min(1.0, WORKING_SIDE / max(width, height))
    rgb = frame.to_ndarray(format="rgb24", width=round(width * scale), height=round(height * scale))
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))
