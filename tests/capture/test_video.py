"""Films come apart into upright pictures at the right times, whatever their files hold."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from backend.capture.video import holds_pictures, holds_sound, stream_frames
from shared.errors import LimnerError
from tests.motion.sounds import video, write_wave


def film(path: Path, frames: int = 10, turn: int = 0, stretch: Fraction | None = None) -> Path:
    """Frames of 96 x 64 whose left half is red and whose brightness tells their number; turned for showing."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        if stretch:
            stream.codec_context.sample_aspect_ratio = stretch
        if turn:
            stream.set_display_rotation(turn)
        for index in range(frames):
            rgb = np.full((64, 96, 3), 20 * index, np.uint8)
            rgb[:, :48] = (220, 30, 30)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_pictures_come_in_order_with_their_times(tmp_path: Path) -> None:
    frames = list(stream_frames(film(tmp_path / "a.mp4")))
    assert [frame.time for frame in frames] == pytest.approx([0.1 * index for index in range(10)], abs=1e-3)
    assert [frame.rgb[32, 80].mean() for frame in frames] == pytest.approx([20 * index for index in range(10)], abs=6)
    assert frames[0].done < 0.05 < 0.85 < frames[-1].done <= 1


@pytest.mark.parametrize(("turn", "red"), [(90, "bottom"), (-90, "top"), (180, "right")])
def test_a_turned_film_is_set_upright(tmp_path: Path, turn: int, red: str) -> None:
    rgb = next(stream_frames(film(tmp_path / "a.mp4", turn=turn))).rgb
    assert rgb.shape == ((64, 96, 3) if turn == 180 else (96, 64, 3))
    height, width = rgb.shape[:2]
    place = {"bottom": (height - 8, width // 2), "top": (8, width // 2), "right": (height // 2, width - 8)}[red]
    assert rgb[place][0] > 150 and rgb[height - 1 - place[0], width - 1 - place[1]][0] < 80


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    assert next(stream_frames(film(tmp_path / "a.mp4", stretch=Fraction(2)))).rgb.shape == (64, 192, 3)


def test_what_is_a_film(tmp_path: Path) -> None:
    moving = film(tmp_path / "a.mp4")
    sound = write_wave(tmp_path / "a.wav", np.zeros(1600))
    photograph = tmp_path / "a.png"
    Image.new("RGB", (64, 64)).save(photograph)
    assert holds_pictures(moving) and not holds_sound(moving)
    assert holds_sound(video(tmp_path / "b.mp4", np.zeros(16000)))
    for other in (sound, photograph, Path(__file__), tmp_path / "missing"):
        assert not holds_pictures(other), other


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    sound = write_wave(tmp_path / "a.wav", np.zeros(1600))
    for path, code in (
        (tmp_path / "no.mp4", "FILE_NOT_FOUND"),
        (sound, "VIDEO_UNREADABLE"),
        (Path(__file__), "VIDEO_UNREADABLE"),
    ):
        with pytest.raises(LimnerError) as refused:
            next(stream_frames(path))
        assert refused.value.code == code


def test_a_film_that_breaks_off_keeps_its_beginning(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mkv", frames=40).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    assert 5 < len(list(stream_frames(cut))) < 40
