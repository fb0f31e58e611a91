from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.people.sheet import contact_sheet, main


def test_pictures_stand_in_rows_and_the_last_is_filled_up() -> None:
    pictures = [np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = contact_sheet(pictures, columns=2)
    assert sheet.shape == (4, 6, 3)
    assert sheet[0, 0, 0] == 10 and sheet[0, 3, 0] == 20 and sheet[2, 0, 0] == 30 and sheet[2, 3, 0] == 128


def test_the_command_draws_people_and_tells_the_speed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--seeds", "0:2", "--size", "48", "-o", str(tmp_path / "sheet.png")])
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (48, 480, 3)
    assert sheet[:, :48].std() > 5 and not np.array_equal(sheet[:, :48], sheet[:, 48:96])
    assert "pictures a second" in capsys.readouterr().out
