"""Pictures in, an avatar out."""

from pathlib import Path

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from ..core.jobs import Job
from ..shared.errors import LimnerError
from .job import JobOperator, file_name, job_context, output_folder
from .real3d_files import real3d_files

PICTURE_SUFFIXES = "*.jpg;*.jpeg;*.png;*.webp;*.tif;*.tiff;*.bmp"


class LIMNER_OT_add_pictures(bpy.types.Operator):
    """Choose pictures of one person."""

    bl_idname = "limner.add_pictures"
    bl_label = "Add Pictures"
    bl_options = {"UNDO", "INTERNAL"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filter_glob: StringProperty(default=PICTURE_SUFFIXES, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add the chosen files."""
        chosen = [str(Path(self.directory, file.name)) for file in self.files if file.name] or [self.filepath]
        for path in chosen:
            if Path(bpy.path.abspath(path)).is_file():
                context.scene.limner.pictures.add().path = path
        return {"FINISHED"}


class LIMNER_OT_remove_picture(bpy.types.Operator):
    """Take this picture off the list; the file stays."""

    bl_idname = "limner.remove_picture"
    bl_label = "Remove Picture"
    bl_options = {"UNDO", "INTERNAL"}

    index: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove the picture of the given index."""
        context.scene.limner.pictures.remove(self.index)
        return {"FINISHED"}


class LIMNER_OT_create_avatar(JobOperator, bpy.types.Operator):
    """Make a talking avatar from the pictures. From a script this waits until the avatar is there."""

    bl_idname = "limner.create_avatar"
    bl_label = "Create Avatar"
    bl_options = set()
    task = "create"

    picture: StringProperty(name="Picture", description="Instead of the panel's pictures", options={"SKIP_SAVE"})

    def job(self, context: bpy.types.Context) -> Job:
        """Reconstruct from the pictures."""
        scene = context.scene
        named = [self.picture] if self.picture else [picture.path for picture in scene.limner.pictures]
        paths = [Path(bpy.path.abspath(path)) for path in named if path]
        if not paths:
            raise LimnerError("WRONG_USE", "No picture is chosen.", "Add at least one picture of a face.")
        for path in paths:
            if not path.is_file():
                raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", "Choose the picture again.")
        name = paths[0].stem[:40]
        output = unused(output_folder(scene) / f"{file_name(name)}.limner")
        context_values = job_context(scene, name=name, match_scene=scene.limner.match_scene)
        parameters = {
            "references": [str(path) for path in paths],
            "output": str(output),
            **chosen_kind(context),
            **refining(context, len(paths)),
        }
        return Job("reconstruct", parameters, self.task, context=context_values)


def chosen_kind(context: bpy.types.Context) -> dict[str, str]:
    """The kind of avatar, and the files it needs, as a reconstruction takes them."""
    kind = context.scene.limner.kind
    if kind != "real3d":
        return {"kind": kind}
    files = real3d_files(context)
    if "weights" not in files:
        raise LimnerError(
            "WRONG_USE",
            "No Real3D-Portrait weights are named.",
            "Run `limner import-real3d` on your checkpoint and name its file in the extension's preferences.",
        )
    return {"kind": kind, **{name: files[name] for name in ("weights", "bfm") if name in files}}


def refining(context: bpy.types.Context, pictures: int) -> dict[str, int]:
    """Steps of refining as a reconstruction takes them; one picture has nothing to refine from, nor do other kinds."""
    settings = context.scene.limner
    wanted = settings.kind == "zera" and pictures > 1 and settings.refine > 0
    return {"refine": settings.refine} if wanted else {}


def unused(path: Path) -> Path:
    """The path, numbered if something is there: an avatar that a scene uses must not change behind its back."""
    number, candidate = 2, path
    while candidate.exists():
        candidate, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return candidate
