"""Where a speaker stresses a syllable: what nods and brows follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from .features import FRAME_RATE
from .tracks import smooth


@dataclass(frozen=True)
class Emphasis:
    """Stressed syllables: [N] seconds, ascending, and [N] strengths in [0, 1] relative to the file's strongest."""

    times: np.ndarray
    strengths: np.ndarray

    @classmethod
    def of(cls, loudness: np.ndarray, activity: np.ndarray) -> Emphasis:
        """Peaks of the syllable-wide loudness that stand out from the second around them.

        Args:
            loudness: [T] dB at 100 Hz.
            activity: [T] in [0, 1], where somebody speaks.
        """
        syllable = smooth(np.maximum(loudness, -70.0), 0.12)
        standing_out = (syllable - smooth(syllable, 0.7)) * activity
        peaks, _ = find_peaks(standing_out, height=1.5, distance=round(0.28 * FRAME_RATE))
        if not len(peaks):
            return cls(np.zeros(0), np.zeros(0))
        heights = standing_out[peaks]
        return cls(peaks / FRAME_RATE, np.clip(heights / max(np.percentile(heights, 95), 1e-6), 0.0, 1.0))
