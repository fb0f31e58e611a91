"""Numbered frames, films and single pictures: whole or not there at all."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from backend.avatars.sequence import SequenceSettings, background_from_text, render_sequence
from shared.arkit import ARKIT_INDEX
from shared.errors import Cancelled, LimnerError
from shared.motion import MotionClip

from .drawn_avatar import DrawnAvatar, write_tone


@pytest.fixture
def clip() -> MotionClip:
    clip = MotionClip.still(50)
    clip.coefficients[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 1, 50)
    return clip


SMALL = SequenceSettings(size=64)


def test_a_folder_of_numbered_frames(tmp_path: Path, clip: MotionClip) -> None:
    seen = []
    files = render_sequence(
        DrawnAvatar(), clip, tmp_path / "new" / "frames", SMALL, on_frame=lambda *event: seen.append(event)
    )
    assert [file.name for file in files] == [f"{number:04d}.png" for number in range(1, 51)]
    assert sorted(os.listdir(tmp_path / "new" / "frames")) == [file.name for file in files]
    assert seen == list(enumerate(files, 1))
    with Image.open(files[0]) as first, Image.open(files[-1]) as last:
        assert (first.size, first.mode) == ((64, 48), "RGB")
        assert np.any(np.asarray(first) != np.asarray(last))


def test_frames_keep_their_numbers_in_a_part_of_the_clip(tmp_path: Path, clip: MotionClip) -> None:
    files = render_sequence(DrawnAvatar(), clip, tmp_path, SequenceSettings(size=64, frames=(7, 9)))
    assert [file.name for file in files] == ["0007.png", "0008.png", "0009.png"]


def test_passes_go_into_folders_of_their_name(tmp_path: Path) -> None:
    settings = SequenceSettings(size=64, passes=("depth", "rgba", "head"), background="transparent")
    render_sequence(DrawnAvatar(), MotionClip.still(2), tmp_path, settings)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert found == ["0001.png", "0002.png", "depth/0001.exr", "depth/0002.exr", "head/0001.png", "head/0002.png"]
    with OpenEXR.File(str(tmp_path / "depth/0001.exr")) as file:
        depth = file.channels()["Z"].pixels
    assert depth.dtype == np.float32 and depth.shape == (48, 64)
    assert np.isinf(depth[0, 0]) and depth[24, 32] == pytest.approx(1.5)
    with Image.open(tmp_path / "0001.png") as picture:
        assert picture.mode == "RGBA" and picture.getpixel((0, 0))[3] == 0


def test_resume_renders_what_is_missing_broken_or_changed_and_nothing_else(tmp_path: Path, clip: MotionClip) -> None:
    render_sequence(DrawnAvatar(), clip, tmp_path, SMALL)
    (tmp_path / "0003.png").unlink()
    whole = (tmp_path / "0010.png").read_bytes()
    (tmp_path / "0010.png").write_bytes(whole[: len(whole) // 2])
    clip.coefficients[20, ARKIT_INDEX["jawOpen"]] = 0.9
    again = DrawnAvatar()
    assert len(render_sequence(again, clip, tmp_path, SequenceSettings(size=64, resume=True))) == 50
    assert again.rendered == 3
    assert (tmp_path / "0010.png").read_bytes() == whole


def test_resume_keeps_no_frame_of_another_avatar(tmp_path: Path) -> None:
    render_sequence(DrawnAvatar(), MotionClip.still(2), tmp_path, SMALL)
    same, rebuilt = DrawnAvatar(), DrawnAvatar()
    rebuilt.fingerprint = "the same fit of the same photograph, drawn with other weights"
    for avatar, rendered in ((same, 0), (rebuilt, 2), (same, 2)):
        render_sequence(avatar, MotionClip.still(2), tmp_path, SequenceSettings(size=64, resume=True))
        assert avatar.rendered == rendered


def test_no_text_in_the_pictures(tmp_path: Path) -> None:
    """Blender's sequencer and other viewers show text chunks over the picture."""
    data = render_sequence(DrawnAvatar(), MotionClip.still(), tmp_path, SMALL)[0].read_bytes()
    assert b"liMn" in data and not any(chunk in data for chunk in (b"tEXt", b"zTXt", b"iTXt"))


def test_another_camera_has_no_background_to_keep(tmp_path: Path) -> None:
    avatar = DrawnAvatar()
    own = render_sequence(avatar, MotionClip.still(), tmp_path / "own", SMALL)[0]
    other = SequenceSettings(size=64, camera=avatar.camera, resume=True)
    with (
        Image.open(own) as picture,
        Image.open(render_sequence(avatar, MotionClip.still(), tmp_path / "own", other)[0]) as seen,
    ):
        assert (picture.mode, seen.mode) == ("RGB", "RGBA"), "and --resume does not take one for the other"
    with pytest.raises(LimnerError, match="WRONG_USE"):
        render_sequence(avatar, MotionClip.still(), tmp_path / "film.mp4", other)


