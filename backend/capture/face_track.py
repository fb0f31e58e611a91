"""The landmarks of one face through a whole film."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.capture.detection import FaceLandmarks, detect_faces, follow_face
from backend.capture.spots import Spots
from backend.capture.video import FilmFrame
from shared.errors import LimnerError
from shared.progress import Progress, silent

SEARCH_SECONDS = 0.2  # between searches while no face is seen
FEW_SPOTS, SPOT_SETS = 40, 4  # with fewer spots found, new ones are chosen, so many times at most


@dataclass(frozen=True, eq=False)
class SpotTrack:
    """Spots followed from one picture of a film on.

    Args:
        first: index of the picture that they were chosen in.
        places: [T - first, S, 2] float32 pixels, ``nan`` where they are lost.
    """

    first: int
    places: NDArray[np.float32]

    def at(self, index: int) -> NDArray[np.float32]:
        """[S, 2] pixels in one picture; before the first, all are lost."""
        return self.places[index - self.first] if index >= self.first else np.full_like(self.places[0], np.nan)


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """Where the landmarks are in every picture of a film.

    Args:
        times: [T] seconds.
        points: [T, 478, 3] float32 pixels as in ``FaceLandmarks``, ``nan`` where the face is not seen.
        spots: found on and about the head by their texture.
        size: width and height of the pictures in pixels.
    """

    times: NDArray[np.float64]
    points: NDArray[np.float32]
    spots: tuple[SpotTrack, ...]
    size: tuple[int, int]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """[T] whether a picture shows the face."""
        return np.isfinite(self.points[:, 0, 0])

    def landmarks(self, index: int) -> FaceLandmarks:
        """The face in one picture."""
        return FaceLandmarks.of(self.points[index])


def track_face(frames: Iterable[FilmFrame], progress: Progress = silent) -> FaceTrack:
    """Follow the first face found, the largest in its picture; one that was lost is looked for again.

    Args:
        frames: a film's pictures in order; none is kept.
        progress: told how far the film is; may raise ``Cancelled``.

    Raises:
        LimnerError: ``FACE_NOT_FOUND`` where no picture shows a face; what reading the film raises.
    """
    missing = np.full((478, 3), np.nan, np.float32)
    times: list[float] = []
    points: list[NDArray[np.float32]] = []
    spots: list[tuple[int, Spots, list[NDArray[np.float32]]]] = []
    last: FaceLandmarks | None = None
    searched, size = -np.inf, (0, 0)
    for index, frame in enumerate(frames):
        progress(frame.done, "Following the face")
        size = (frame.rgb.shape[1], frame.rgb.shape[0])
        face = follow_face(frame.rgb, last) if last else None
        if face is None and frame.time - searched >= SEARCH_SECONDS:
            faces = detect_faces(frame.rgb)
            face = faces[0] if faces else None
            searched = frame.time if face is None else -np.inf
        last = face or last
        times.append(frame.time)
        points.append(face.points if face else missing)
        sure = 0
        for _, chosen, places in spots:
            places.append(np.full_like(chosen.places, np.nan) if face is None else chosen.found(frame.rgb, face.points))
            sure += np.count_nonzero(np.isfinite(places[-1][:, 0]))
        if face is not None and sure < FEW_SPOTS and len(spots) < SPOT_SETS:
            chosen = Spots.of(frame.rgb, face.points)
            spots.append((index, chosen, [chosen.places]))
    if last is None:
        raise LimnerError(
            "FACE_NOT_FOUND",
            "No human face was found in the video.",
            "Choose a video that shows a face, at most half turned away; its sound alone, saved as a sound file, "
            "animates too.",
        )
    tracks = tuple(SpotTrack(first, np.stack(places)) for first, _, places in spots)
    return FaceTrack(np.array(times), np.stack(points), tracks, size)
