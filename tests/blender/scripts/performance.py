"""Whatever animates the avatar counts, and the camera sees it where Blender sees it."""

import math
import time
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Matrix, Vector
from prelude import extension, run

motion = extension("bridge.motion")
actions = extension("bridge.actions")
MotionClip = extension("shared.motion").MotionClip
ARKIT_INDEX = extension("shared.arkit").ARKIT_INDEX


def disc_error(scene, head, path):
    """Pixels between the head's middle in a rendered frame and in Blender's own projection."""
    image = bpy.data.images.load(str(path))
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height, width, 4)
    skin = (pixels[..., 0] > 0.4) & (pixels[..., 2] < 0.63)
    rows, columns = np.nonzero(skin)
    found = np.array([(columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2])
    control = head.limner.control.evaluated_get(bpy.context.evaluated_depsgraph_get())
    seen = world_to_camera_view(scene, scene.camera, control.matrix_world.translation)
    return float(np.abs(found - np.array([seen.x * width, seen.y * height])).max()), [width, height]


def difference(one, other):
    """The largest difference between two clips."""
    return max(float(np.abs(getattr(one, name) - getattr(other, name)).max())
               for name in ("coefficients", "rotation", "location"))  # fmt: skip


def main(media, folder):
    scene = bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder, "test.blend")))
    bpy.ops.limner.create_avatar(picture=str(Path(media, "portrait.png")))
    head = scene.limner.avatar
    control, root = head.limner.control, head.limner.root
    keys = head.data.shape_keys.key_blocks
    facts = {}

    # a clip that is written comes back as it was, wherever the avatar stands and however large it is
    random = np.random.default_rng(5)
    clip = MotionClip(scene.render.fps, random.uniform(0, 1, (40, 52)), random.uniform(-0.6, 0.6, (40, 3)),
                      random.uniform(-0.05, 0.05, (40, 3)))  # fmt: skip
    actions.write_clip(head, clip, 101)
    root.matrix_world = Matrix.LocRotScale(Vector((1, 2, 0.5)), Euler((0.1, 0.2, 1.0)), (1.5, 1.5, 1.5))
    bpy.context.view_layer.update()
    played = motion.perform(scene, head, 101, 140).clip
    facts["round_trip"] = [
        float(np.abs(getattr(played, name) - getattr(clip, name)).max())
        for name in ("coefficients", "rotation", "location")
    ]
    start = time.perf_counter()
    slow = motion.play(scene, head, 101, 140).clip
    frame_seconds = (time.perf_counter() - start) / 40
    facts["plain"] = extension("bridge.plain").is_plain(scene, head)
    facts["both_ways"] = difference(played, slow)
    facts["frame_kept"] = scene.frame_current

    # keys before and after a clip stay; so do their kinds
    curves = extension("compat").action_fcurves(head.data.shape_keys, "")
    curve = curves.find('key_blocks["jawOpen"].value')
    curve.keyframe_points.insert(90, 0.25).interpolation = "CONSTANT"
    curve.keyframe_points.insert(200, 0.75)
    actions.write_clip(head, MotionClip.still(10, scene.render.fps), 110)
    points = [(round(point.co.x), round(point.co.y, 3), point.interpolation) for point in curve.keyframe_points]
    # smooth curves, a modifier, muted curves, a limited slider, a moved rest pose: read as they play
    for point in curve.keyframe_points:
        point.interpolation = "BEZIER"
    curves.find('key_blocks["mouthPucker"].value').modifiers.new("CYCLES")
    curves.find('key_blocks["browInnerUp"].value').mute = True
    keys["mouthLeft"].slider_max = 0.5
    keys["mouthRight"].mute = True
    control.matrix_parent_inverse = control.matrix_parent_inverse @ Matrix.Rotation(0.2, 4, "X")
    facts["plain_still"] = extension("bridge.plain").is_plain(scene, head)
    facts["both_ways_again"] = difference(
        motion.perform(scene, head, 80, 210).clip, motion.play(scene, head, 80, 210).clip
    )
    control.matrix_parent_inverse = control.matrix_parent_inverse @ Matrix.Rotation(-0.2, 4, "X")
    keys["mouthRight"].mute = False
    start = time.perf_counter()
    motion.perform(scene, head, 1, 1500)
    facts["minute"] = [time.perf_counter() - start, 1500 * frame_seconds]
    facts["keys"] = [len(points), points[0], points[-1][:2], [y for x, y, _ in points if 110 <= x < 120]]

    # drivers, muted keys, constraints
    for block in keys:
        block.driver_remove("value")
    head.data.shape_keys.animation_data_clear()
    control.animation_data_clear()
    keys["jawOpen"].driver_add("value").driver.expression = "frame / 100"
    keys["cheekPuff"].value, keys["cheekPuff"].mute = 0.5, True
    keys["mouthFunnel"].slider_max, keys["mouthFunnel"].value = 2, 1.5
    control.rotation_euler, control.location = (0, 0, 0), (0, 0, 0)
    limit = control.constraints.new("LIMIT_ROTATION")
    limit.owner_space, limit.use_limit_z, limit.min_z, limit.max_z = "LOCAL", True, 0.4, 0.5
    played = motion.perform(scene, head, 20, 21).clip
    facts["not_plain"] = extension("bridge.plain").is_plain(scene, head)
    facts["driven"] = played.coefficients[:, ARKIT_INDEX["jawOpen"]].tolist()
    facts["muted"] = float(played.coefficients[0, ARKIT_INDEX["cheekPuff"]])
    facts["clamped"] = float(played.coefficients[0, ARKIT_INDEX["mouthFunnel"]])
    facts["constrained"] = played.rotation[0].tolist()
    control.constraints.remove(limit)

    # cameras: the photograph's own, a changed resolution, another one that moves
    scene.frame_set(30)
    facts["source"] = motion.perform(scene, head, 30, 31).views is None
    scene.render.resolution_percentage = 50
    facts["source_half"] = motion.perform(scene, head, 30, 31).views is None
    scene.render.resolution_percentage = 100
    other = bpy.data.objects.new("other", bpy.data.cameras.new("other"))
    scene.collection.objects.link(other)
    middle = control.matrix_world.translation
    other.location = middle + Vector((0.9, -1.4, 0.3))
    other.rotation_euler = (middle - other.location).to_track_quat("-Z", "Y").to_euler()
    other.data.shift_x, other.data.lens = 0.1, 70
    scene.camera = other
    bpy.context.view_layer.update()
    facts["one_view"] = not isinstance(motion.perform(scene, head, 30, 31).views, (list, type(None)))
    control.location = (0.02, -0.01, 0.03)
    scene.frame_start = scene.frame_end = 30
    scene.limner.size = 400
    errors = []
    for size in ((600, 450), (300, 600)):
        scene.render.resolution_x, scene.render.resolution_y = size
        bpy.context.view_layer.update()
        bpy.ops.limner.render()
        errors.append(disc_error(scene, head, Path(folder, "limner", "portrait_frames", "0001.png")))
    facts["errors"] = errors
    other.keyframe_insert("location", frame=30)
    other.location.z += 0.15
    other.keyframe_insert("location", frame=40)
    facts["moving"] = len(motion.perform(scene, head, 30, 40).views)
    scene.frame_start = scene.frame_end = 37
    scene.frame_set(37)
    bpy.ops.limner.render()
    facts["moved_error"] = disc_error(scene, head, Path(folder, "limner", "portrait_frames", "0001.png"))[0]

    def refused():
        try:
            bpy.ops.limner.render()
        except RuntimeError as error:
            return str(error)
        return ""

    root.scale = (1, 2, 1)
    facts["stretched"] = refused()
    root.scale = (1, 1, 1)
    other.data.type = "PANO"
    facts["panoramic"] = refused()
    scene.camera = head.limner.camera
    Path(folder, "limner", "portrait.limner").unlink()
    facts["lost_file"] = refused()
    bpy.data.objects.remove(control)
    facts["lost_control"] = refused()
    assert math.isfinite(facts["moved_error"])
    return facts


run(main)
