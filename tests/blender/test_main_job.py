"""The main job in real Blenders against a real backend process."""

from pathlib import Path

import pytest

from shared.arkit import ARKIT_NAMES
from tests.blender.conftest import Blender


def test_one_picture_and_one_speech_become_keys_frames_sound_and_meshes(
    blender: Blender, stand_in: Path, media: Path, tmp_path: Path
) -> None:
    facts = blender.run("main_job.py", media, tmp_path, LIMNER_INSTALLATION=str(stand_in))
    assert facts["refining"] == [{}, {}, {"refine": 40}, {}]
    avatar = facts["avatar"]
    assert avatar["shape_keys"] == ["Basis", *ARKIT_NAMES]
    assert avatar["smile"] == pytest.approx(0.3)
    assert avatar["uv_layers"] == 1 and avatar["packed"]
    assert avatar["texture_corner"] == [40, 90, 30]  # the lower half, which Blender counts from
    assert avatar["parents"] == ["portrait Head Control", "portrait", "portrait"]
    assert avatar["control_at_rest"] == [[0, 0, 0], [0, 0, 0]]
    assert avatar["pose_error"] < 1e-5
    assert avatar["camera_error_px"] < 0.01
    assert avatar["resolution"] == [600, 450] and avatar["scene_camera"]
    assert avatar["background"] == [600, 450, 40, 90, 160]
    assert facts["path"].startswith("//limner/portrait")

    assert facts["range"] == [11, 58]  # 2 s at 24 frames a second, from the frame the user stood on
    assert facts["jaw_at_20"] == pytest.approx(0.5 - 0.5 * __import__("math").cos(3), abs=1e-4)
    sound = facts["after_animate"]["SOUND"]
    assert sound["start"] == 11 and abs(sound["duration"] - 48) <= 1

    strip = facts["after_render"]["IMAGE"]
    assert strip["start"] == 11 and strip["duration"] == 48 and len(strip["elements"]) == 48
    assert strip["channel"] != facts["after_render"]["SOUND"]["channel"]
    assert [name for name in facts["frames"] if name.endswith(".png")] == [f"{n:04}.png" for n in range(1, 49)]
    assert strip["elements"] == [f"{n:04}.png" for n in range(1, 49)]

    # a part of it, rendered again in another colour: the strip lies where these frames are, and shows the new ones
    assert facts["after_part"]["start"] == 12 and facts["after_part"]["elements"] == [f"{n:04}.png" for n in (1, 2, 3)]
    assert facts["shown_at_12"] == pytest.approx([40, 90, 160], abs=2)
    assert facts["shown_again_at_12"] == pytest.approx([255, 0, 0], abs=2)

    assert "MESH" in facts["imported"][0] and facts["imported"][1] == ["MESH"]
    assert {"portrait.limner", "portrait_head.glb", "portrait_surface.ply"} <= set(facts["files"])
    assert facts["status"] in ("ready", "loading")  # the last ping may be a second old
    print(facts["seconds"])
    assert not facts["top_level_shared"] and facts["threads"] == 1 and facts["pump_after_disable"]
