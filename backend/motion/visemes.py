"""Where the lips, the jaw and the tongue aim for each speech sound, and how strongly they insist on it.

Written from articulatory phonetics (Ladefoged and Johnson, A Course in Phonetics; Lindblom and Sundberg 1971 for the
order of the vowels' openings; Recasens on coarticulation resistance): a sound insists on what makes it, and leaves the
rest to its neighbours; k, g, ng and h leave nearly everything to them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Viseme:
    """Targets at conversational loudness.

    Args:
        gap: millimetres between the lips that the sound aims for; what ``shape`` does not give, the jaw does.
        gap_weight: how strongly it insists on that gap, 0 for not at all.
        shape: other ARKit coefficients; ``Left`` and ``Right`` are written once, without the side.
        shape_weight: how strongly it insists on that shape (and on zero for what is not listed).
        closure: 1 where the lips meet.
        teeth: 1 where the lower lip touches the upper teeth.
    """

    gap: float
    gap_weight: float
    shape: dict[str, float]
    shape_weight: float
    closure: float = 0.0
    teeth: float = 0.0


_SPREAD = {"mouthStretch": 0.16, "mouthSmile": 0.10, "mouthLowerDown": 0.18, "mouthUpperUp": 0.08}
_OPEN = {"mouthStretch": 0.06, "mouthLowerDown": 0.20, "mouthUpperUp": 0.12}
_TEETH = {"mouthStretch": 0.14, "mouthLowerDown": 0.26, "mouthUpperUp": 0.12}
_HUSH = {"mouthFunnel": 0.30, "mouthPucker": 0.32, "mouthLowerDown": 0.10, "mouthUpperUp": 0.06}

VISEMES: dict[str, Viseme] = {
    # vowels, from open to close; the rounded ones have the smaller opening between the lips
    "AA": Viseme(14.4, 1.0, _OPEN, 0.6),
    "AE": Viseme(15.0, 1.0, {**_OPEN, "mouthStretch": 0.16}, 0.7),
    "EH": Viseme(10.2, 1.0, _SPREAD, 0.6),
    "AH": Viseme(7.2, 0.8, _OPEN, 0.4),
    "IH": Viseme(6.6, 0.8, _SPREAD, 0.5),
    "IY": Viseme(6.6, 0.9, {**_SPREAD, "mouthStretch": 0.26, "mouthSmile": 0.18}, 0.9),
    "AO": Viseme(6.6, 0.9, {"mouthFunnel": 0.18, "mouthPucker": 0.36}, 0.8),
    "UH": Viseme(5.4, 0.8, {"mouthFunnel": 0.14, "mouthPucker": 0.36}, 0.7),
    "ER": Viseme(5.0, 0.8, {"mouthFunnel": 0.14, "mouthPucker": 0.20, "mouthLowerDown": 0.06}, 0.6),
    "UW": Viseme(3.4, 1.0, {"mouthFunnel": 0.14, "mouthPucker": 0.75}, 1.0),
    # consonants made by the lips
    "P": Viseme(1.8, 0.7, {"mouthPress": 0.22, "mouthRollLower": 0.12, "mouthRollUpper": 0.08}, 0.4, closure=1.0),
    "B": Viseme(1.8, 0.7, {"mouthPress": 0.16, "mouthRollLower": 0.10, "mouthRollUpper": 0.06}, 0.4, closure=1.0),
    "M": Viseme(1.8, 0.7, {"mouthPress": 0.12, "mouthRollLower": 0.08, "mouthRollUpper": 0.05}, 0.4, closure=1.0),
    "F": Viseme(2.4, 1.0, {"mouthUpperUp": 0.16}, 0.7, teeth=1.0),
    "V": Viseme(2.4, 0.9, {"mouthUpperUp": 0.14}, 0.6, teeth=1.0),
    "W": Viseme(2.6, 1.0, {"mouthFunnel": 0.12, "mouthPucker": 0.85}, 1.2),
    # consonants of tongue and teeth
    "TH": Viseme(4.3, 0.8, {"tongueOut": 0.15, "mouthLowerDown": 0.14, "mouthUpperUp": 0.08}, 0.5),
    "DH": Viseme(4.3, 0.7, {"tongueOut": 0.12, "mouthLowerDown": 0.14, "mouthUpperUp": 0.08}, 0.4),
    "T": Viseme(5.5, 0.5, _TEETH, 0.25),
    "D": Viseme(4.6, 0.5, _TEETH, 0.25),
    "N": Viseme(4.6, 0.5, _TEETH, 0.2),
    "L": Viseme(4.6, 0.5, _TEETH, 0.2),
    "S": Viseme(5.3, 0.8, _TEETH, 0.45),
    "Z": Viseme(4.6, 0.8, _TEETH, 0.45),
    "SH": Viseme(6.6, 0.8, _HUSH, 0.9),
    "ZH": Viseme(6.6, 0.8, _HUSH, 0.9),
    "CH": Viseme(5.8, 0.8, _HUSH, 0.8),
    "JH": Viseme(5.4, 0.8, _HUSH, 0.8),
    "R": Viseme(5.4, 0.5, {"mouthFunnel": 0.16, "mouthPucker": 0.36}, 0.7),
    "Y": Viseme(5.8, 0.7, {**_SPREAD, "mouthSmile": 0.16}, 0.5),
    "K": Viseme(6.6, 0.3, _OPEN, 0.08),
    "G": Viseme(6.0, 0.3, _OPEN, 0.08),
    "NG": Viseme(5.8, 0.3, _OPEN, 0.08),
    "HH": Viseme(7.2, 0.2, _OPEN, 0.05),
}

# A diphthong glides from one vowel to the other; the first takes the larger part of its time.
DIPHTHONGS: dict[str, tuple[str, str, float]] = {
    "AW": ("AA", "UW", 0.6),
    "AY": ("AA", "IH", 0.65),
    "EY": ("EH", "IY", 0.5),
    "OW": ("AO", "UW", 0.5),
    "OY": ("AO", "IY", 0.5),
}
