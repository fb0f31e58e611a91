"""Our camera mathematics against Blender's own projection, both ways."""

import itertools
import random

import bpy
import numpy as np
from mathutils import Matrix, Vector
from prelude import extension, run

cameras = extension("bridge.cameras")
Camera = extension("shared.camera").Camera


def blender_pixels(scene, camera, points):
    """Where Blender itself puts world points: [N, 2] pixels, y down."""
    render = scene.render
    depsgraph = bpy.context.evaluated_depsgraph_get()
    projection = camera.calc_matrix_camera(
        depsgraph, x=render.resolution_x, y=render.resolution_y,
        scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y,
    )  # fmt: skip
    view = camera.matrix_world.normalized().inverted()
    clip = [projection @ view @ Vector((*point, 1)) for point in points]
    return np.array([(c.x / c.w + 1, 1 - c.y / c.w) for c in clip]) / 2 * (render.resolution_x, render.resolution_y)


def main():
    random.seed(3)
    scene = bpy.context.scene
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    worst_out = worst_back = worst_blender_back = 0.0
    cases = 0
    sizes = ((512, 512), (1920, 1080), (600, 1333), (417, 1000))
    aspects = ((1, 1), (1, 1.5), (2, 1))
    shifts = ((0, 0), (0.2, -0.13), (-0.4, 0.3))
    for size, fit, aspect, shift in itertools.product(sizes, ("AUTO", "HORIZONTAL", "VERTICAL"), aspects, shifts):
        render, data = scene.render, camera.data
        render.resolution_x, render.resolution_y = size
        render.pixel_aspect_x, render.pixel_aspect_y = aspect
        data.sensor_fit, data.lens = fit, random.uniform(18, 135)
        data.sensor_width, data.sensor_height = random.uniform(20, 40), random.uniform(15, 30)
        data.shift_x, data.shift_y = shift
        camera.matrix_world = Matrix.LocRotScale(
            Vector([random.uniform(-2, 2) for _ in range(3)]),
            Matrix.Rotation(random.uniform(0, 6), 3, Vector((0.3, -0.7, 0.4)).normalized()), (1, 1, 1),
        )  # fmt: skip
        bpy.context.view_layer.update()
        in_camera = np.random.default_rng(cases).uniform((-0.4, -0.4, -3), (0.4, 0.4, -0.5), (20, 3))
        points = np.array([camera.matrix_world @ Vector(point) for point in in_camera])
        ours = cameras.read_camera(camera, scene)
        expected = blender_pixels(scene, camera, points)
        worst_out = max(worst_out, np.abs(ours.project(points)[:, :2] - expected).max())

        # and back: a second camera object made from our numbers projects alike, in Blender's eyes
        other = bpy.data.objects.new("other", bpy.data.cameras.new("other"))
        scene.collection.objects.link(other)
        cameras.write_camera(other, ours)
        bpy.context.view_layer.update()
        settings = extension("core.camera").camera_to_blender(ours)
        render.pixel_aspect_x, render.pixel_aspect_y = settings.pixel_aspect_x, settings.pixel_aspect_y
        worst_blender_back = max(worst_blender_back, np.abs(blender_pixels(scene, other, points) - expected).max())
        again = cameras.read_camera(other, scene)
        worst_back = max(worst_back, np.abs(again.project(points) - ours.project(points)).max())
        bpy.data.objects.remove(other)
        cases += 1
    data.type = "ORTHO"
    try:
        cameras.read_camera(camera, scene)
        refused = ""
    except extension("shared.errors").LimnerError as error:
        refused = error.code
    return {"cases": cases, "out": float(worst_out), "back": float(worst_back),
            "blender_back": float(worst_blender_back), "orthographic": refused}  # fmt: skip


run(main)
