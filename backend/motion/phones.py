"""Which speech sound is heard when: pocketsphinx with the English model that its wheel carries."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pocketsphinx

from .sound import SAMPLE_RATE

SILENCE = "SIL"


@dataclass(frozen=True)
class Phone:
    """One speech sound.

    Args:
        name: ARPAbet without stress, or ``SIL``.
        start: seconds.
        end: seconds.
    """

    name: str
    start: float
    end: float


class PhoneDecoder:
    """Phone recognition without words, so that names, nonsense and other languages give mouth shapes too.

    Measured on real talking faces: words with forced alignment time the lips no better in English (correlation with the
    speaker's own lip aperture 0.55 against 0.54), worse in German (0.45 against 0.49), and take four times as long.
    """

    def __init__(self) -> None:
        self._decoder = _decoder(1e-20)
        self._mean_decoder = _decoder(1.0)  # a beam that keeps nothing: only takes the cepstral mean, in 2 ms a second

    def decode(self, samples: np.ndarray, tick: Callable[[float], None] = lambda share: None) -> list[Phone]:
        """[N] float32 samples at 16 kHz (a stretch of seconds) -> its phones, in order, without gaps.

        Each stretch is heard afresh, with its own cepstral mean, so it does not matter what was decoded before. Too
        short a stretch (under about 0.1 s) gives an empty list. ``tick`` gets the share done every second of sound.
        """
        peak = float(np.abs(samples).max(initial=0.0))
        if peak == 0.0:
            return []
        # Dither of one least bit keeps digital silence from log(0).
        noise = np.random.default_rng(0).triangular(-1, 0, 1, len(samples))
        pcm = np.clip(samples * (20000 / peak) + noise, -32768, 32767).astype(np.int16)
        self._mean_decoder.start_utt()
        self._mean_decoder.process_raw(pcm.tobytes(), True, True)
        mean = self._mean_decoder.get_cmn(True)
        self._mean_decoder.end_utt()
        self._decoder.set_cmn(mean)
        self._decoder.start_utt()
        for start in range(0, len(pcm), SAMPLE_RATE):
            self._decoder.process_raw(pcm[start : start + SAMPLE_RATE].tobytes(), False, False)
            tick(start / len(pcm))
        self._decoder.end_utt()
        rate = self._decoder.config["frate"]
        try:
            segments = list(self._decoder.seg() or [])
        except RuntimeError:  # nothing recognised
            return []
        return [
            Phone(s.word if s.word.isalpha() else SILENCE, s.start_frame / rate, (s.end_frame + 1) / rate)
            for s in segments
        ]


def _decoder(beam: float) -> pocketsphinx.Decoder:
    model = Path(pocketsphinx.get_model_path()) / "en-us"
    return pocketsphinx.Decoder(
        hmm=str(model / "en-us"), allphone=str(model / "en-us-phone.lm.bin"), lm=None, dict=None,
        lw=1.5, beam=beam, pbeam=beam, loglevel="FATAL", logfn=os.devnull,
    )  # fmt: skip
