"""Speech to the mouth's curves: phones pull the lips towards their targets, the sound itself says how far they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from shared.arkit import ARKIT_INDEX, ARKIT_NAMES

from .analysis import Speech
from .features import FRAME_RATE, Features
from .lips import JAW_GAP, lip_gap
from .phones import SILENCE, Phone
from .settings import MouthSettings
from .tracks import smooth
from .visemes import DIPHTHONGS, VISEMES, Viseme

REFERENCE_LEVEL = -24.0  # dB below full scale: the usual level of speech's vowels in published sound
REACH = 0.6  # seconds beyond which a sound's pull is nothing
LIVELINESS = 7.0  # dB of rise and fall of the voice in ordinary speech
FAINT = 0.02  # below this sum of pulls the mouth goes back to rest
# Lips part to breathe before a phrase and meet only some time after it (``presence``); their shape bridges the short
# silences within words (``speaking``).
OPEN_VOWEL_GAP = 14.0  # millimetres, of a conversational "ah"
MIDDLE_GAP = 5.5  # millimetres, of the mean over speech
MURMUR_GAP = 4.0  # millimetres, of sounds that are not open vowels
PARTED_GAP = 3.5  # millimetres, of lips that have just spoken or are about to
TEETH_CLOSURE = 0.7  # of the opening that goes where the lower lip meets the upper teeth
_TEETH_SHAPE = {"mouthRollLower": 0.40, "mouthUpperUpLeft": 0.12, "mouthUpperUpRight": 0.12}


def _split(phones: list[Phone]) -> list[tuple[Viseme, float, float]]:
    """Phones as viseme targets with start and end; diphthongs become two."""
    targets = []
    for phone in phones:
        if phone.name in DIPHTHONGS:
            first, second, share = DIPHTHONGS[phone.name]
            middle = phone.start + share * (phone.end - phone.start)
            targets.append((VISEMES[first], phone.start, middle))
            targets.append((VISEMES[second], middle, phone.end))
        else:
            targets.append((VISEMES[phone.name], phone.start, phone.end))
    return targets


def activity(features: Features) -> np.ndarray:
    """[T] in [0, 1]: 1 where somebody speaks, by level over the file's own background."""
    background, speech = np.percentile(features.loudness, [5, 95])
    threshold = max(speech - 38.0, min(background + 8.0, speech - 14.0))
    return smooth(1 / (1 + np.exp(-(features.loudness - threshold) / 2.5)), 0.03)


def _row(viseme: Viseme) -> np.ndarray:
    """[52] A viseme's shape with both sides filled in."""
    row = np.zeros(len(ARKIT_NAMES))
    for name, value in viseme.shape.items():
        for column in (name, name + "Left", name + "Right"):
            if column in ARKIT_INDEX:
                row[ARKIT_INDEX[column]] = value
    return row


def _reached(gap: np.ndarray, duration: np.ndarray) -> np.ndarray:
    """[N] target gaps -> [N] what the lips reach of them in the sounds' [N] seconds: Lindblom's (1963) undershoot."""
    return MIDDLE_GAP + (gap - MIDDLE_GAP) * 1.2 * (1 - np.exp(-duration / 0.04))


