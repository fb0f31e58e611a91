"""From Blender's curves, drivers, constraints and cameras to what the backend renders."""

from pathlib import Path

import pytest

from tests.blender.conftest import Blender


def test_whatever_animates_counts_and_cameras_agree(
    blender: Blender, stand_in: Path, media: Path, tmp_path: Path
) -> None:
    facts = blender.run("performance.py", media, tmp_path, LIMNER_INSTALLATION=str(stand_in))
    assert max(facts["round_trip"]) < 1e-5
    assert facts["plain"] and facts["both_ways"] < 1e-5
    assert facts["plain_still"] and facts["both_ways_again"] < 1e-5
    assert not facts["not_plain"]
    read, played = facts["minute"]
    print(facts["minute"])
    assert read < played / 3
    assert facts["frame_kept"] == 1
    count, first, last, inside = facts["keys"]
    assert count == 42 and first == [90, 0.25, "CONSTANT"] and last == [200, 0.75] and inside == [0] * 10
    assert facts["driven"] == pytest.approx([0.2, 0.21])
    assert facts["muted"] == 0 and facts["clamped"] == 1
    assert facts["constrained"] == pytest.approx([0, 0, 0.4], abs=1e-5)
    assert facts["source"] and facts["source_half"] and facts["one_view"]
    (landscape, size), (portrait, tall) = facts["errors"]
    assert size == [400, 300] and tall == [200, 400]
    assert landscape <= 0.51 and portrait <= 0.51  # half a pixel of rasterised disc
    assert facts["moving"] == 11 and facts["moved_error"] <= 0.51
    assert "stretched" in facts["stretched"]
    assert "Perspective" in facts["panoramic"]
    assert "portrait.limner does not exist" in facts["lost_file"]
    assert "head control" in facts["lost_control"] or "does not exist" in facts["lost_control"]
