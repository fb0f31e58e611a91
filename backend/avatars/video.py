"""An H.264 film with sound, streamed frame by frame through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from shared.errors import LimnerError

SOUND_RATE = 48_000
# visually lossless; a face at 512 px takes about 1 Mbit/s
CONSTANT_RATE_FACTOR = "17"


def sound_frames(source: Path) -> Iterator[av.AudioFrame]:
    """The sound of any file PyAV reads, resampled to stereo float frames at 48 kHz.

    Raises:
        LimnerError: ``FILE_NOT_FOUND`` or ``SPEECH_UNREADABLE``, at the first frame.
    """
    if not source.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{source} does not exist.", "Check the path of the sound.")
    empty = True
    try:
        with av.open(str(source)) as container:
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
            for decoded in container.decode(container.streams.audio[0]) if container.streams.audio else ():
                decoded.pts = None  # gaps and offsets of odd files would desynchronise the sound
                for frame in resampler.resample(decoded):
                    empty = False
                    yield frame
            if not empty:
                yield from resampler.resample(None)
    except av.error.FFmpegError as error:
        # a file that breaks off after some sound keeps that sound, as players do
        if empty:
            raise _no_sound(source) from error
    if empty:
        raise _no_sound(source)


def _no_sound(source: Path) -> LimnerError:
    return LimnerError(
        "SPEECH_UNREADABLE",
        f"{source} holds no sound that can be decoded.",
        "Give a sound file or a film with sound, such as WAV, MP3, FLAC or MP4.",
    )


class FilmWriter:
    """Writes an .mp4 (H.264, yuv420p, BT.709, index first), the sound kept level with the picture. A context manager.

    Args:
        path: the file to write, whatever its suffix.
        width: even number of pixels.
        height: even number of pixels.
        fps: frames a second.
        sound: any file with sound, or ``None``.
        sound_start: the second of the sound that falls on the first frame.

    Raises:
        av.error.FFmpegError: while opening, writing or closing; an ``OSError`` where the disk is the cause.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: float, sound: Path | None = None, sound_start: float = 0.0
    ) -> None:
        self._rate = Fraction(fps).limit_denominator(1001)
        self._frames_written = 0
        self._sound = sound_frames(sound) if sound else iter(())
        self._pending = av.AudioFifo()
        self._samples_to_skip = round(sound_start * SOUND_RATE)
        self._samples_written = 0
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._video = self._container.add_stream("libx264", rate=self._rate, options={"crf": CONSTANT_RATE_FACTOR})
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        codec = self._video.codec_context
        codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        codec.colorspace, codec.color_range = Colorspace.ITU709, ColorRange.MPEG
        self._audio = self._container.add_stream("aac", rate=SOUND_RATE, layout="stereo") if sound else None

    def __enter__(self) -> FilmWriter:
        return self

    def write(self, pixels: np.ndarray) -> None:
        """Append one frame of [H, W, 3] uint8 sRGB and the sound that goes with it."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = self._frames_written, 1 / self._rate
        self._container.mux(self._video.encode(frame))
        self._frames_written += 1
        if self._audio is not None:
            self._write_sound(round(self._frames_written / self._rate * SOUND_RATE) - self._samples_written)

    def _write_sound(self, samples: int) -> None:
        """Encode the next ``samples`` of sound, fewer where it ends."""
        assert self._audio is not None
        while self._pending.samples < samples + self._samples_to_skip:
            piece = next(self._sound, None)
            if piece is None:
                break
            piece.pts = None
            self._pending.write(piece)
        if self._samples_to_skip:
            self._pending.read(self._samples_to_skip, partial=True)
            self._samples_to_skip = 0
        frame = self._pending.read(samples, partial=True) if samples > 0 else None
        if frame is not None:
            frame.pts, frame.time_base = self._samples_written, Fraction(1, SOUND_RATE)
            self._samples_written += frame.samples
            self._container.mux(self._audio.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            # what is written so far is thrown away by whoever opened it; a second error would hide the first
            try:
                self._container.close()
            except (av.error.FFmpegError, OSError):
                pass
            return
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
        self._container.close()