@dataclass(frozen=True)
class Mouth:
    """Everything about a speech that the mouth at any time depends on; [N] for targets in time, [T] at 100 Hz."""

    start: np.ndarray
    end: np.ndarray
    gap: np.ndarray
    gap_weight: np.ndarray
    shape: np.ndarray
    shape_weight: np.ndarray
    closure: np.ndarray
    teeth: np.ndarray
    acoustic_gap: np.ndarray
    recognised: np.ndarray
    strength: np.ndarray
    activity: np.ndarray
    speaking: np.ndarray
    presence: np.ndarray
    settings: MouthSettings

    @classmethod
    def of(cls, speech: Speech, settings: MouthSettings) -> Mouth:
        """Gather the targets of the phones and what the sound itself tells."""
        spoken = [p for p in speech.phones if p.name != SILENCE]
        targets = _split(spoken)
        visemes = [v for v, _, _ in targets]

        def column(values: Sequence[float]) -> np.ndarray:
            return np.array(values, np.float64)

        active = activity(speech.features)
        return cls(
            column([s for _, s, _ in targets]) - settings.lead, column([e for _, _, e in targets]) - settings.lead,
            _reached(column([v.gap for v in visemes]), column([e - s for _, s, e in targets])),
            column([v.gap_weight for v in visemes]),
            np.stack([_row(v) for v in visemes]) if visemes else np.zeros((0, len(ARKIT_NAMES))),
            column([v.shape_weight for v in visemes]),
            column([v.closure for v in visemes]), column([v.teeth for v in visemes]),
            acoustic_gap(speech.features, active), recognised(spoken, len(active)),
            strength(speech.features, active, settings), active, near(active, 0.12, 0.08), near(active, 0.6, 0.2),
            settings,
        )  # fmt: skip

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mouth at ascending times in seconds, [T].

        Returns:
            [T, 52] float64 coefficients with lips that no consonant closes, and [T] the closure in [0, 1].
        """
        near = slice(np.searchsorted(self.end, times[0] - REACH), np.searchsorted(self.start, times[-1] + REACH))
        start, end = self.start[near], self.end[near]
        clock = np.arange(len(self.activity)) / FRAME_RATE - self.settings.lead

        def heard(track: np.ndarray) -> np.ndarray:
            return np.interp(times, clock, track, left=0.0, right=0.0)

        weight = _dominance(times, start, end, self.settings.jaw_spread) * self.gap_weight[near]
        gap = (weight @ self.gap[near]) / np.maximum(weight.sum(1), FAINT)
        # Where the recogniser heard no phone in what is plainly sound (laughter, say), the sound decides.
        share = 1 - (1 - self.settings.acoustic) * heard(self.recognised)
        gap = (1 - share) * gap + share * heard(self.acoustic_gap)
        weight = _dominance(times, start, end, self.settings.lip_spread) * self.shape_weight[near]
        shape = (weight @ self.shape[near]) / np.maximum(weight.sum(1), FAINT)[:, None]

        active, speaking, strength = heard(self.activity), heard(self.speaking), heard(self.strength)
        gap = (active * gap + (1 - active) * PARTED_GAP * heard(self.presence)) * strength * self.settings.amplitude
        shape *= (speaking * np.clip(strength, 0.5, 1.25))[:, None] * self.settings.amplitude
        hold = _dominance(times, start, end, self.settings.closure_spread, plateau=True)
        closure = (hold * self.closure[near]).max(1, initial=0.0) * np.minimum(1.0, 2 * speaking)
        teeth = (hold * self.teeth[near]).max(1, initial=0.0) * speaking * min(1.0, self.settings.amplitude)
        closure = np.maximum(closure, TEETH_CLOSURE * teeth)
        for name, value in _TEETH_SHAPE.items():
            shape[:, ARKIT_INDEX[name]] = np.maximum(shape[:, ARKIT_INDEX[name]], value * teeth)
        shape[:, ARKIT_INDEX["jawOpen"]] = np.maximum(gap - np.maximum(lip_gap(shape), 0.0), 0.0) / JAW_GAP
        return np.clip(shape, 0.0, 1.0), closure


def _dominance(
    times: np.ndarray, start: np.ndarray, end: np.ndarray, spread: float, plateau: bool = False
) -> np.ndarray:
    """[T, N] Cohen and Massaro's (1993) dominance: greatest in a sound's middle, falling exponentially outside it."""
    middle, half = (start + end) / 2, (end - start) / 2
    away = np.abs(times[:, None] - middle)
    if plateau:  # full over the inner half of the sound
        return np.exp(-np.maximum(away - half / 2, 0.0) / spread)
    return np.exp(-np.maximum(away - half, 0.0) / spread - 0.5 * np.minimum(away / np.maximum(half, 0.01), 1.0))


def recognised(phones: list[Phone], frames: int) -> np.ndarray:
    """[T] in [0, 1]: 1 where a phone was recognised."""
    covered = np.zeros(frames)
    for phone in phones:
        covered[round(phone.start * FRAME_RATE) : round(phone.end * FRAME_RATE)] = 1.0
    return smooth(covered, 0.04)


def acoustic_gap(features: Features, active: np.ndarray) -> np.ndarray:
    """[T] millimetres between the lips told from the sound alone: loud and with a high first formant is open."""
    level = 10 ** (np.maximum(features.loudness, -80.0) / 50)
    opening = smooth(level / (1 + np.exp(-(features.openness + 3.0) / 4.0)), 0.05) * active
    opening = np.minimum(opening / max(float(np.percentile(opening, 96)), 1e-9), 1.3)
    return MURMUR_GAP * active + (OPEN_VOWEL_GAP - MURMUR_GAP) * opening


def near(active: np.ndarray, seconds: float, blend: float) -> np.ndarray:
    """[T] in [0, 1]: 1 in speech and in pauses shorter than ``seconds``, blending out over about ``blend`` seconds."""
    return smooth(maximum_filter1d(active, round(seconds * FRAME_RATE)), blend)


def strength(features: Features, active: np.ndarray, settings: MouthSettings) -> np.ndarray:
    """[T] factor on the mouth's movement: loud passages open it more, whispers less."""
    level = features.loudness
    voiced = active > 0.5
    usual = float(np.percentile(level[voiced], 70)) if voiced.any() else REFERENCE_LEVEL
    # The level of the loudest sounds near by, so that a consonant counts as loud as its vowel.
    weight = 10 ** (level / 10)
    local = 10 * np.log10(smooth(weight, 0.5) + 1e-10)
    # A recording's level says little about the voice's effort: a quarter of it counts. A few dB up and down are the
    # melody of any sentence, which real lips do not follow (measured: following it lowers the correlation with them).
    difference = (local - usual) + 0.25 * (usual - REFERENCE_LEVEL)
    difference *= difference**2 / (difference**2 + LIVELINESS**2)
    return np.clip(2 ** (settings.loudness * difference / 15.0), 0.45, 1.8)
