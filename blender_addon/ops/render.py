"""The animated avatar to frames on the timeline."""

import bpy
import numpy as np

from ..bridge import avatars, motion
from ..core.jobs import Job
from .job import AvatarJobOperator, file_name, job_context, output_folder


class LIMNER_OT_render(AvatarJobOperator, bpy.types.Operator):
    """Render the scene's frame range as the avatar and put the frames on the sequencer as they come.

    Frames that are already there and unchanged are kept. From a script this waits for the last one.
    """

    bl_idname = "limner.render"
    bl_label = "Render to Timeline"
    bl_options = set()
    task = "render"

    def job(self, context: bpy.types.Context) -> Job:
        """Everything the frames need, read off the scene."""
        scene, head = context.scene, avatars.chosen(context)
        path = avatars.require(head)
        first, last = frame_range(scene)
        performance = motion.perform(scene, head, first, last)
        clip, views, settings = performance.clip, performance.views, scene.limner
        output = output_folder(scene) / f"{file_name(path.stem)}_frames"
        parameters = {
            "avatar": str(path),
            "fps": clip.fps,
            "size": settings.size,
            "quality": settings.quality,
            "background": background_text(settings),
            "camera": [view.to_json() for view in views] if isinstance(views, list) else views and views.to_json(),
            "output": str(output),
            "resume": True,
        }
        parts = {"coefficients": clip.coefficients, "rotation": clip.rotation, "location": clip.location}
        needed = job_context(
            scene,
            avatar=avatars.identify(head),
            strip=f"{head.limner.root.name} Frames",
            start=first,
            count=len(clip),
            shown=0,
            sound=bool(head.limner.speech),
        )
        return Job("render", parameters, self.task, parts, needed)


def frame_range(scene: bpy.types.Scene) -> tuple[int, int]:
    """First and last frame to render: the preview range where one is set, as playback has it."""
    if scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    return scene.frame_start, scene.frame_end


def background_text(settings: bpy.types.PropertyGroup) -> str:
    """The background as the backend takes it."""
    if settings.background == "color":
        return "#" + bytes(np.rint(np.array(settings.background_color) * 255).astype(np.uint8)).hex()
    return str(settings.background)
