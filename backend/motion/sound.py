"""Sound of any file PyAV reads, as a stream of mono blocks at 16 kHz: an hour needs no more memory than a minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError

from shared.errors import LimnerError

SAMPLE_RATE = 16000
MONO = "mono"


def _unreadable(source: Path, why: str) -> LimnerError:
    return LimnerError("SPEECH_UNREADABLE", f"{source} holds no sound that can be read ({why}).",
                       "Use a sound or video file with sound, for example .wav, .flac, .mp3, .m4a or .mp4.")


def _resampler() -> av.AudioResampler:
    return av.AudioResampler("flt", MONO, SAMPLE_RATE)


def stream_sound(source: Path) -> Iterator[tuple[np.ndarray, float]]:
    """Blocks of a file's first sound stream and how far into the file each one ends.

    Time zero is the file's own start, as players and Blender's sequencer see it: a sound stream that starts late in its
    container is led in by zeros.

    Args:
        source: a sound file, or a video file with sound.

    Yields:
        ([N] float32 mono samples at 16 kHz in about [-1, 1], fraction of the file in [0, 1]).

    Raises:
        LimnerError: ``FILE_NOT_FOUND``; ``SPEECH_UNREADABLE`` for what is no media file, is broken from its first
            packet on, or has no sound stream. Damage later in the file loses only the damaged packets.
    """
    if not source.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{source} does not exist.", "Check the path of the speech file.")
    if source.stat().st_size == 0:
        raise LimnerError("SPEECH_EMPTY", f"{source} is an empty file.", "Choose a file that holds speech.")
    try:
        with av.open(str(source), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise _unreadable(source, "it has no sound stream")
            duration = float(container.duration or 0) / av.time_base
            start = float(container.start_time or 0) / av.time_base
            done = 0
            resampler, kind = _resampler(), None
            for frame in _frames(container):
                now = (frame.format.name, frame.layout.name, frame.sample_rate)
                if kind is None and frame.time is not None and frame.time > start:
                    lead = np.zeros(round((frame.time - start) * SAMPLE_RATE), np.float32)
                    done += len(lead)
                    yield lead, 0.0
                elif kind is not None and now != kind:  # a stream may change its format half-way
                    for block in resampler.resample(None):
                        done += block.samples
                        yield block.to_ndarray()[0], 0.0
                    resampler = _resampler()
                kind = now
                frame.pts = None  # broken time stamps would make the resampler drop or stretch sound
                for block in resampler.resample(frame):
                    done += block.samples
                    yield block.to_ndarray()[0], min(1.0, done / SAMPLE_RATE / duration) if duration > 0 else 0.0
            if kind is None:
                return
            for block in resampler.resample(None):
                yield block.to_ndarray()[0], 1.0
    except FFmpegError as error:
        raise _unreadable(source, error.strerror or str(error)) from error


def _frames(container: av.container.InputContainer) -> Iterator[AudioFrame]:
    """Decoded frames of the first sound stream; damaged packets are skipped once anything was decoded."""
    stream = container.streams.audio[0]
    failure: FFmpegError | None = None
    decoded = False
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            break
        except FFmpegError as error:
            failure = error
            if isinstance(error, av.error.EOFError):
                break
            continue
        for frame in frames:
            decoded = True
            yield frame
    if failure is not None and not decoded:
        raise failure
