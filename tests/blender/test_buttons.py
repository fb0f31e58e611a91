"""What the panel's buttons do: start, and let the pump do the rest."""

from pathlib import Path

from tests.blender.conftest import Blender


def test_buttons_never_block_and_jobs_outlive_files(
    blender: Blender, stand_in: Path, media: Path, tmp_path: Path
) -> None:
    facts = blender.run("buttons.py", media, tmp_path, LIMNER_INSTALLATION=str(stand_in))
    print(facts)
    assert facts["invoked"] == ["FINISHED"] and facts["invoke"][0] and facts["invoke"][1] < 1.5
    assert "already running" in facts["second"]
    assert facts["timer"]
    assert len(facts["grew"]) >= 4 and facts["grew"][-1] < 30
    assert 0 < facts["eta"] < 60 and "left" in facts["described"]
    assert facts["elsewhere"] == ["done", False, 0]
    assert facts["back"] == 30
    assert facts["cancel"][0] == "cancelled" and facts["cancel"][1] < 3  # of 5 that the render would take
    assert facts["kept"][0] >= 5 and facts["kept"][1]  # these were not rendered again
    assert facts["unsaved"] == [False, 0] and facts["brought_in"] == [True, True]
    assert "No face was found in dog.png. Choose another picture." in facts["no_face"]
    assert "nothing.png does not exist" in facts["no_file"]
    assert "No speech is chosen" in facts["no_speech"]
    assert facts["tick_ms"][0] < 30
