"""A contact sheet of procedural people, and how fast they are made: ``python -m backend.people.sheet``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.people.person import make_person
from backend.people.render import render
from backend.people.shots import draw_shots

PICTURES = 4  # of each person when speed is measured


def contact_sheet(pictures: Sequence[NDArray[np.uint8]], columns: int = 10) -> NDArray[np.uint8]:
    """[H, W, 3] pictures of one size in rows; the last row is filled up with grey."""
    rows = -(-len(pictures) // columns)
    empty = np.full_like(pictures[0], 128)
    cells = [*pictures, *[empty] * (rows * columns - len(pictures))]
    return np.concatenate([np.concatenate(cells[row * columns : (row + 1) * columns], axis=1) for row in range(rows)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the sheet and print the speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:100", metavar="A:B")
    parser.add_argument("--size", type=int, default=256, help="of a picture, pixels")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    first, last = (int(part) for part in chosen.seeds.split(":"))
    making = rendering = 0.0
    pictures = []
    for seed in range(first, last):
        start = time.perf_counter()
        person = make_person(seed)
        shots = draw_shots(person, seed, PICTURES, chosen.size)
        made = time.perf_counter()
        drawn = [render(person, shot).rgb for shot in shots]
        pictures.append(drawn[0])
        if seed > first:  # the first pays for the context and for what is read from files
            making += made - start
            rendering += time.perf_counter() - made
    cv2.imwrite(str(chosen.output), contact_sheet(pictures)[..., ::-1])
    people = max(1, last - first - 1)
    speed = PICTURES * people / max(making + rendering, 1e-9)
    print(f"a person with {PICTURES} shots: {making / people * 1000:.0f} ms")
    print(f"a picture of {chosen.size} pixels: {rendering / people / PICTURES * 1000:.0f} ms")
    print(f"{speed:.1f} pictures a second, {PICTURES} of each person")


if __name__ == "__main__":
    main()
