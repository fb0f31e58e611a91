"""What a training writes as it goes: one line of JSON and one strip of pictures per interval."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.storage import written_whole


class Record:
    """The log and the strips of a training in ``folder``, going on after ``step``."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        self._lines: list[str] = []
        if (log := folder / "log.jsonl").exists():
            # what came after the checkpoint happens again
            lines = log.read_text(encoding="utf-8").splitlines()
            self._lines = [line for line in lines if json.loads(line)["step"] <= step]

    def line(self, values: dict[str, float]) -> None:
        """Add a line; ``values["step"]`` says when."""
        rounded = {name: float(f"{value:.5g}") for name, value in values.items()}
        self._lines.append(json.dumps({**rounded, "step": int(values["step"])}))
        with written_whole(self.folder / "log.jsonl") as temporary:
            temporary.write_text("\n".join(self._lines) + "\n", encoding="utf-8")

    def strip(self, step: int, picture: NDArray[np.uint8]) -> None:
        """Write a picture [H, W, 3]."""
        path = self.folder / "strips" / f"{step:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
