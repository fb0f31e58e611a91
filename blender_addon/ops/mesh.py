"""The avatar to a mesh."""

import bpy

from ..bridge import avatars, motion
from ..core.jobs import Job
from .create import unused
from .job import AvatarJobOperator, file_name, job_context, output_folder

FORMATS = {"head": "_head.glb", "volume": "_surface.ply"}


class LIMNER_OT_extract_mesh(AvatarJobOperator, bpy.types.Operator):
    """Extract a mesh of the avatar at the present frame and import it. From a script this waits until it is there."""

    bl_idname = "limner.extract_mesh"
    bl_label = "Extract Mesh"
    bl_options = set()
    task = "mesh"

    def job(self, context: bpy.types.Context) -> Job:
        """The surface that is chosen, at the present frame."""
        scene, head = context.scene, avatars.chosen(context)
        path, settings = avatars.require(head), scene.limner
        clip = motion.perform(scene, head, scene.frame_current, scene.frame_current).clip
        output = unused(output_folder(scene) / f"{file_name(path.stem)}{FORMATS[settings.surface]}")
        parameters = {
            "avatar": str(path),
            "output": str(output),
            "surface": settings.surface,
            "resolution": settings.mesh_resolution,
            "frame": 1,
            "fps": clip.fps,
        }
        parts = {"coefficients": clip.coefficients, "rotation": clip.rotation, "location": clip.location}
        return Job("mesh", parameters, self.task, parts, job_context(scene, avatar=avatars.identify(head)))
