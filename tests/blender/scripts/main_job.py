"""The main job by the operators' blocking forms: create, animate, render, extract; then a look at what came out."""

import json
import sys
import time
from pathlib import Path

import bpy
import numpy as np
from prelude import PACKAGE, extension, run


def avatar_facts(head):
    """What the avatar's objects are."""
    avatars = extension("bridge.avatars")
    keys, avatar, scene = head.data.shape_keys, head.limner, bpy.context.scene
    image = head.data.materials[0].node_tree.nodes.active.image
    view = avatars.photograph_camera(head)
    seen = extension("bridge.cameras").read_camera(avatar.camera, scene)
    pose = np.array(avatar.control.matrix_world).ravel()
    photograph = avatar.camera.data.background_images[0].image
    points = np.array([[0.0, 0, 1.6], [0.1, -0.1, 1.5], [-0.1, 0.05, 1.7]])
    return {
        "shape_keys": [block.name for block in keys.key_blocks],
        "smile": keys.key_blocks["mouthSmileLeft"].value,
        "uv_layers": len(head.data.uv_layers),
        "packed": image.packed_file is not None,
        "texture_corner": [round(value * 255) for value in image.pixels[:3]],
        "parents": [head.parent.name, avatar.control.parent.name, avatar.camera.parent.name],
        "control_at_rest": [list(avatar.control.location), list(avatar.control.rotation_euler)],
        "pose_error": float(np.abs(pose - np.array(avatar.head_to_world)).max()),
        "camera_error_px": float(np.abs(seen.project(points)[:, :2] - view.project(points)[:, :2]).max()),
        "resolution": [scene.render.resolution_x, scene.render.resolution_y],
        "background": [*photograph.size, *(round(value * 255) for value in photograph.pixels[:3])],
        "scene_camera": scene.camera == avatar.camera,
    }


def strip_facts(scene):
    """What is on the sequencer."""
    compat = extension("compat")
    return {
        strip.type: {
            "name": strip.name, "start": compat.strip_start(strip), "duration": compat.strip_duration(strip),
            "channel": strip.channel, "elements": [element.filename for element in getattr(strip, "elements", [])],
        }
        for strip in scene.sequence_editor.strips
    }  # fmt: skip


def sequencer_pixel(scene, frame, folder):
    """The colour of a corner of what the sequencer shows at a frame."""
    scene.frame_set(frame)
    scene.render.filepath = str(folder / "sequencer.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixel = [round(value * 255) for value in image.pixels[:3]]
    bpy.data.images.remove(image)
    return pixel


def main(media, folder):
    media, folder = Path(media), Path(folder)
    scene = bpy.context.scene
    scene.render.fps = 24
    scene.frame_set(11)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "test.blend"))
    seconds = {}

    def timed(name, operator, **arguments):
        start = time.monotonic()
        assert operator(**arguments) == {"FINISHED"}, name
        seconds[name] = time.monotonic() - start

    scene.limner.pictures.add().path = str(media / "portrait.png")
    timed("create", bpy.ops.limner.create_avatar)
    head = scene.limner.avatar
    refining = extension("ops.create").refining
    found = [refining(bpy.context, 2)]
    scene.limner.refine = 40
    found += [refining(bpy.context, 1), refining(bpy.context, 2)]
    scene.limner.kind = "real3d"
    found.append(refining(bpy.context, 2))
    scene.limner.kind = "zera"
    facts = {"avatar": avatar_facts(head), "path": head.limner.path, "objects": sorted(bpy.data.objects.keys())}
    facts["refining"] = found

    scene.limner.speech = str(media / "speech.wav")
    timed("animate", bpy.ops.limner.animate)
    head = scene.limner.avatar
    keys = head.data.shape_keys
    facts["action"] = keys.animation_data.action.name
    facts["range"] = [scene.frame_start, scene.frame_end]
    scene.frame_set(20)
    facts["jaw_at_20"] = keys.key_blocks["jawOpen"].value
    facts["yaw_at_20"] = head.limner.control.rotation_euler.z
    facts["after_animate"] = strip_facts(scene)

    scene.limner.size = 128
    timed("render", bpy.ops.limner.render)
    facts["after_render"] = strip_facts(scene)
    facts["frames"] = sorted(path.name for path in Path(folder, "limner", "portrait_frames").iterdir())

    facts["shown_at_12"] = sequencer_pixel(scene, 12, folder)
    scene.limner.background, scene.limner.background_color = "color", (1.0, 0.0, 0.0)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 12, 14
    timed("again", bpy.ops.limner.render)
    facts["after_part"] = strip_facts(scene)["IMAGE"]
    facts["shown_again_at_12"] = sequencer_pixel(scene, 12, folder)
    scene.use_preview_range = False

    scene.limner.surface = "head"
    timed("head", bpy.ops.limner.extract_mesh)
    scene.limner.surface, scene.limner.mesh_resolution = "volume", 48
    timed("volume", bpy.ops.limner.extract_mesh)
    pump = extension("bridge.pump")
    facts["imported"] = [
        [bpy.data.objects[name].type for name in json.loads(job.context["objects"])]
        for job in pump.session().jobs.values() if job.task == "mesh"
    ]  # fmt: skip
    facts["files"] = sorted(path.name for path in Path(folder, "limner").iterdir())
    facts["status"] = pump.session().status
    facts["top_level_shared"] = "shared" in sys.modules
    facts["threads"] = __import__("threading").active_count()
    bpy.ops.wm.save_mainfile()
    facts["seconds"] = seconds
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    facts["pump_after_disable"] = pump.present() is None
    return facts


run(main)
