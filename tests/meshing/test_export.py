"""Every format lands in the same place of a scene, with its keys, colours and motion."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from backend.meshing.export import WRITERS, export_mesh, head_model, volume_model
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES
from shared.errors import Cancelled, LimnerError
from shared.motion import MotionClip

from .analytic_avatar import AnalyticAvatar, performance

ROOT = Path(__file__).resolve().parents[2]
BLENDERS = [folder for folder in (ROOT / ".venv-bpy45", ROOT / ".venv-bpy52") if (folder / "bin/python").exists()]
CLIP = MotionClip(25.0, *performance(5))


@pytest.fixture(scope="module")
def avatar() -> AnalyticAvatar:
    return AnalyticAvatar()


@pytest.mark.parametrize("surface", ["head", "volume"])
@pytest.mark.parametrize("suffix", [".ply", ".obj"])
def test_trimesh_reads_the_still_formats(avatar: AnalyticAvatar, tmp_path: Path, suffix: str, surface: Any) -> None:
    path = export_mesh(avatar, tmp_path / f"mesh{suffix}", surface, CLIP, 3, resolution=48)
    mesh = trimesh.load_mesh(path, process=False, maintain_order=True)
    model = head_model(avatar, CLIP, 3) if surface == "head" else volume_model(avatar, CLIP, 3, 48)
    vertices, normals = model.still()
    read = mesh.vertices if suffix == ".ply" else mesh.vertices @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    assert np.stack([read.min(0), read.max(0)]) == pytest.approx(np.stack([vertices.min(0), vertices.max(0)]), abs=1e-5)
    assert len(mesh.faces) == len(model.faces)
    if suffix == ".ply":
        assert np.array_equal(mesh.visual.vertex_colors[:, :3], model.vertex_colors())
        raw = mesh.metadata["_ply_raw"]["vertex"]["data"]  # trimesh itself reads no normals
        assert np.stack([raw["nx"], raw["ny"], raw["nz"]], axis=-1) == pytest.approx(normals, abs=1e-5)
    if surface == "head" and suffix == ".obj":
        assert mesh.visual.material.image.size == (64, 64)


def test_a_posed_volume_is_where_the_posed_head_is(avatar: AnalyticAvatar) -> None:
    head = head_model(avatar, CLIP, 5).still()[0]
    person = volume_model(avatar, CLIP, 5, 96).vertices
    assert person[:, 2].max() == pytest.approx(head[:, 2].max(), abs=0.005)
    nose_head, nose_person = (
        points[points[:, 2] > 1.58][points[points[:, 2] > 1.58, 1].argmin()] for points in (head, person)
    )
    assert nose_person == pytest.approx(nose_head, abs=0.02)


def test_texture_is_sampled_the_right_way_up(avatar: AnalyticAvatar) -> None:
    model = head_model(avatar)
    colors = model.vertex_colors()
    assert (colors[model.vertices[:, 2] > 0.01] == (210, 160, 140)).all()
    assert (colors[model.vertices[:, 2] < -0.01] == (40, 90, 30)).all()


def test_caps_take_the_colour_of_their_rim(avatar: AnalyticAvatar) -> None:
    model = volume_model(avatar, resolution=48)
    low, _ = avatar.bounds(None)  # type: ignore[arg-type]
    cap = np.isclose(model.vertices[:, 2], low[2], atol=1e-6)
    assert cap.sum() > 50 and (model.vertex_colors()[cap] == (20, 60, 140)).all()


def imported(blender: Path, path: Path, *frames: int) -> dict[str, Any]:
    """What a real Blender finds in a file."""
    command = [str(blender / "bin/python"), str(Path(__file__).with_name("blender_import.py")), str(path)]
    done = subprocess.run(
        command + [str(frame) for frame in frames], capture_output=True, text=True, timeout=400, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    assert lines, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(lines[-1].removeprefix("REPORT "))


@pytest.mark.skipif(not BLENDERS, reason="no bpy environment")
@pytest.mark.parametrize("blender", BLENDERS, ids=lambda path: path.name)
@pytest.mark.parametrize("suffix", [".glb", ".usdc"])
def test_blender_plays_the_animated_head(avatar: AnalyticAvatar, tmp_path: Path, blender: Path, suffix: str) -> None:
    if suffix == ".usdc":
        pytest.importorskip("pxr")
    path = export_mesh(avatar, tmp_path / f"head{suffix}", "head", CLIP)
    first = 0 if suffix == ".glb" else 1  # glTF starts at time zero, which Blender's importer puts on frame 0
    report = imported(blender, path, first, first + 2, first + 4)
    assert set(report["keys"]) == {"Basis", *ARKIT_NAMES}
    assert report["uv"] == 1 and report["images"] == [[64, 64]]
    for number, (frame, seen) in zip((1, 3, 5), report["frames"].items()):
        expected = head_model(avatar, CLIP, number).still()[0]
        assert seen["low"] == pytest.approx(expected.min(axis=0).tolist(), abs=2e-5), frame
        assert seen["high"] == pytest.approx(expected.max(axis=0).tolist(), abs=2e-5), frame
        jaw = float(CLIP.coefficients[number - 1, ARKIT_INDEX["jawOpen"]])
        assert seen["values"].get("jawOpen", 0.0) == pytest.approx(jaw, abs=1e-5)


@pytest.mark.skipif(not BLENDERS, reason="no bpy environment")
@pytest.mark.parametrize("suffix", list(WRITERS))
def test_blender_finds_the_volume_in_its_place_and_colours(avatar: AnalyticAvatar, tmp_path: Path, suffix: str) -> None:
    if suffix == ".usdc":
        pytest.importorskip("pxr")
    path = export_mesh(avatar, tmp_path / f"person{suffix}", "volume", CLIP, 2, resolution=48)
    report = imported(BLENDERS[0], path)
    expected = volume_model(avatar, CLIP, 2, 48)
    seen = report["frames"]["1"]
    assert seen["low"] == pytest.approx(expected.vertices.min(axis=0).tolist(), abs=1e-5)
    assert seen["high"] == pytest.approx(expected.vertices.max(axis=0).tolist(), abs=1e-5)
    assert report["polygons"] == len(expected.faces)
    assert report["color_values"] == [[20, 60, 140], [200, 150, 120]]


def test_unknown_suffixes_and_frames_are_refused(avatar: AnalyticAvatar, tmp_path: Path) -> None:
    with pytest.raises(LimnerError, match="FORMAT_UNKNOWN"):
        export_mesh(avatar, tmp_path / "mesh.stl")
    for clip, frame in ((None, 1), (CLIP, 0), (CLIP, 6)):
        with pytest.raises(LimnerError, match="WRONG_USE"):
            export_mesh(avatar, tmp_path / "mesh.glb", "head", clip, frame)
    with pytest.raises(LimnerError, match="WRONG_USE"):
        export_mesh(avatar, tmp_path / "mesh.glb", "volume", resolution=5)
    assert not list(tmp_path.iterdir())


def test_usdc_without_usd_core_names_the_remedy(
    avatar: AnalyticAvatar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(LimnerError, match=r"BACKEND_NOT_INSTALLED.*usd-core"):
        export_mesh(avatar, tmp_path / "head.usdc")


def test_nothing_stays_of_what_was_not_finished(avatar: AnalyticAvatar, tmp_path: Path) -> None:
    def stop(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        export_mesh(avatar, tmp_path / "person.ply", "volume", resolution=64, progress=stop)
    (tmp_path / "taken.obj").mkdir()
    with pytest.raises(LimnerError, match="OUTPUT_NOT_WRITABLE"):
        export_mesh(avatar, tmp_path / "taken.obj")
    with pytest.raises(LimnerError, match="OUTPUT_NOT_WRITABLE"):
        export_mesh(avatar, Path("/proc/none/head.glb"))
    left = {path.name for path in tmp_path.iterdir()}
    assert not any(name.endswith(".part") for name in left) and "person.ply" not in left


def test_an_existing_file_is_replaced(avatar: AnalyticAvatar, tmp_path: Path) -> None:
    path = tmp_path / "head.obj"
    path.write_text("old")
    export_mesh(avatar, path)
    assert path.read_text().startswith("# Limner")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["head.mtl", "head.obj", "head_texture.png"]
