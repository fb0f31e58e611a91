"""Many small pictures with a line of text under each, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LABEL_HEIGHT = 34
INK, PAPER, ALARM = (225, 225, 225), (24, 24, 24), (255, 110, 90)


def contact_sheet(
    pictures: Sequence[tuple[NDArray[np.uint8], str, bool]], path: Path, columns: int = 7, width: int = 256
) -> Path:
    """Write a PNG of labelled pictures.

    Args:
        pictures: ([H, W, 3 or 4] uint8, label of one or two lines, whether it is as it should be) of each.
        path: file to write.
        columns: pictures in a row.
        width: of each picture, in pixels; wider than tall ones are shown whole.
    """
    font = ImageFont.load_default(13)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    height = max(round(width * picture.shape[0] / picture.shape[1]) for picture, _, _ in pictures)
    page = Image.new("RGB", (columns * width, rows * (height + LABEL_HEIGHT)), PAPER)
    draw = ImageDraw.Draw(page)
    for index, (picture, label, good) in enumerate(pictures):
        left, top = index % columns * width, index // columns * (height + LABEL_HEIGHT)
        small = Image.fromarray(picture[..., :3])
        page.paste(
            small.resize((width, round(width * small.height / small.width)), Image.Resampling.LANCZOS), (left, top)
        )
        draw.multiline_text((left + 4, top + height + 1), label, INK if good else ALARM, font, spacing=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)
    return path
