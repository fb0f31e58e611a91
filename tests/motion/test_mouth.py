"""The mouth on speech whose phones are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.motion.analysis import Speech, listen
from backend.motion.animate import mouth_frames
from backend.motion.features import Features
from backend.motion.lips import GAP_WEIGHTS, close_lips, lip_gap
from backend.motion.mouth import Mouth
from backend.motion.phones import Phone, PhoneDecoder
from backend.motion.settings import MouthSettings
from backend.motion.visemes import DIPHTHONGS, VISEMES
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES, mirrored
from tests.motion.sounds import ENGLISH, babble

ARPABET = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"


def speech_of(phones: str, each: float = 0.09, level: float = -20.0, openness: float = -5.0) -> Speech:
    """Phones of the same length in steady sound, with 0.3 s of silence around."""
    spoken = [Phone(n, 0.3 + i * each, 0.3 + (i + 1) * each) for i, n in enumerate(phones.split())]
    frames = round((0.6 + len(spoken) * each) * 100)
    loudness = np.full(frames, -90.0, np.float32)
    loudness[30 : frames - 30] = level
    return Speech(frames / 100, Features(loudness, np.full(frames, openness, np.float32)), spoken)


def frames_of(speech: Speech, fps: float = 25.0, settings: MouthSettings | None = None) -> np.ndarray:
    times = np.arange(int(speech.duration * fps)) / fps
    return mouth_frames(Mouth.of(speech, settings or MouthSettings()), times, fps)


def at(speech: Speech, curves: np.ndarray, index: int, fps: float) -> np.ndarray:
    phone = speech.phones[index]
    return curves[round(((phone.start + phone.end) / 2 - MouthSettings().lead) * fps)]


def test_every_phone_has_targets() -> None:
    assert set(ARPABET.split()) == set(VISEMES) | set(DIPHTHONGS)
    for name, viseme in VISEMES.items():
        for shape, value in viseme.shape.items():
            assert shape in ARKIT_INDEX or shape + "Left" in ARKIT_INDEX, (name, shape)
            assert 0 < value <= 1


@pytest.mark.parametrize("fps", [12.0, 25.0, 30.0, 60.0])
@pytest.mark.parametrize("bilabial", ["P", "B", "M"])
@pytest.mark.parametrize("each", [0.06, 0.09])
def test_lips_close_on_bilabials(bilabial: str, fps: float, each: float) -> None:
    speech = speech_of(f"AA {bilabial} AA K {bilabial} AE T AH {bilabial} AA", each)
    curves = frames_of(speech, fps)
    gap = lip_gap(curves)
    for index in (1, 4, 8):
        centre = round(((speech.phones[index].start + speech.phones[index].end) / 2 - MouthSettings().lead) * fps)
        nearest = slice(centre - (fps < 20), centre + 1 + (fps < 20))
        assert gap[nearest].min() < 0.3, (index, gap)
    assert gap.max() > 6
    assert (curves[:, ARKIT_INDEX["mouthClose"]] <= curves[:, ARKIT_INDEX["jawOpen"]] + 1e-6).all()


def test_shapes_are_those_of_the_sounds() -> None:
    def shape(phone: str, name: str) -> float:
        speech = speech_of(f"AH T {phone} T AH", 0.12)
        return float(at(speech, frames_of(speech), 2, 25.0)[ARKIT_INDEX[name]])

    assert shape("UW", "mouthPucker") > 0.25 > shape("IY", "mouthPucker") + 0.2
    assert shape("W", "mouthPucker") > 0.3
    assert shape("SH", "mouthFunnel") > 0.12
    assert shape("IY", "mouthStretchLeft") > shape("AO", "mouthStretchLeft") + 0.05
    assert shape("F", "mouthRollLower") > 0.25 and shape("AA", "mouthRollLower") < 0.05
    assert shape("AA", "jawOpen") > shape("EH", "jawOpen") > shape("IY", "jawOpen")
    assert shape("TH", "tongueOut") > 0.03 > shape("K", "tongueOut") - 0.03


def test_the_lower_lip_meets_the_teeth() -> None:
    for phone in ("F", "V"):
        speech = speech_of(f"AA {phone} AA", 0.1)
        curves = frames_of(speech)
        assert 0.0 < lip_gap(at(speech, curves, 1, 25.0)) < 2.5 < lip_gap(at(speech, curves, 0, 25.0))


def test_rounding_is_anticipated() -> None:
    early = frames_of(speech_of("IY T T UW", 0.1))[:, ARKIT_INDEX["mouthPucker"]]
    plain = frames_of(speech_of("IY T T IY", 0.1))[:, ARKIT_INDEX["mouthPucker"]]
    before = round((0.3 + 0.25) * 25)  # in the middle of the second t
    assert early[before] > plain[before] + 0.05


def test_louder_opens_more() -> None:
    def opening(level: float, **settings: float) -> float:
        speech = speech_of("AA K AA T AA", 0.12, level)
        return float(lip_gap(frames_of(speech, settings=MouthSettings(**settings))).max())

    assert opening(-50) < opening(-24) < opening(-2)
    assert opening(-24, amplitude=0.5) == pytest.approx(0.5 * opening(-24), rel=0.25)
    assert opening(-24, amplitude=0.0) < 0.1
    # A shout within one file
    speech = speech_of("AA K AA T AA K AA T AA K AA T", 0.25, -34.0)
    loud = speech.features.loudness.copy()
    loud[200:300] += 24
    shouted = replace(speech, features=Features(loud, speech.features.openness))
    gap = lip_gap(frames_of(shouted))
    assert gap[50:75].max() > 1.2 * gap[:45].max()


def test_sound_without_phones_still_opens_the_mouth() -> None:
    speech = replace(speech_of("AA " * 20), phones=[])
    loudness = speech.features.loudness.copy()
    openness = np.where(np.arange(len(loudness)) // 20 % 2, 8.0, -20.0).astype(np.float32)
    gap = lip_gap(frames_of(replace(speech, features=Features(loudness, openness))))
    assert gap[12:-12].max() > 8 and gap[12:-12].min() < 6


def test_range_and_symmetry() -> None:
    curves = frames_of(speech_of(ARPABET, 0.07, -3.0))
    assert np.isfinite(curves).all() and curves.min() >= 0 and curves.max() <= 1
    for index, name in enumerate(ARKIT_NAMES):
        assert np.allclose(curves[:, index], curves[:, ARKIT_INDEX[mirrored(name)]], atol=1e-6)


def test_close_lips_closes_whatever_opened_them() -> None:
    random = np.random.default_rng(0)
    coefficients = np.zeros((100, len(ARKIT_NAMES)))
    for name in ("jawOpen", "mouthFunnel", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPucker"):
        coefficients[:, ARKIT_INDEX[name]] = random.uniform(0, 0.6, 100)
    closed = close_lips(coefficients, np.ones(100))
    assert np.abs(lip_gap(closed)).max() < 1.0 and closed.min() >= 0 and closed.max() <= 1
    assert np.allclose(close_lips(coefficients, np.zeros(100)), coefficients)
    half = lip_gap(close_lips(coefficients, np.full(100, 0.5)))
    assert (half < lip_gap(coefficients)).all() and (half > lip_gap(closed)).all()


def test_gap_weights_are_those_of_the_head() -> None:
    anny = pytest.importorskip("anny")
    import torch

    head = anny.create_head_model(triangulate_faces=True, facial_actions=True)

    def vertices(**actions: float) -> np.ndarray:
        with torch.no_grad():
            return head(facial_actions={n: torch.tensor([v]) for n, v in actions.items()})["vertices"][0].numpy()

    rest = vertices()
    drop = vertices(jawOpen=1.0)[:, 1] - rest[:, 1]  # this model has Y up and Z to the front
    middle = np.flatnonzero((np.abs(rest[:, 0]) < 0.0005) & (rest[:, 2] > 0.108) & (np.abs(rest[:, 1] - 0.107) < 0.003))
    upper = middle[drop[middle] > -0.03]
    lower = middle[drop[middle] < -0.05]
    upper, lower = upper[np.argmin(rest[upper, 1] - rest[upper, 2])], lower[np.argmax(rest[lower, 1])]
    for name in ("jawOpen", "mouthClose", "mouthFunnel", "mouthRollUpper", "mouthShrugLower"):
        moved = vertices(**{name: 1.0}) - rest
        millimetres = 1000 * (moved[upper, 1] - moved[lower, 1])
        assert GAP_WEIGHTS[ARKIT_INDEX[name]] == pytest.approx(millimetres, rel=0.15, abs=1.0), name


@pytest.mark.skipif(not ENGLISH.exists(), reason="no real media here")
def test_real_english() -> None:
    speech = listen(ENGLISH)
    phones = [p.name for p in speech.phones]
    # "holidays are a time of celebrating with loved ones": the recogniser must get the gist
    assert len(phones) > 60 and "B" in phones and "M" in phones
    gap = lip_gap(frames_of(speech))
    closing = [p for p in speech.phones if p.name in ("P", "B", "M") and p.end - p.start > 0.05]
    closed = [gap[round(((p.start + p.end) / 2 - MouthSettings().lead) * 25)] < 0.5 for p in closing]
    assert np.mean(closed) > 0.9
    assert gap.std() > 1.5 and 10 < gap.max() < 25


def test_decoder_is_deterministic_and_takes_odd_lengths() -> None:
    decoder = PhoneDecoder()
    sound = babble(1.5).astype(np.float32)
    assert decoder.decode(sound) == decoder.decode(sound)
    for length in (0, 1, 100, 800, 1601):
        decoder.decode(sound[:length])