@pytest.mark.parametrize("name", ["folder.mp4", "folder.png", "file"])
def test_a_destination_of_another_sort_is_refused_before_the_first_frame(tmp_path: Path, name: str) -> None:
    avatar = DrawnAvatar()
    (tmp_path / name).mkdir() if "." in name else (tmp_path / name).touch()
    with pytest.raises(LimnerError, match="OUTPUT_NOT_WRITABLE"):
        render_sequence(avatar, MotionClip.still(), tmp_path / name, SMALL)
    assert avatar.rendered == 0


def test_a_pass_that_is_missing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LimnerError, match="no torso pass"):
        render_sequence(
            DrawnAvatar(), MotionClip.still(), tmp_path, SequenceSettings(size=64, passes=("rgba", "torso"))
        )
    assert os.listdir(tmp_path) == []


def test_cancelling_leaves_whole_frames_only(tmp_path: Path, clip: MotionClip) -> None:
    def stop_at_half(fraction: float, stage: str) -> None:
        if fraction >= 0.5:
            raise Cancelled

    for name in ("frames", "film.mp4"):
        with pytest.raises(Cancelled):
            render_sequence(DrawnAvatar(), clip, tmp_path / name, SMALL, stop_at_half)
    assert len(os.listdir(tmp_path / "frames")) == 25
    assert os.listdir(tmp_path) == ["frames"]


def probe(path: Path) -> tuple[int, float, av.video.codeccontext.VideoCodecContext, float]:
    """(frames, frames a second, codec context, seconds of sound) of a film."""
    with av.open(str(path)) as film:
        frames = sum(1 for _ in film.decode(video=0))
        rate, context = float(film.streams.video[0].average_rate), film.streams.video[0].codec_context
    sound = 0.0
    with av.open(str(path)) as film:
        if film.streams.audio:
            sound = sum(frame.samples / frame.sample_rate for frame in film.decode(audio=0))
    return frames, rate, context, sound


@pytest.mark.parametrize("resume", [False, True])
def test_a_film_with_sound(tmp_path: Path, clip: MotionClip, resume: bool) -> None:
    tone = write_tone(tmp_path / "tone.wav", seconds=3.0)
    settings = SequenceSettings(size=64, audio=tone, resume=resume)
    film = tmp_path / "film.mp4"
    assert render_sequence(DrawnAvatar(), clip, film, settings) == [film]
    frames, rate, context, sound = probe(film)
    assert (frames, rate, context.codec.name, context.pix_fmt) == (50, 25.0, "h264", "yuv420p")
    assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    assert sound == pytest.approx(2.0, abs=0.05), "cut to the length of the picture"
    data = film.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index comes first"
    assert sorted(os.listdir(tmp_path)) == ["film.mp4", "tone.wav"]


def test_the_colours_of_a_film_are_those_of_the_frames(tmp_path: Path) -> None:
    settings = SequenceSettings(size=128, background=np.array([200, 60, 30], np.uint8))
    render_sequence(DrawnAvatar(), MotionClip.still(3), tmp_path / "film.mp4", settings)
    with av.open(str(tmp_path / "film.mp4")) as film:
        picture = next(film.decode(video=0)).to_ndarray(format="rgb24", src_colorspace="ITU709")
    assert np.abs(picture[4, 4].astype(int) - (200, 60, 30)).max() <= 4


def test_sound_starts_where_the_frames_start(tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "late.wav"), "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", ""))
        silence, loud = np.zeros(44_100, "<i2"), (8000 * np.sign(np.sin(np.arange(44_100) / 20))).astype("<i2")
        file.writeframes(np.concatenate([silence, loud]).tobytes())
    settings = SequenceSettings(size=64, frames=(21, 50), audio=tmp_path / "late.wav")
    render_sequence(DrawnAvatar(), MotionClip.still(50), tmp_path / "film.mp4", settings)
    with av.open(str(tmp_path / "film.mp4")) as film:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in film.decode(audio=0)])
    # frame 21 falls on 0.8 s, so that 0.2 s of silence are left
    assert np.argmax(np.abs(sound) > 0.1) / 48_000 == pytest.approx(0.2, abs=0.03)


def test_a_single_picture(tmp_path: Path, clip: MotionClip) -> None:
    settings = SequenceSettings(size=64, passes=("rgba", "depth"))
    assert render_sequence(DrawnAvatar(), MotionClip.still(), tmp_path / "face.png", settings) == [
        tmp_path / "face.png"
    ]
    assert sorted(os.listdir(tmp_path)) == ["face.depth.exr", "face.png"]
    with pytest.raises(LimnerError) as refused:
        render_sequence(DrawnAvatar(), clip, tmp_path / "many.png", settings)
    assert refused.value.code == "WRONG_USE"


