"""A picture file of any kind becomes upright 8-bit sRGB pixels, or a clear refusal."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from shared.errors import LimnerError

WORKING_SIDE = 2048  # longer side kept for work: twice what the avatar is rendered at
SMALLEST_SIDE = 64
LARGEST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 89_478_485)  # where Pillow calls a file a decompression bomb
HIDDEN_ALPHA = 8  # below this a pixel's colour is whatever the program that wrote it left there
HIDDEN_COLOUR = 128


@dataclass(frozen=True, eq=False)
class Picture:
    """A loaded reference.

    Args:
        rgb: [H, W, 3] uint8 sRGB, upright; not premultiplied; mid-grey where fully transparent.
        alpha: [H, W] uint8, or None where the file has no transparency.
        path: where it came from.
        sha256: of the file's bytes, hexadecimal.
        original_size: width and height of the upright picture in the file, in pixels.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    path: Path
    sha256: str
    original_size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Pixels of ``rgb`` per pixel of the file."""
        return self.rgb.shape[1] / self.original_size[0]


def load_image(path: Path | str, longest_side: int = WORKING_SIDE, smallest_side: int = SMALLEST_SIDE) -> Picture:
    """Read a picture: EXIF turn applied, ICC profile converted to sRGB, first frame of an animation, at most
    ``longest_side`` pixels long; refused where its shorter side has less than ``smallest_side`` pixels.

    Raises:
        LimnerError: FILE_NOT_FOUND, IMAGE_UNREADABLE, IMAGE_TOO_SMALL, IMAGE_TOO_LARGE.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise LimnerError("FILE_NOT_FOUND", f"There is no file {path}.", "Check the path.") from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns at half the size where it refuses; odd EXIF warns too
            with Image.open(path) as image:
                turned, original_size = _upright(image, path, longest_side, smallest_side)
                rgb, alpha = _srgb(turned)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except UnidentifiedImageError as error:
        raise _unreadable(path, "its contents are no image format that can be read here") from error
    except LimnerError:
        raise
    except Exception as error:  # Pillow's decoders answer damaged files with any kind of error
        raise _unreadable(path, str(error) or type(error).__name__) from error
    if alpha is not None:
        if alpha.min() == 255:
            alpha = None
        else:
            rgb[alpha < HIDDEN_ALPHA] = HIDDEN_COLOUR
    return Picture(rgb, alpha, path, digest, original_size)


def _unreadable(path: Path, why: str) -> LimnerError:
    return LimnerError(
        "IMAGE_UNREADABLE",
        f"{path} cannot be read as a picture: {why.rstrip('.')}.",
        "Open it in an image editor and save it as PNG or JPEG, or choose another picture.",
    )


def _too_large(path: Path) -> LimnerError:
    return LimnerError(
        "IMAGE_TOO_LARGE",
        f"{path} has more than {LARGEST_PIXELS // 1_000_000} million pixels.",
        "Scale the picture down; 4000 pixels along the longer side are more than enough.",
    )


def _upright(
    image: Image.Image, path: Path, longest_side: int, smallest_side: int
) -> tuple[Image.Image, tuple[int, int]]:
    """Decode, scale to the working size and turn upright; also the upright size in the file."""
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        raise _too_large(path)
    if min(width, height) < smallest_side:
        raise LimnerError(
            "IMAGE_TOO_SMALL",
            f"{path} is {width} x {height} pixels; the shorter side needs {smallest_side}.",
            "Choose a picture in which the face is at least 96 pixels wide, better 300.",
        )
    orientation = image.getexif().get(0x0112, 1)
    profile = image.info.get("icc_profile")
    if image.format == "JPEG" and max(image.size) > 2 * longest_side:
        image.draft(None, (2 * longest_side, 2 * longest_side))  # decodes at a half, quarter or eighth: saves memory
    image.load()
    image = _eight_bit(image)
    if max(image.size) > longest_side:
        image.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if profile:
        image.info["icc_profile"] = profile
    turned = ImageOps.exif_transpose(image)
    return turned, (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Palettes, bilevel and deep greys as 8 bits a channel; other modes unchanged."""
    if image.mode in ("P", "PA") or (image.mode in ("L", "RGB") and "transparency" in image.info):
        flat = image.convert("RGBA")
    elif image.mode == "1":
        flat = image.convert("L")
    elif image.mode.startswith(("I", "F")):
        values = np.asarray(image)
        if values.dtype == np.uint16:
            values = (values >> 8).astype(np.uint8)
        else:
            top = float(values.max(initial=0))
            full = next((limit for limit in (1.0, 255.0, 65535.0) if top <= limit), max(top, 1.0))
            if values.dtype.kind in "iu" and full == 1.0:
                full = 255.0
            values = np.clip(np.nan_to_num(values) * (255.0 / full), 0, 255).astype(np.uint8)
        flat = Image.fromarray(values)
    else:
        return image
    exif = image.info.get("exif")
    if exif:
        flat.info["exif"] = exif
    return flat


def _srgb(image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Colours in sRGB, and alpha where there is any."""
    alpha = None
    profile = image.info.get("icc_profile")
    if image.mode in ("RGBa", "La"):
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode in ("RGBA", "LA"):
        alpha = np.array(image.getchannel("A"))
        image = image.convert(image.mode[:-1])
    if profile and image.mode in ("RGB", "L", "CMYK", "LAB"):
        image = _through_profile(image, profile)
    if image.mode == "LAB":
        image = _through_profile(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
    return np.array(image.convert("RGB")), alpha


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture from its profile's colours to sRGB; unchanged where the profile is sRGB already or is broken."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a damaged or mismatched profile: what viewers do, too
    return converted if converted is not None else image
