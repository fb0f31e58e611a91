"""The kind ``real3d`` on the command line: an official checkpoint and a photograph in; frames and a mesh out.

The weights are made by a rule, so the pictures show nobody: what is asked is that they are those of the networks, that
they follow motion, and that what does not fit is refused.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import skimage.data
from PIL import Image

from backend.avatars.file import load_avatar
from backend.avatars.interface import FrameRequest
from backend.avatars.real3d.avatar import Real3DAvatar
from shared.arkit import ARKIT_INDEX
from shared.motion import MotionClip

from .test_command import limner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, real3d_weights: Path) -> Path:
    """A folder with the astronaut's avatar and three frames of motion."""
    folder = tmp_path_factory.mktemp("real3d-avatar")
    Image.fromarray(skimage.data.astronaut()).save(folder / "astronaut.png")
    done = limner("reconstruct", "astronaut.png", "-o", "a.limner", "--kind", "real3d", "--weights", real3d_weights,
                  "--report", "report.json", cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    clip = MotionClip.still(3, 25.0)
    clip.coefficients[:, ARKIT_INDEX["jawOpen"]] = 0.0, 0.4, 0.8
    clip.rotation[:, 2] = 0.0, 0.1, 0.2
    clip.save(folder / "clip.npz")
    return folder


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened)


def test_the_avatar_names_its_weights_but_does_not_hold_them(folder: Path, real3d_weights: Path) -> None:
    with zipfile.ZipFile(folder / "a.limner") as archive:
        description = json.loads(archive.read("avatar.json"))
    assert description["kind"] == "real3d" and description["weights"]["path"] == str(real3d_weights)
    assert (folder / "a.limner").stat().st_size < 40e6
    assert json.loads((folder / "report.json").read_text())["kind"] == "real3d"


def test_the_person_in_the_crop_is_known(folder: Path) -> None:
    avatar = load_avatar(folder / "a.limner", "cpu")
    assert isinstance(avatar, Real3DAvatar)
    mask = avatar.person_mask
    assert mask.shape == avatar.portrait.reference.shape[:2] and set(np.unique(mask)) == {0, 1}
    assert mask[256, 256] == 1 and mask[0, 0] == 0 and 0.2 < mask.mean() < 0.9


def test_a_change_of_quality_keeps_one_renderer_and_comes_back_to_the_same_pixels(folder: Path) -> None:
    avatar = load_avatar(folder / "a.limner", "cpu")
    assert isinstance(avatar, Real3DAvatar)
    preview, final, again = (
        avatar.render(FrameRequest(size=128, quality=quality)).rgba for quality in ("preview", "final", "preview")
    )
    assert np.array_equal(preview, again) and not np.array_equal(preview, final)
    assert list(avatar._renderers) == [True], "two take more memory than is promised"


def test_motion_is_rendered_and_resumed(folder: Path) -> None:
    arguments = ("render", "a.limner", "clip.npz", "-o", "frames", "--quality", "preview", "--size", "256")
    done = limner(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    frames = [picture(folder / "frames" / f"{number:04d}.png") for number in (1, 2, 3)]
    assert all(frame.shape == (256, 256, 3) for frame in frames)
    assert np.abs(frames[0].astype(int) - frames[2]).max() > 4
    (folder / "frames" / "0002.png").unlink()
    assert limner(*arguments, "--resume", cwd=folder).returncode == 0
    assert (picture(folder / "frames" / "0002.png") == frames[1]).all()


def test_passes_and_backgrounds(folder: Path) -> None:
    done = limner("render", "a.limner", "-o", "p.png", "--passes", "rgba,depth,head,torso", "--quality", "preview",
                  "--background", "transparent", cwd=folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    alpha = picture(folder / "p.png")[..., 3]
    assert alpha.shape == (512, 512) and 0 < alpha.mean() < 255
    head = picture(folder / "p.head.png")[..., 3]
    assert (head <= alpha.astype(int) + 1).all()
    with OpenEXR.File(str(folder / "p.depth.exr")) as exr:
        depth = next(iter(exr.channels().values())).pixels
    seen = np.isfinite(depth)
    assert seen.any() == (head >= 128).any()
    assert ((depth[seen] > 0.1) & (depth[seen] < 20)).all()


def test_the_head_mesh_has_its_shape_keys(folder: Path) -> None:
    done = limner("mesh", "a.limner", "-o", "head.glb", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "head.glb").stat().st_size > 1e6


def test_what_does_not_fit_is_refused(folder: Path, real3d_weights: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "astronaut.png", tmp_path)
    done = limner("reconstruct", "astronaut.png", "-o", "b.limner", "--kind", "real3d", cwd=tmp_path)
    assert done.returncode == 2 and "--weights" in done.stderr
    done = limner("reconstruct", "astronaut.png", "-o", "b.limner", "--weights", real3d_weights, cwd=tmp_path)
    assert done.returncode == 2 and "real3d" in done.stderr
    with zipfile.ZipFile(folder / "a.limner") as archive, zipfile.ZipFile(tmp_path / "lost.limner", "w") as lost:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "avatar.json":
                description = json.loads(content)
                description["weights"]["path"] = "/nowhere/real3d.safetensors"
                content = json.dumps(description).encode()
            lost.writestr(name, content)
    done = limner("render", "lost.limner", "-o", "x.png", cwd=tmp_path)
    assert done.returncode == 3 and "/nowhere/real3d.safetensors" in done.stderr
    assert not list(tmp_path.glob("*.png.*")) and not (tmp_path / "x.png").exists()
