"""Motion clips: what drives an avatar, one row a frame, in files (``.npz``) and on the wire."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .arkit import ARKIT_NAMES
from .errors import LimnerError
from .storage import written_whole

MOST_FPS = 1000.0
BASEL_EXPRESSIONS = 64  # coefficients of an expression in the Basel Face Model


@dataclass(frozen=True)
class MotionClip:
    """Facial motion sampled at a fixed rate.

    Args:
        fps: frames a second.
        coefficients: [T, 52] float32 ARKit values in [0, 1], in the order of ``ARKIT_NAMES``.
        rotation: [T, 3] float32 head rotation relative to the photograph's pose, XYZ Euler angles in radians.
        location: [T, 3] float32 head location relative to the photograph's pose, metres.
        expression: [T, 64] float32 the same expressions in the coefficients of the Basel Face Model, where they came
            from there; avatars that were made with it take them as they are.
    """

    fps: float
    coefficients: np.ndarray
    rotation: np.ndarray
    location: np.ndarray
    expression: np.ndarray | None = None

    def __post_init__(self) -> None:
        frames = len(self.coefficients)
        widths = {"coefficients": len(ARKIT_NAMES), "rotation": 3, "location": 3}
        if self.expression is not None:
            widths["expression"] = BASEL_EXPRESSIONS
        for name, width in widths.items():
            value = np.ascontiguousarray(getattr(self, name), np.float32)
            if value.shape != (frames, width):
                raise ValueError(f"{name} has shape {value.shape}, expected {(frames, width)}")
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.coefficients)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    @classmethod
    def still(cls, frames: int = 1, fps: float = 25.0) -> MotionClip:
        """A clip of a neutral face at the photograph's pose."""
        return cls(fps, np.zeros((frames, len(ARKIT_NAMES))), np.zeros((frames, 3)), np.zeros((frames, 3)))

    def resampled(self, fps: float) -> MotionClip:
        """The same motion at another rate, linearly interpolated; the duration is kept to within a frame."""
        if fps == self.fps or len(self) < 2:
            return replace(self, fps=fps)
        frames = max(1, round(self.duration * fps))
        position = np.minimum(np.arange(frames) * (self.fps / fps), len(self) - 1)
        low = np.minimum(position.astype(int), len(self) - 2)
        weight = (position - low)[:, None].astype(np.float32)

        def interpolate(rows: np.ndarray) -> np.ndarray:
            return rows[low] * (1 - weight) + rows[low + 1] * weight

        return MotionClip(
            fps,
            interpolate(self.coefficients),
            interpolate(np.unwrap(self.rotation, axis=0)),
            interpolate(self.location),
            None if self.expression is None else interpolate(self.expression),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the clip as ``.npz``, beside its place and renamed into it.

        Raises:
            LimnerError: ``DISK_FULL`` or ``OUTPUT_NOT_WRITABLE``.
        """
        with written_whole(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file,
                fps=np.float64(self.fps),
                arkit=np.array(ARKIT_NAMES),
                coefficients=self.coefficients,
                rotation=self.rotation,
                location=self.location,
                **({} if self.expression is None else {"expression": self.expression}),
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MotionClip:
        """Read a clip written by :meth:`save`, or by hand: actions are matched by name, missing ones are zero, and
        values beyond [0, 1] are cut off.

        Raises:
            LimnerError: ``FILE_NOT_FOUND`` or ``MOTION_UNREADABLE``.
        """
        if not Path(path).is_file():
            raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", "Check the path of the motion clip.")
        try:
            with np.load(path, allow_pickle=False) as data:
                names = [str(name) for name in data["arkit"]]
                coefficients = np.zeros((len(data["coefficients"]), len(ARKIT_NAMES)), np.float32)
                for column, name in enumerate(ARKIT_NAMES):
                    if name in names:
                        coefficients[:, column] = data["coefficients"][:, names.index(name)]
                expression = data.get("expression")
                clip = cls(float(data["fps"]), coefficients.clip(0, 1), data["rotation"], data["location"], expression)
            if not (0 < clip.fps <= MOST_FPS and len(clip)):
                raise ValueError(f"{len(clip)} frames at {clip.fps:g} a second")
            rows = (clip.coefficients, clip.rotation, clip.location, clip.expression)
            if not all(np.isfinite(values).all() for values in rows if values is not None):
                raise ValueError("values that are not finite")
            return clip
        except Exception as error:  # damaged archives are answered with any kind of error
            raise LimnerError(
                "MOTION_UNREADABLE",
                f"{path} is not a motion clip ({error}).",
                "Make one with `limner animate SPEECH -o CLIP.npz`.",
            ) from error
