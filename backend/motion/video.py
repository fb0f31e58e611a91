"""A film of a face to a motion clip: what the person does in it, an avatar does after them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.capture.face_track import track_face
from backend.capture.head_track import HeadTrack, KnownHead, track_head
from backend.capture.video import stream_frames
from shared.errors import LimnerError
from shared.motion import MotionClip
from shared.progress import Progress, part, silent


@dataclass(frozen=True)
class VideoMotion:
    """What a film's face does.

    Args:
        clip: as long as the film; the head's motion is relative to the first picture that shows the face.
        hidden: how many of its frames have no face to go by and are interpolated.
    """

    clip: MotionClip
    hidden: int

    @property
    def note(self) -> str | None:
        """What the user should know about it."""
        if not self.hidden:
            return None
        return f"{self.hidden} of {len(self.clip)} frames show no face; the motion there is interpolated."


def animate_from_video(
    source: Path, fps: float = 25.0, progress: Progress = silent, head: KnownHead | None = None
) -> VideoMotion:
    """Follow the face in a film of any length.

    Args:
        source: any film PyAV reads.
        fps: frames a second of the clip, 1 to 240.
        progress: told how far the work is; may raise ``Cancelled``.
        head: the person's head where it is known; else it is fitted to the film.

    Raises:
        LimnerError: ``WRONG_USE`` (fps), ``FILE_NOT_FOUND``, ``VIDEO_UNREADABLE``, ``FACE_NOT_FOUND``.
    """
    if not (math.isfinite(fps) and 1.0 <= fps <= 240.0):
        raise LimnerError("WRONG_USE", f"{fps} frames a second cannot be animated.", "Ask for 1 to 240.")
    face = track_face(stream_frames(source), part(progress, 0.0, 0.8))
    track = track_head(face, head, part(progress, 0.8, 1.0))
    progress(1.0, "Followed the face")
    return video_motion(track, fps, int(np.argmax(track.seen)))


def video_motion(track: HeadTrack, fps: float, origin: int) -> VideoMotion:
    """A track as a clip from the film's start, its head's motion relative to the picture of index ``origin``."""
    rest = track.rotation[origin]
    rotation = Rotation.from_matrix(rest.T @ track.rotation).as_euler("xyz")
    location = (track.translation - track.translation[origin]) @ rest
    step = float(np.median(np.diff(track.times))) if len(track.times) > 1 else 1 / fps
    frames = max(1, round((track.times[-1] + step) * fps))
    ticks = np.arange(frames) / fps
    nearest = np.searchsorted((track.times[1:] + track.times[:-1]) / 2, ticks)

    def at_ticks(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.interp(ticks, track.times, column) for column in values.T], axis=1)

    clip = MotionClip(fps, at_ticks(track.coefficients), at_ticks(np.unwrap(rotation, axis=0)), at_ticks(location))
    return VideoMotion(clip, int(np.count_nonzero(~track.seen[nearest])))