@pytest.mark.parametrize(
    ("name", "settings", "code"),
    [
        ("film.avi", SMALL, "FORMAT_UNKNOWN"),
        ("frames", SequenceSettings(frames=(0, 3)), "WRONG_USE"),
        ("frames", SequenceSettings(frames=(3, 51)), "WRONG_USE"),
        ("frames", SequenceSettings(passes=("beauty",)), "WRONG_USE"),
        ("frames", SequenceSettings(passes=("mixer",)), "WRONG_USE"),
        ("frames", SequenceSettings(audio=Path(__file__)), "WRONG_USE"),
        ("frames", SequenceSettings(size=0), "WRONG_USE"),
        ("film.mp4", SequenceSettings(background="transparent"), "WRONG_USE"),
        ("film.mp4", SequenceSettings(audio=Path(__file__)), "SPEECH_UNREADABLE"),
        ("film.mp4", SequenceSettings(audio=Path("nowhere.wav")), "FILE_NOT_FOUND"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    tmp_path: Path, clip: MotionClip, name: str, settings: SequenceSettings, code: str
) -> None:
    with pytest.raises(LimnerError) as refused:
        render_sequence(DrawnAvatar(), clip, tmp_path / name, settings)
    assert refused.value.code == code
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, clip: MotionClip) -> None:
    (tmp_path / "taken").write_text("a file")
    for name in ("taken", "taken/film.mp4"):
        with pytest.raises(LimnerError) as refused:
            render_sequence(DrawnAvatar(), clip, tmp_path / name, SMALL)
        assert refused.value.code == "OUTPUT_NOT_WRITABLE"
    assert os.listdir(tmp_path) == ["taken"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from backend.avatars.sequence import SequenceSettings, render_sequence
from shared.errors import LimnerError
from shared.motion import MotionClip
from tests.cli.drawn_avatar import DrawnAvatar

limit, destination, passes = int(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3].split(","))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    settings = SequenceSettings(size=256, passes=passes)
    render_sequence(DrawnAvatar(noise=True), MotionClip.still(40), destination, settings)
except LimnerError as error:
    print(error.code)
"""


@pytest.mark.parametrize(("name", "passes"), [("frames", "rgba"), ("frames", "depth"), ("film.mp4", "rgba")])
def test_a_full_disk_is_named_and_leaves_nothing_partial(tmp_path: Path, name: str, passes: str) -> None:
    # a limit on the size of any one file fails a write in the middle just as a full disk does, and needs no rights
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, "20000", str(tmp_path / name), passes],
        capture_output=True, text=True, timeout=400, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert run.stdout.strip() == "DISK_FULL", run.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_really_full_disk(tmp_path: Path, clip: MotionClip) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        for name in ("frames", "film.mp4"):
            with pytest.raises(LimnerError) as refused:
                render_sequence(DrawnAvatar(noise=True), clip, tmp_path / name, SequenceSettings(size=256))
            assert refused.value.code == "DISK_FULL"
        assert not list(tmp_path.rglob("*.part")) and not (tmp_path / "film.mp4").exists()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_two_thousand_frames_take_no_more_memory_than_two_hundred(tmp_path: Path) -> None:
    avatar, tone = DrawnAvatar(), write_tone(tmp_path / "tone.wav", 85.0)

    def peak_kib(frames: int) -> int:
        render_sequence(avatar, MotionClip.still(frames), tmp_path / "film.mp4", SequenceSettings(size=64, audio=tone))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = peak_kib(200)
    assert peak_kib(2000) - before < 16 * 1024  # the frames kept would take 28 MiB


def test_backgrounds_in_words(tmp_path: Path) -> None:
    Image.new("L", (5, 4), 9).save(tmp_path / "grey.png")
    assert background_from_text("keep") == "keep"
    assert background_from_text("#ff8000").tolist() == [255, 128, 0]  # type: ignore[union-attr]
    assert background_from_text(str(tmp_path / "grey.png")).shape == (4, 5, 3)  # type: ignore[union-attr]
    (tmp_path / "text.jpg").write_text("no picture")
    for text, code in (("#12", "WRONG_USE"), ("#gggggg", "WRONG_USE"), ("none.png", "FILE_NOT_FOUND"),
                       (str(tmp_path / "text.jpg"), "IMAGE_UNREADABLE")):  # fmt: skip
        with pytest.raises(LimnerError) as refused:
            background_from_text(text)
        assert refused.value.code == code
