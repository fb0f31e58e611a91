"""The zips, and what enabling the extension does to a Blender."""

import dataclasses
import tomllib
import zipfile
from pathlib import Path

import pytest

from installer.addon import BUILDS, WHEEL_PLATFORMS, build_extension, build_for, manifest_for
from shared.errors import LimnerError
from tests.blender.conftest import Blender


def test_enabling_is_quick_and_disabling_leaves_nothing(blender: Blender) -> None:
    facts = blender.run("registration.py")
    assert len(facts["enabled"]["classes"]) == 17 and facts["enabled"] == facts["again"]
    assert all(name.startswith(("LIMNER_OT_", "LIMNER_PT_", "Limner")) for name in facts["enabled"]["classes"])
    assert facts["disabled"] == {"classes": [], "operators": [], "handlers": [], "properties": [False, False]}
    assert min(facts["seconds"]) < 0.25
    assert facts["wheels"] == ["pyzmq-27.3.0.dist-info"]
    assert not facts["modules"]


def test_the_zip_for_other_blenders_is_refused(blender: Blender, tmp_path: Path) -> None:
    other = BUILDS[0] if "5.2" in str(blender.user_folder) else BUILDS[1]
    archive = build_extension(other, tmp_path, ["linux-x64"])
    assert not dataclasses.replace(blender, user_folder=tmp_path / "user").run("install.py", archive)


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.suffix)
def test_a_zip_carries_the_addon_the_contract_and_the_wheels(build, tmp_path: Path) -> None:
    path = build_extension(build, tmp_path, ["linux-x64", "windows-x64"])
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert {"__init__.py", "shared/messages.py", "shared/transport.py", "core/session.py", "LICENSE"} <= names
    assert not [name for name in names if name.endswith(".pyc") or name.startswith(("backend", "tests"))]
    assert sorted(manifest["wheels"]) == sorted(f"./{name}" for name in names if name.endswith(".whl"))
    assert all(build.abi in wheel for wheel in manifest["wheels"]) and len(manifest["wheels"]) == 2
    assert manifest.get("blender_version_max") == build.blender_version_max


def test_every_blender_has_its_build() -> None:
    assert build_for((4, 5, 3)) == build_for((5, 0, 1)) == BUILDS[0]
    assert build_for((5, 1)) == build_for((6, 0)) == BUILDS[1]
    with pytest.raises(LimnerError, match="too old"):
        build_for((4, 4, 9))
    assert all("wheels" in manifest_for(build, [Path("a.whl")]) for build in BUILDS)
    assert "linux-x64" in WHEEL_PLATFORMS
