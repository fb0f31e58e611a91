"""The main job with the real backend: a photograph as it is, then a few words."""

import time
from pathlib import Path

import bpy
from prelude import extension, run


def main(photograph, speech, folder):
    scene = bpy.context.scene
    scene.render.fps, seconds = 25, {}
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder, "real.blend")))

    def timed(name, operator, **arguments):
        start = time.monotonic()
        assert operator(**arguments) == {"FINISHED"}, name
        seconds[name] = time.monotonic() - start

    timed("create", bpy.ops.limner.create_avatar, picture=photograph)
    head = scene.limner.avatar
    scene.frame_start = scene.frame_end = 1
    timed("still", bpy.ops.limner.render)
    still = Path(folder, "limner", f"{Path(photograph).stem}_frames", "0001.png")
    still.rename(Path(folder, "still.png"))
    timed("animate", bpy.ops.limner.animate, speech=speech)
    length = scene.frame_end
    keys = head.data.shape_keys
    curves = extension("compat").action_fcurves(keys, "")
    moving = [curve.data_path for curve in curves if len({round(p.co.y, 3) for p in curve.keyframe_points}) > 1]
    scene.frame_start, scene.frame_end = 20, 22
    scene.limner.size, scene.limner.quality = 256, "preview"
    timed("render", bpy.ops.limner.render)
    timed("head", bpy.ops.limner.extract_mesh)
    strips = {strip.type: len(getattr(strip, "elements", [])) for strip in scene.sequence_editor.strips}
    return {"seconds": seconds, "length": length, "moving": len(moving), "strips": strips,
            "vertices": len(head.data.vertices), "device": extension("bridge.pump").session().device}  # fmt: skip


run(main)
