"""A Real3D-Portrait avatar: refused without weights, made with them, keyed and rendered to the timeline."""

from pathlib import Path

import bpy
from prelude import PACKAGE, run


def main(photograph, weights, folder):
    scene = bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder, "real3d.blend")))
    scene.limner.kind = "real3d"
    try:
        bpy.ops.limner.create_avatar(picture=photograph)
        refused = ""
    except RuntimeError as error:
        refused = str(error)
    bpy.context.preferences.addons[PACKAGE].preferences.real3d_weights = weights
    assert bpy.ops.limner.create_avatar(picture=photograph) == {"FINISHED"}
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    refusals = []
    for name, refuse in (
        ("real3d_bfm", lambda: bpy.ops.limner.create_avatar(picture=photograph)),
        ("real3d_hubert", lambda: bpy.ops.limner.animate(speech=photograph)),
    ):
        setattr(preferences, name, folder)  # which holds neither
        try:
            refuse()
        except RuntimeError as error:
            refusals.append(str(error))
    preferences.real3d_bfm = preferences.real3d_hubert = ""
    head = scene.limner.avatar
    blocks = head.data.shape_keys.key_blocks
    for frame, value in ((1, 0.0), (2, 0.9)):
        blocks["jawOpen"].value = value
        blocks["jawOpen"].keyframe_insert("value", frame=frame)
    scene.frame_start, scene.frame_end = 1, 2
    scene.limner.size, scene.limner.quality = 256, "preview"
    assert bpy.ops.limner.render() == {"FINISHED"}
    strips = [strip for strip in scene.sequence_editor.strips if strip.type == "IMAGE"]
    return {"refused": refused, "bfm": refusals, "keys": len(blocks), "strip": len(strips[0].elements)}


run(main)
