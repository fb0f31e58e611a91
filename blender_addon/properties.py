"""What Limner keeps in a Blender file: settings on the scene, what an avatar is on its head object."""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

# such paths may begin with "//", the folder of the file
RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"}


class LimnerAvatar(bpy.types.PropertyGroup):
    """On a head object: its avatar. On an avatar's other objects: which head they belong to. ``id`` only heads have."""

    head: PointerProperty(type=bpy.types.Object, description="The head that this root, control or camera belongs to")
    id: StringProperty(description="Stays the same whatever the object is called")
    path: StringProperty(name="Avatar", subtype="FILE_PATH", options=RELATIVE, description="The avatar's .limner file")
    root: PointerProperty(type=bpy.types.Object, description="Carries the whole avatar: move this one")
    control: PointerProperty(type=bpy.types.Object, description="Turns and moves the head")
    camera: PointerProperty(type=bpy.types.Object, description="The photograph's camera")
    photograph: StringProperty(description="The photograph's camera as the backend gave it, JSON")
    head_to_world: FloatVectorProperty(size=16, description="The head's pose in the photograph, row by row")
    speech: StringProperty(
        name="Speech", subtype="FILE_PATH", options=RELATIVE, description="What it was animated with last"
    )
    speech_frame: IntProperty(description="The scene frame on which the speech begins")


class LimnerPicture(bpy.types.PropertyGroup):
    """One picture of the person."""

    path: StringProperty(
        name="Picture", subtype="FILE_PATH", options=RELATIVE, description="A photograph or painting of one face"
    )


class LimnerScene(bpy.types.PropertyGroup):
    """What the panel asks for."""

    pictures: CollectionProperty(type=LimnerPicture)
    speech: StringProperty(
        name="Speech",
        subtype="FILE_PATH",
        options=RELATIVE,
        description="A sound, a video whose face is followed, or a Live Link Face recording (CSV)",
    )
    avatar: PointerProperty(
        name="Avatar",
        type=bpy.types.Object,
        poll=lambda _, thing: bool(thing.limner.id),
        description="The avatar to animate, render and extract",
    )
    folder: StringProperty(
        name="Output",
        subtype="DIR_PATH",
        options=RELATIVE,
        default="//limner",
        description="Where avatars, frames and meshes are written",
    )
    kind: EnumProperty(
        name="Kind",
        items=[
            ("zera", "Limner", "The picture itself, lifted onto a fitted head"),
            ("real3d", "Real3D-Portrait", "Your own Real3D-Portrait checkpoint; its file is named in the preferences"),
        ],
        description="What sort of avatar is made",
    )
    refine: IntProperty(
        name="Refine",
        min=0,
        soft_max=400,
        description="Steps of learning how the person looks from aside, from several pictures. "
        "100 are enough and take a minute or so without a GPU; 0 leaves it out",
    )
    match_scene: BoolProperty(
        name="Match Scene to Picture",
        default=True,
        description="Give the scene the picture's resolution, camera and plain colours when the avatar is created",
    )
    seed: IntProperty(name="Seed", min=0, description="Another number gives other blinks and head movements")
    size: IntProperty(
        name="Size", default=512, min=64, max=4096, subtype="PIXEL", description="Longer side of the rendered frames"
    )
    quality: EnumProperty(
        name="Quality",
        items=[("final", "Final", "As good as it gets"), ("preview", "Preview", "Faster, with fewer samples")],
    )
    background: EnumProperty(
        name="Background",
        items=[
            ("keep", "Picture", "The picture's own background, filled in behind the person"),
            ("transparent", "Transparent", "Only the person"),
            ("color", "Color", "One colour"),
        ],
    )
    background_color: FloatVectorProperty(
        name="Color", subtype="COLOR_GAMMA", size=3, default=(0.1, 0.3, 0.15), min=0, max=1
    )
    surface: EnumProperty(
        name="Surface",
        items=[
            ("head", "Head", "The fitted head, with shape keys and texture"),
            ("volume", "Whole Person", "The surface of the volume with hair and clothes, colours on its vertices"),
        ],
    )
    mesh_resolution: IntProperty(
        name="Resolution", default=192, min=32, max=512, description="Cells along the longest side of the volume"
    )


def register() -> None:
    """Hang the groups on scenes and objects."""
    bpy.types.Scene.limner = PointerProperty(type=LimnerScene)
    bpy.types.Object.limner = PointerProperty(type=LimnerAvatar)


def unregister() -> None:
    """Take them off again."""
    del bpy.types.Object.limner
    del bpy.types.Scene.limner
