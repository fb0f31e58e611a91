"""Blender's camera objects to and from the cameras of the wire."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from ..core.camera import SENSOR_HEIGHT, SENSOR_WIDTH, BlenderCamera, camera_from_blender, camera_to_blender
from ..shared.camera import Camera
from ..shared.errors import LimnerError


def read_camera(camera: bpy.types.Object, scene: bpy.types.Scene) -> Camera:
    """What a camera object sees when its scene is rendered at its present frame.

    Args:
        camera: the object, original or evaluated.
        scene: whose resolution and pixel aspect count.

    Raises:
        LimnerError: ``WRONG_USE`` for an orthographic or panoramic camera.
    """
    data, render = camera.data, scene.render
    if data.type != "PERSP":
        raise LimnerError("WRONG_USE", f"The camera {camera.name} is {data.type.lower()}, not perspective.",
                          "Set the camera's type to Perspective.")
    percentage = render.resolution_percentage / 100
    return camera_from_blender(
        BlenderCamera(
            lens=data.lens,
            shift_x=data.shift_x,
            shift_y=data.shift_y,
            resolution_x=int(render.resolution_x * percentage),
            resolution_y=int(render.resolution_y * percentage),
            sensor_fit=data.sensor_fit,
            sensor_width=data.sensor_width,
            sensor_height=data.sensor_height,
            pixel_aspect_x=render.pixel_aspect_x,
            pixel_aspect_y=render.pixel_aspect_y,
            camera_to_world=np.array(camera.matrix_world),
        )
    )


def write_camera(camera: bpy.types.Object, view: Camera) -> None:
    """Make a camera object see exactly what ``view`` sees, relative to its parent; the resolution stays the scene's."""
    settings = camera_to_blender(view)
    data = camera.data
    data.type = "PERSP"
    data.sensor_fit = settings.sensor_fit
    data.sensor_width, data.sensor_height = SENSOR_WIDTH, SENSOR_HEIGHT
    data.lens_unit = "MILLIMETERS"
    data.lens = settings.lens
    data.shift_x, data.shift_y = settings.shift_x, settings.shift_y
    distance = float(np.linalg.norm(view.position))
    data.clip_start, data.clip_end = min(0.01, distance / 10), max(100.0, distance * 10)
    camera.matrix_basis = Matrix(settings.camera_to_world.tolist())


def match_scene(scene: bpy.types.Scene, camera: bpy.types.Object, view: Camera) -> None:
    """Give a scene the camera, the resolution and the plain colours of the photograph."""
    settings = camera_to_blender(view)
    render = scene.render
    render.resolution_x, render.resolution_y = settings.resolution_x, settings.resolution_y
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = settings.pixel_aspect_x, settings.pixel_aspect_y
    scene.camera = camera
    # a film-like view would change the colours of a photograph
    scene.view_settings.view_transform = "Standard"


def show_behind(camera: bpy.types.Object, image: bpy.types.Image) -> None:
    """Show a picture behind what a camera sees, filling its frame."""
    data = camera.data
    data.background_images.clear()
    background = data.background_images.new()
    background.image = image
    background.alpha = 1.0
    background.frame_method = "STRETCH"
    background.display_depth = "BACK"
    data.show_background_images = True
