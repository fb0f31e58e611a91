"""Speech file to clip."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from backend.motion.analysis import Speech, listen
from backend.motion.animate import animate, perform
from backend.motion.lips import lip_gap
from backend.motion.settings import MotionSettings, MouthSettings
from shared.arkit import ARKIT_INDEX
from shared.errors import Cancelled, LimnerError
from shared.motion import MotionClip
from shared.progress import silent
from tests.motion.sounds import CHINESE, ENGLISH, GERMAN_VIDEO, babble, write_wave


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wave(tmp_path_factory.mktemp("speech") / "babble.wav", babble(12.0, seed=3))


@pytest.fixture(scope="module")
def speech(spoken: Path) -> Speech:
    return listen(spoken)


def check(clip: MotionClip) -> None:
    """What holds for every clip."""
    for values in (clip.coefficients, clip.rotation, clip.location):
        assert np.isfinite(values).all()
    assert clip.coefficients.min() >= 0 and clip.coefficients.max() <= 1
    assert np.abs(clip.rotation).max() < np.radians(12) and np.abs(clip.location).max() < 0.03
    for end in (0, -1):
        assert clip.coefficients[end].max() < 0.06 and np.abs(clip.rotation[end]).max() < np.radians(0.3)
    # The head never jumps: under 120 degrees a second
    assert np.abs(np.diff(clip.rotation, axis=0)).max(initial=0) * clip.fps < np.radians(120)


@pytest.mark.parametrize("fps", [1.0, 23.976, 25.0, 30.0, 60.0, 240.0])
def test_any_rate(speech: Speech, fps: float) -> None:
    clip = perform(speech, fps, 0, silent, MotionSettings())
    assert clip.fps == fps and abs(len(clip) - 12.0 * fps) <= 1
    check(clip)


@pytest.mark.parametrize("fps", [0.0, -5.0, float("nan"), 1000.0])
def test_wrong_rates_are_refused(spoken: Path, fps: float) -> None:
    with pytest.raises(LimnerError, match="WRONG_USE"):
        animate(spoken, fps)


def test_deterministic_with_the_seed(spoken: Path) -> None:
    first, again, other = animate(spoken, seed=1), animate(spoken, seed=1), animate(spoken, seed=2)
    for name in ("coefficients", "rotation", "location"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.allclose(first.rotation, other.rotation, atol=1e-3)
    mouth = [ARKIT_INDEX[n] for n in ("jawOpen", "mouthClose", "mouthPucker")]
    assert np.allclose(first.coefficients[:, mouth], other.coefficients[:, mouth])  # the seed is no matter of speech
    assert len(animate(spoken, seed=-7)) == len(first)


def test_the_same_motion_at_another_rate(speech: Speech) -> None:
    slow, fast = (perform(speech, fps, 0, silent, MotionSettings()) for fps in (25.0, 50.0))
    assert np.abs(slow.rotation - fast.rotation[::2][: len(slow)])[10:-20].max() < 1e-3
    jaw = ARKIT_INDEX["jawOpen"]
    assert np.corrcoef(slow.coefficients[:, jaw], fast.coefficients[::2][: len(slow), jaw])[0, 1] > 0.97


@pytest.mark.parametrize("seconds", [0.004, 0.03, 0.2, 1.0])
def test_short_sounds(tmp_path: Path, seconds: float) -> None:
    clip = animate(write_wave(tmp_path / "a.wav", 0.3 * np.sin(np.arange(max(1, round(seconds * 16000))) * 0.2)))
    assert len(clip) == max(1, int(np.ceil(seconds * 25 - 1e-6)))
    check(clip)


def test_windows_do_not_show(tmp_path: Path, spoken: Path) -> None:
    """Other windows, other blocks of reading: the same mouth."""
    source = ENGLISH if ENGLISH.exists() else spoken
    whole, cut = listen(source, window=20.0), listen(source, window=4.0)
    assert np.allclose(whole.features.loudness, cut.features.loudness, atol=0.01)
    gaps = [lip_gap(perform(s, 25.0, 0, silent, MotionSettings()).coefficients) for s in (whole, cut)]
    assert np.corrcoef(*gaps)[0, 1] > 0.85
    # What is computed with a frame hardly changes it: iterations that stop, and no seam, which would be 0.05 and more.
    import backend.motion.animate as module

    before = perform(whole, 25.0, 0, silent, MotionSettings()).coefficients
    stretch, module.STRETCH = module.STRETCH, 7
    try:
        after = perform(whole, 25.0, 0, silent, MotionSettings()).coefficients
    finally:
        module.STRETCH = stretch
    assert np.abs(before - after).max() < 0.01


def test_layers_have_their_own_sliders(speech: Speech) -> None:
    off = MotionSettings(MouthSettings(amplitude=0.0), blinks=0, gaze=0, nods=0, sway=0, brows=0, idle=0)
    still = perform(speech, 25.0, 0, silent, off)
    mouth_only = [n for n, i in ARKIT_INDEX.items() if still.coefficients[:, i].max() > 0.02]
    assert not mouth_only and np.abs(still.rotation).max() == 0
    for setting, names in {
        "blinks": ("eyeBlinkLeft",), "gaze": ("eyeLookOutLeft", "eyeLookInLeft"), "brows": ("browInnerUp",),
        "idle": ("browInnerUp",),
    }.items():  # fmt: skip
        from dataclasses import replace

        clip = perform(speech, 25.0, 0, silent, replace(off, **{setting: 1.0}))
        for name in names:
            assert clip.coefficients[:, ARKIT_INDEX[name]].max() > 0.02, (setting, name)
        assert clip.coefficients[:, ARKIT_INDEX["jawOpen"]].max() < 0.01


def test_blinks_are_natural(speech: Speech) -> None:
    from backend.motion.eyes import blink_times, blinks

    for seed in range(5):
        times = blink_times(600.0, 22.0, np.zeros(0), np.random.default_rng(seed))
        assert 0.75 * 220 < len(times) < 1.25 * 220 and np.diff(times).min() > 0.45 and np.diff(times).max() < 6
        assert len(blink_times(2.5, 22.0, np.zeros(0), np.random.default_rng(seed))) >= 1
    for fps in (24.0, 25.0, 30.0, 60.0):
        frames = np.arange(int(20 * fps)) / fps
        starts = np.array([1.013, 4.4, 9.871])
        lid = blinks(frames, starts, fps, 1.0, np.random.default_rng(0))[:, ARKIT_INDEX["eyeBlinkLeft"]]
        for start in starts:
            span = lid[int(start * fps) : int((start + 0.6) * fps)]
            assert span.max() > 0.9  # shut in at least one frame
            shut = np.argmax(span)
            assert np.sum(span[:shut] > 0.05) <= np.sum(span[shut:] > 0.05)  # closes faster than it opens
    clip = perform(speech, 25.0, 0, silent, MotionSettings())
    shut_now = clip.coefficients[:, ARKIT_INDEX["eyeBlinkLeft"]] > 0.5
    assert 2 <= np.sum(np.diff(shut_now.astype(int)) == 1) <= 9


def test_progress_is_told_and_cancel_heard(tmp_path: Path) -> None:
    source = write_wave(tmp_path / "a.wav", np.tile(babble(10.0), 3))
    told: list[float] = []
    animate(source, progress=lambda fraction, stage: told.append(fraction))
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 100 and max(np.diff(told)) < 0.1

    def stop(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        animate(source, progress=stop)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to see a process's peak memory")
def test_memory_does_not_grow_with_the_sound(tmp_path: Path) -> None:
    """Ten minutes against one: mostly pauses, so that the test is quick; phones are decoded window by window anyway."""
    bursts = np.zeros(60 * 16000)
    bursts[: 4 * 16000] = babble(4.0)
    script = (
        "import sys; from pathlib import Path; from backend.motion.animate import animate\n"
        "clip = animate(Path(sys.argv[1])); status = Path('/proc/self/status').read_text().split()\n"
        "print(len(clip), int(status[status.index('VmHWM:') + 1]) // 1024)"
    )
    used: list[int] = []
    for minutes in (1, 10):
        source = write_wave(tmp_path / f"{minutes}.wav", np.tile(bursts, minutes))
        command = [sys.executable, "-c", script, str(source)]
        out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=400).stdout
        frames, megabytes = map(int, out.split())
        assert frames == minutes * 1500
        used.append(megabytes)
    assert used[1] - used[0] < 60, used


@pytest.mark.skipif(not ENGLISH.exists(), reason="no real media here")
@pytest.mark.parametrize("source", [ENGLISH, CHINESE, GERMAN_VIDEO], ids=lambda p: p.stem)
def test_real_speech(source: Path) -> None:
    began = time.process_time()  # the machine may be busy with something else
    clip = animate(source)
    assert time.process_time() - began < clip.duration  # faster than real time
    check(clip)
    gap = lip_gap(clip.coefficients)
    assert 1.5 < gap.std() < 6 and gap.max() > 8
    assert np.sum(np.diff((gap > gap.mean()).astype(int)) == 1) / clip.duration > 1.5  # opens more than once a second


@pytest.mark.skipif(not GERMAN_VIDEO.exists(), reason="no real media here")
def test_lips_follow_the_real_speaker() -> None:
    """Correlation over 20 s of the lips' aperture with the speaker's own, measured by mediapipe in every frame."""
    mediapipe = pytest.importorskip("mediapipe")
    import av

    mesh = mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True)
    real = []
    with av.open(str(GERMAN_VIDEO)) as container:
        for frame in container.decode(video=0):
            points = mesh.process(frame.to_ndarray(format="rgb24")).multi_face_landmarks[0].landmark
            place = np.array([[p.x, p.y, p.z] for p in points])
            real.append(np.linalg.norm(place[13] - place[14]) / np.linalg.norm(place[33] - place[263]))
    ours = lip_gap(animate(GERMAN_VIDEO).coefficients)[: len(real)]
    assert np.corrcoef(ours, real[: len(ours)])[0, 1] > 0.5
