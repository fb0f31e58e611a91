"""What becomes of a job's outcome in Blender: a table of tasks, and the rules when they may touch the file.

A task finds what it works on by name and id each time, because undo and file reloads make every reference to Blender's
data invalid. A job whose file is no longer open keeps its outcome until it is asked for.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..core.jobs import Job
from ..shared.errors import LimnerError
from ..shared.motion import MotionClip
from . import actions, avatars, cameras, images, meshes, strips

CLOSED = "<a file that was never saved>"


@dataclass(frozen=True)
class Task:
    """What Blender does with the news of a job.

    Args:
        title: what the panel calls it.
        apply: brings the result into the file, undoably.
        follow: the next job, for tasks that take two.
        show: brings in what a running job has finished so far.
    """

    title: str
    apply: Callable[[Job], None] | None = None
    follow: Callable[[Job], Job] | None = None
    show: Callable[[Job], None] | None = None


def take(job: Job, submit: Callable[[Job], Job]) -> None:
    """Do what a job's news ask for."""
    task = TASKS[job.task]
    try:
        if job.state == "done" and task.follow is not None and job.followed_by is None:
            job.followed_by = submit(task.follow(job))
        if not at_home(job) or not undisturbed():
            return
        if task.show is not None and job.frames:
            task.show(job)
        if pending(job):
            bring_in(job)
    except Exception as error:
        fail(job, error)


def fail(job: Job, error: Exception) -> None:
    """A job's outcome cannot be brought into the file: it says so, and is not tried again and again."""
    if not isinstance(error, LimnerError):
        traceback.print_exception(error)
        error = LimnerError("INTERNAL", f"The outcome cannot be brought into Blender ({error}).",
                            "Report this with Blender's console output.")
    job.state, job.error = "error", error


def undisturbed() -> bool:
    """Whether the file may be changed now: not while the user drags something, nor while Blender renders."""
    dragging = any(len(window.modal_operators) for window in bpy.context.window_manager.windows)
    return not dragging and not bpy.app.is_job_running("RENDER")


def pending(job: Job) -> bool:
    """Whether a finished job's outcome is not in the file yet."""
    return job.state == "done" and not job.applied and TASKS[job.task].apply is not None


def bring_in(job: Job) -> None:
    """Apply a finished job in one step that can be undone.

    Raises:
        LimnerError: what the task raises.
    """
    windows = bpy.context.window_manager.windows
    if bpy.app.background or not windows:
        apply(job)
        return
    # a timer has no window of its own, and a step of undo needs one
    with bpy.context.temp_override(window=bpy.context.window or windows[0]):
        bpy.ops.limner.bring_in("EXEC_DEFAULT", True, job=job.id)


def apply(job: Job) -> None:
    """Apply a finished job to the open file."""
    task = TASKS[job.task]
    assert task.apply is not None
    task.apply(job)
    job.applied = True
    job.result_parts = {}  # it is in the file now


# ---- which file a job belongs to ------------------------------------------------------------------------------------


def home(scene: bpy.types.Scene) -> dict[str, Any]:
    """Where a job's outcome belongs, as the beginning of its context."""
    return {"file": bpy.data.filepath, "scene": scene.name}


def at_home(job: Job) -> bool:
    """Whether the file and the scene that a job belongs to are open."""
    return job.context["file"] == bpy.data.filepath and job.context["scene"] in bpy.data.scenes


def file_renamed(jobs: list[Job], before: str, after: str) -> None:
    """A file was saved under another name: its jobs go with it."""
    for job in jobs:
        if job.context["file"] == before:
            job.context["file"] = after


def file_closed(jobs: list[Job], closed: str) -> None:
    """A file was closed; where it never had a name, no file opened later is it."""
    if not closed:
        file_renamed(jobs, "", CLOSED)


# ---- the tasks ------------------------------------------------------------------------------------------------------


def scene_of(job: Job) -> bpy.types.Scene:
    """The scene a job belongs to."""
    return bpy.data.scenes[job.context["scene"]]


def head_of(job: Job) -> bpy.types.Object:
    """The head of the avatar a job is about.

    Raises:
        LimnerError: ``WRONG_USE`` when it is gone, ``AVATAR_UNREADABLE`` when a part of it is.
    """
    head = avatars.find(job.context["avatar"])
    if head is None:
        raise LimnerError("WRONG_USE", "The avatar has been deleted meanwhile.", "Undo the deletion and try again.")
    avatars.require_objects(head)
    return head


