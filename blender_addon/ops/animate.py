"""Speech in, keys out."""

from pathlib import Path

import bpy
from bpy.props import StringProperty

from ..bridge import avatars
from ..core.jobs import Job
from ..shared.errors import LimnerError
from .job import AvatarJobOperator, job_context
from .real3d_files import real3d_files

MOTION_ONLY = {".csv", ".npz"}  # nothing to hear in these


class LIMNER_OT_animate(AvatarJobOperator, bpy.types.Operator):
    """Animate the avatar with the speech, from the present frame on. From a script this waits until it is keyed."""

    bl_idname = "limner.animate"
    bl_label = "Animate"
    bl_options = set()
    task = "animate"

    speech: StringProperty(name="Speech", description="Instead of the panel's speech", options={"SKIP_SAVE"})

    def job(self, context: bpy.types.Context) -> Job:
        """Speech to a clip at the scene's rate."""
        scene, head = context.scene, avatars.chosen(context)
        avatars.require_objects(head)
        chosen = self.speech or scene.limner.speech
        if not chosen:
            raise LimnerError("WRONG_USE", "No speech is chosen.", "Choose a sound, a video or a Live Link Face file.")
        path = Path(bpy.path.abspath(chosen))
        if not path.is_file():
            raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", "Choose the speech again.")
        parameters = {"source": str(path), "fps": scene.render.fps / scene.render.fps_base, "seed": scene.limner.seed}
        sound = path.suffix.lower() not in MOTION_ONLY
        files = real3d_files(context)
        if sound and len(files) == 3:  # the published network needs all of them
            parameters["published"] = files
        needed = job_context(scene, avatar=avatars.identify(head), start=scene.frame_current, sound=sound)
        return Job("animate", parameters, self.task, context=needed)
