"""Pictures of every kind load alike or are refused with a code, a cause and a remedy."""

from __future__ import annotations

import hashlib
import resource
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from backend.capture.image import load_image
from shared.errors import LimnerError


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """Red grows to the right, green downward, blue stays."""
    columns, rows = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([columns, rows, np.full_like(rows, 90)], axis=2).astype(np.uint8))


def assert_scene(rgb: np.ndarray, tolerance: float = 12) -> None:
    expected = np.asarray(scene(rgb.shape[1], rgb.shape[0]), float)
    assert np.abs(rgb.astype(float) - expected).mean() < tolerance


def refused(path: Path) -> LimnerError:
    with pytest.raises(LimnerError) as caught:
        load_image(path)
    assert caught.value.cause and caught.value.remedy and str(path) in caught.value.cause
    assert caught.value.exit_status == 3
    return caught.value


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff", "a.bmp", "a.gif", "a.avif", "a.ppm"])
def test_formats(tmp_path: Path, name: str) -> None:
    scene().save(tmp_path / name)
    picture = load_image(tmp_path / name)
    assert picture.rgb.dtype == np.uint8 and picture.rgb.shape == (240, 320, 3)
    assert picture.alpha is None and picture.original_size == (320, 240) and picture.scale == 1
    assert picture.sha256 == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    assert_scene(picture.rgb)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180], 4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE], 6: [Image.Transpose.ROTATE_90], 7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }  # fmt: skip
    stored = scene()
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    picture = load_image(tmp_path / "turned.jpg")
    assert picture.original_size == (320, 240)
    assert_scene(picture.rgb, 3)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    scene().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert_scene(load_image(tmp_path / "print.jpg").rgb)


def test_sixteen_bit_grey(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 320)[None].repeat(240, 0).astype(np.uint16)
    for name in ("deep.png", "deep.tiff"):
        Image.fromarray(grey).save(tmp_path / name)
        rgb = load_image(tmp_path / name).rgb
        assert rgb[100, 0, 0] == 0 and rgb[100, -1, 2] == 255 and abs(int(rgb[100, 160, 1]) - 128) < 3


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    deep = np.asarray(scene()).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    assert_scene(load_image(tmp_path / "deep.png").rgb, 2)


def test_float_tiff(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(0, 1, 320, dtype=np.float32)[None].repeat(240, 0)).save(tmp_path / "float.tiff")
    assert load_image(tmp_path / "float.tiff").rgb[0, -1, 0] == 255


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "PA"])
def test_modes(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.png" if mode != "PA" else "a.tiff")
    image = scene().convert("RGBA" if mode == "PA" else mode)
    (image.quantize(32) if mode == "PA" else image).save(path)
    picture = load_image(path)
    assert picture.rgb.shape == (240, 320, 3) and picture.alpha is None


def test_alpha_is_kept_and_hidden_colour_is_not(tmp_path: Path) -> None:
    image = np.zeros((100, 100, 4), np.uint8)
    image[:, :50] = (200, 100, 50, 255)
    image[:, 50:] = (0, 255, 0, 0)
    Image.fromarray(image).save(tmp_path / "cut.png")
    picture = load_image(tmp_path / "cut.png")
    assert picture.alpha is not None and picture.alpha[0, 0] == 255 and picture.alpha[0, 99] == 0
    assert tuple(picture.rgb[0, 0]) == (200, 100, 50) and tuple(picture.rgb[0, 99]) == (128, 128, 128)


def test_transparent_palette(tmp_path: Path) -> None:
    image = scene().quantize(16)
    image.save(tmp_path / "p.png", transparency=0)
    assert load_image(tmp_path / "p.png").alpha is not None


def test_profile_is_converted(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(scene(), srgb, lab, outputMode="LAB")
    assert converted is not None
    converted.save(tmp_path / "lab.tiff", icc_profile=lab.tobytes())
    assert_scene(load_image(tmp_path / "lab.tiff").rgb, 6)


def test_broken_profile_is_ignored(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.png", icc_profile=b"not a profile")
    assert_scene(load_image(tmp_path / "a.png").rgb, 1)


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (320, 240), "white")])
    assert_scene(load_image(tmp_path / "a.gif").rgb)


@pytest.mark.parametrize("name", ["big.jpg", "big.png"])
def test_forty_megapixels(tmp_path: Path, name: str) -> None:
    scene(1600, 1000).resize((8000, 5000)).save(tmp_path / name, **({"compress_level": 1} if "png" in name else {}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    picture = load_image(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # kB
    assert picture.rgb.shape == (1280, 2048, 3) and picture.original_size == (8000, 5000)
    assert_scene(picture.rgb, 3)


def test_decompression_bomb(tmp_path: Path) -> None:
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    assert refused(tmp_path / "bomb.png").code == "IMAGE_TOO_LARGE"


def test_missing(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing.png").code == "FILE_NOT_FOUND"


def test_one_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    assert refused(tmp_path / "dot.png").code == "IMAGE_TOO_SMALL"


@pytest.mark.parametrize("content", [b"", b"this is text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert refused(tmp_path / "a.jpg").code == "IMAGE_UNREADABLE"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff"])
@pytest.mark.parametrize("keep", [0.2, 0.6])
def test_truncated(tmp_path: Path, name: str, keep: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * keep)])
    assert refused(tmp_path / name).code == "IMAGE_UNREADABLE"


def test_damaged_bytes_never_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    for name in ("a.jpg", "a.png", "a.gif", "a.webp", "a.tiff"):
        scene(96, 80).save(tmp_path / name)
        whole = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
        for _ in range(20):
            broken = whole.copy()
            broken[random.integers(0, len(broken), 8)] = random.integers(0, 255, 8)
            (tmp_path / name).write_bytes(broken.tobytes())
            try:
                load_image(tmp_path / name)
            except LimnerError as error:
                assert error.code.startswith("IMAGE_")


def test_folder(tmp_path: Path) -> None:
    assert refused(tmp_path).code == "IMAGE_UNREADABLE"
