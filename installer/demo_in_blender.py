"""Run by Blender's Python: the main job through the installed extension, by the operators behind the panel's buttons.

python demo_in_blender.py EXTENSION.zip PHOTOGRAPH SPEECH FOLDER [--quick]
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

PACKAGE = "bl_ext.user_default.limner"
MOST_SECONDS = 1800
# Blender writes a line or more for every frame of a film to standard output
OUTPUT = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main(archive: str, photograph: str, speech: str, folder: str, quick: str = "") -> None:
    """Make everything in ``folder``; prints how long each stage took."""

    def stage(name: str, work: Callable[[], Any]) -> None:
        start = time.monotonic()
        work()
        clear_line = "\r\033[K" if OUTPUT.isatty() else ""
        print(f"{clear_line}  {name:32} {time.monotonic() - start:7.1f} s", file=OUTPUT, flush=True)

    destination = Path(folder)
    stage("install the extension", lambda: install(archive))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.preferences.filepaths.save_version = 0  # no demo.blend1 beside it
    scene = bpy.context.scene
    scene.render.fps = 25
    bpy.ops.wm.save_as_mainfile(filepath=str(destination / "demo.blend"))
    scene.limner.folder = "//"
    if quick:
        scene.limner.quality, scene.limner.size, scene.limner.mesh_resolution = "preview", 128, 48

    stage("start the backend", start_backend)
    stage("create the avatar", lambda: press(bpy.ops.limner.create_avatar, picture=photograph))
    stage("animate it with the speech", lambda: press(bpy.ops.limner.animate, speech=speech))
    if quick:
        scene.frame_end = scene.frame_start + 7
    frames = scene.frame_end - scene.frame_start + 1
    stage(f"render {frames} frames", lambda: press(bpy.ops.limner.render))
    scene.limner.surface = "head"
    stage("extract the head", lambda: press(bpy.ops.limner.extract_mesh))
    scene.limner.surface = "volume"
    stage("extract the surface", lambda: press(bpy.ops.limner.extract_mesh))
    rename(scene, destination, Path(photograph).stem)
    stage("write the film", lambda: write_film(scene, destination / "demo.mp4"))
    for image in bpy.data.images:
        if image.filepath:
            image.filepath = bpy.path.relpath(bpy.path.abspath(image.filepath))
    scene.frame_set(scene.frame_start)
    bpy.ops.wm.save_as_mainfile(filepath=str(destination / "demo.blend"), relative_remap=True)
    bpy.ops.limner.stop_backend()


def install(archive: str) -> None:
    """Install the zip the way the preferences do."""
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)


def bridge(name: str) -> Any:
    """A module of the installed extension's bridge."""
    return importlib.import_module(f"{PACKAGE}.bridge.{name}")


def start_backend() -> None:
    """Start the backend and wait until it has welcomed us."""
    bpy.ops.limner.start_backend()
    session, end = bridge("pump").session(), time.monotonic() + 120
    while session.status != "ready":
        if session.status == "failed" or time.monotonic() > end:
            raise RuntimeError(f"the backend does not start: {session.process.last_words()}")
        bridge("pump").tick(wait=0.05)


def press(operator: Any, **options: Any) -> None:
    """Press a button and show the job's progress until it, and what follows from it, has ended."""
    pump = bridge("pump")
    before = set(pump.session().jobs)
    operator(wait=False, **options)
    job = next(job for name, job in pump.session().jobs.items() if name not in before)
    while job.active or job.followed_by is not None:
        job = job.followed_by or job
        pump.tick(wait=0.05)
        if OUTPUT.isatty():
            print(f"\r\033[K  {job.fraction:4.0%} {job.stage}", end="", file=OUTPUT, flush=True)
    if job.error is not None:
        raise job.error
    if job.state != "done":
        raise RuntimeError(f"the job {job.kind} ended as {job.state}")


def rename(scene: Any, folder: Path, name: str) -> None:
    """Give what the panel named after the photograph the plain names that the demo promises."""
    for made, plain in (
        (f"{name}.limner", "avatar.limner"),
        (f"{name}_frames", "frames"),
        (f"{name}_head.glb", "head.glb"),
        (f"{name}_surface.ply", "surface.ply"),
    ):
        (folder / made).rename(folder / plain)
    scene.limner.avatar.limner.path = "//avatar.limner"
    for strip in scene.sequence_editor.strips:
        if strip.type == "IMAGE":
            strip.directory = "//frames/"
        if strip.type == "SOUND":
            strip.sound.filepath = bpy.path.relpath(bpy.path.abspath(strip.sound.filepath))


def write_film(scene: Any, path: Path) -> None:
    """The sequencer's frames and sound as a film, by Blender itself."""
    render = scene.render
    if hasattr(render.image_settings, "media_type"):  # from 5.0
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.audio_codec = "MPEG4", "H264", "AAC"
    render.ffmpeg.constant_rate_factor = "HIGH"
    render.ffmpeg.audio_bitrate = 160
    render.filepath, render.use_file_extension = str(path), False
    bpy.ops.render.render(animation=True)
    render.filepath = f"//{path.name}"
    if not path.exists():
        raise RuntimeError(f"Blender did not write {path}")


if __name__ == "__main__":
    faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
    code = 1
    try:
        main(*sys.argv[1:])
        code = 0
    except BaseException:
        traceback.print_exc()
        if PACKAGE in bpy.context.preferences.addons:
            bpy.ops.limner.stop_backend()
    sys.stdout.flush()
    sys.stderr.flush()
    # taken down as a module, Blender prints leaks and may hang
    os._exit(code)
