"""``install.py demo``: the main job through the add-on, on a free photograph and a speech file of the project's own.

Run by the backend's Python: ``python -m installer.demo --blender PYTHON-WITH-BPY [--output DIR] [--quick]``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .addon import build_extension, build_for
from .blenders import this_platform, write_installation_file
from .environment import ROOT, backend_environment, say

SPEECH = Path(__file__).parent / "media" / "speech.flac"
MADE = ("avatar.limner", "frames", "demo.mp4", "head.glb", "surface.ply", "demo.blend")


def main() -> int:
    """Make the demo; returns 0, or 4 when a stage failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blender", type=Path, required=True, help="a Python that has bpy")
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "demo", help="(default: out/demo)")
    parser.add_argument("--quick", action="store_true", help="a few small frames, to see that everything works")
    options = parser.parse_args()
    folder = options.output.absolute()
    start = time.monotonic()
    clear(folder)
    photograph, speech = write_photograph(folder / "astronaut.png"), folder / SPEECH.name
    shutil.copyfile(SPEECH, speech)
    say(f"the main job through Blender, into {folder}")
    with tempfile.TemporaryDirectory(prefix="limner-demo-") as temporary:
        archive = build_extension(build_for(bpy_version(options.blender)), Path(temporary), [this_platform()])
        # Blender's settings and extensions, and the backend's place: all of it thrown away afterwards
        told = write_installation_file(backend_environment().program("limner"), Path(temporary, "installation.json"))
        environment = {
            **os.environ,
            "BLENDER_USER_RESOURCES": str(Path(temporary, "blender")),
            "LIMNER_INSTALLATION": str(told),
        }
        script = Path(__file__).with_name("demo_in_blender.py")
        command = [options.blender, script, archive, photograph, speech, folder, *(["--quick"] * options.quick)]
        done = subprocess.run(command, env=environment)
    missing = [name for name in MADE if not (folder / name).exists()]
    if done.returncode or missing:
        say(f"the demo failed{'; missing: ' + ', '.join(missing) if missing else ''}")
        return 4
    say(f"done in {time.monotonic() - start:.0f} s")
    for name in MADE:
        path = folder / name
        count = f", {len(list(path.iterdir()))} pictures" if path.is_dir() else f", {path.stat().st_size / 1e6:.1f} MB"
        print(f"  {path}{count}")
    print("  Open demo.blend: the avatar, its keys, and frames and sound on the sequencer.")
    return 0


def clear(folder: Path) -> None:
    """Remove what an earlier demo left there, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*MADE, "astronaut.limner", "astronaut_frames", "astronaut_head.glb", "astronaut_surface.ply"):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def write_photograph(path: Path) -> Path:
    """Eileen Collins, photographed by NASA in 1999, as scikit-image carries her: in the public domain."""
    import skimage.data
    from PIL import Image

    Image.fromarray(skimage.data.astronaut()).save(path)
    return path


def bpy_version(python: Path) -> tuple[int, ...]:
    """The version of the Blender that is a Python's bpy module."""
    asked = "import importlib.metadata as m; print(m.version('bpy'))"
    said = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True, timeout=60).stdout
    return tuple(int(number) for number in said.strip().split("."))


if __name__ == "__main__":
    sys.exit(main())