def ask_for_head(job: Job) -> Job:
    """After a reconstruction: what the avatar object is built from."""
    context = {**job.context, "path": job.result["avatar"]}
    return Job("head", {"avatar": job.result["avatar"]}, "build", context=context, started=job.started)


def build_avatar(job: Job) -> None:
    """Build the avatar's objects."""
    scene, path = scene_of(job), Path(job.context["path"])
    name = job.context["name"]
    photograph = images.photograph_of(path, f"{name} Photograph")
    head = avatars.build(scene, job.id, name, path, job.result, job.result_parts, photograph)
    if bpy.data.filepath:
        head.limner.path = bpy.path.relpath(str(path))
    scene.limner.avatar = head
    head.limner.root.location = scene.cursor.location  # where Blender puts whatever is added
    if bpy.context.scene == scene and bpy.context.mode == "OBJECT":
        layer = bpy.context.view_layer
        for thing in layer.objects.selected:
            thing.select_set(False)
        head.select_set(True)
        layer.objects.active = head
    if job.context["match_scene"]:
        cameras.match_scene(scene, head.limner.camera, avatars.photograph_camera(head))
    elif scene.camera is None:
        scene.camera = head.limner.camera
    job.context["avatar"] = job.id


def key_avatar(job: Job) -> None:
    """Key the avatar with a clip, put its sound on the sequencer, set the frame range."""
    scene, head, start = scene_of(job), head_of(job), job.context["start"]
    parts = job.result_parts
    clip = MotionClip(job.result["fps"], parts["coefficients"], parts["rotation"], parts["location"])
    clip = clip.resampled(scene.render.fps / scene.render.fps_base)
    actions.write_clip(head, clip, start)
    sound = job.context["sound"] and job.result.get("sound", True)
    head.limner.speech, head.limner.speech_frame = job.parameters["source"] if sound else "", start
    if sound:
        place_speech(scene, head)
    scene.frame_start, scene.frame_end = start, start + len(clip) - 1
    if scene.sync_mode == "NONE":
        scene.sync_mode = "AUDIO_SYNC"
    scene.frame_set(start)


def place_speech(scene: bpy.types.Scene, head: bpy.types.Object) -> None:
    """Put an avatar's speech on the sequencer, unless it lies there already."""
    avatar = head.limner
    path, name = Path(bpy.path.abspath(avatar.speech)), f"{head.limner.root.name} Speech"
    there = strips.find_strip(scene, name)
    if there is not None and there.type == "SOUND" and Path(bpy.path.abspath(there.sound.filepath)) == path \
            and compat.strip_start(there) == avatar.speech_frame:
        return
    try:
        strips.place_sound(scene, path, avatar.speech_frame, name)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise LimnerError("SPEECH_UNREADABLE", f"Blender cannot read the sound of {path.name} ({reason}).",
                          "The face is animated; convert the sound to WAV to hear it.") from error


def strip_of(job: Job, count: int) -> strips.GrowingStrip:
    """The image strip of a render of so many frames."""
    return strips.GrowingStrip(scene_of(job), job.context["strip"], job.context["start"], count)


def show_frames(job: Job) -> None:
    """Let the image strip grow with the frames that are there."""
    count = job.context["shown"]
    while count + 1 in job.frames:
        count += 1
    if count > job.context["shown"]:
        paths = [job.frames[number] for number in range(1, count + 1)]
        strip_of(job, job.context["count"]).show(paths)
        job.context["shown"] = count


def finish_render(job: Job) -> None:
    """The whole render on the sequencer, with its sound."""
    scene, frames = scene_of(job), [Path(path) for path in job.result["frames"]]
    strip_of(job, len(frames)).show(frames)
    head = avatars.find(job.context["avatar"])
    if head is not None and job.context["sound"]:
        place_speech(scene, head)


def import_mesh(job: Job) -> None:
    """Import an extracted mesh beside the avatar."""
    path, head = Path(job.result["output"]), avatars.find(job.context["avatar"])
    imported = meshes.import_mesh(path)
    for thing in imported:
        if thing.type == "MESH":
            thing.name = path.stem
        if thing.parent is None and head is not None and head.limner.root is not None:
            thing.parent = head.limner.root  # meshes are in the avatar's own world
    job.context["objects"] = json.dumps([thing.name for thing in imported])


TASKS: dict[str, Task] = {
    "create": Task("Create Avatar", follow=ask_for_head),
    "build": Task("Create Avatar", apply=build_avatar),
    "animate": Task("Animate", apply=key_avatar),
    "render": Task("Render to Timeline", apply=finish_render, show=show_frames),
    "mesh": Task("Extract Mesh", apply=import_mesh),
}
