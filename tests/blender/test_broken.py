"""Avatars with a part missing are refused in words, before and after the work."""

from pathlib import Path

from tests.blender.conftest import Blender


def test_a_deleted_head_control(blender: Blender, stand_in: Path, media: Path, tmp_path: Path) -> None:
    facts = blender.run("broken.py", media, tmp_path, LIMNER_INSTALLATION=str(stand_in))
    assert facts["meanwhile"][0] == "error" and "head control" in facts["meanwhile"][1]
    assert all("head control" in refusal for refusal in facts["refusals"])
    assert "cannot be brought into Blender" in facts["unforeseen"]
