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
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    heights = [max(round(width * picture.shape[0] / picture.shape[1]) for picture, _, _ in row) for row in rows]
    page = Image.new("RGB", (columns * width, sum(heights) + len(rows) * LABEL_HEIGHT), PAPER)
    draw = ImageDraw.Draw(page)
    top = 0
    for row, height in zip(rows, heights):
        for column, (picture, label, good) in enumerate(row):
            left, small = column * width, Image.fromarray(picture[..., :3])
            small = small.resize((width, round(width * small.height / small.width)), Image.Resampling.LANCZOS)
            page.paste(small, (left, top))
            draw.multiline_text((left + 4, top + height + 1), label, INK if good else ALARM, font, spacing=1)
        top += height + LABEL_HEIGHT
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)
    return path
