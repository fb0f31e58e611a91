"""Blender's camera and OpenCV's: the same pinhole in two sets of numbers, converted both ways."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..shared.camera import Camera
from ..shared.errors import LimnerError

# Blender's camera looks along -Z with Y up, OpenCV's along +Z with Y down
BLENDER_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
SENSOR_WIDTH = 36.0
SENSOR_HEIGHT = 24.0


@dataclass(frozen=True)
class BlenderCamera:
    """A perspective camera in Blender's own settings, with the render settings that shape its picture.

    Args:
        lens: focal length in millimetres.
        shift_x: horizontal shift in units of the fitted side.
        shift_y: vertical shift in units of the fitted side.
        resolution_x: picture width in pixels, the percentage already applied.
        resolution_y: picture height in pixels.
        sensor_fit: ``AUTO``, ``HORIZONTAL`` or ``VERTICAL``.
        sensor_width: millimetres.
        sensor_height: millimetres; counts only when the fit is ``VERTICAL``.
        pixel_aspect_x: width of a pixel.
        pixel_aspect_y: height of a pixel.
        camera_to_world: [4, 4] the camera object's matrix, without scale.
    """

    lens: float
    shift_x: float
    shift_y: float
    resolution_x: int
    resolution_y: int
    sensor_fit: str = "AUTO"
    sensor_width: float = SENSOR_WIDTH
    sensor_height: float = SENSOR_HEIGHT
    pixel_aspect_x: float = 1.0
    pixel_aspect_y: float = 1.0
    camera_to_world: np.ndarray = field(default_factory=lambda: np.eye(4))


def fitted_side(sensor_fit: str, width: int, height: int, pixel_ratio: float) -> float:
    """Length, in pixel widths, of the side that the sensor is fitted to; ``pixel_ratio`` is a pixel's height/width."""
    if sensor_fit == "AUTO":
        sensor_fit = "HORIZONTAL" if width >= height * pixel_ratio else "VERTICAL"
    return float(width) if sensor_fit == "HORIZONTAL" else height * pixel_ratio


def camera_from_blender(camera: BlenderCamera) -> Camera:
    """The OpenCV camera that projects every point to the same pixel as Blender does."""
    pixel_ratio = camera.pixel_aspect_y / camera.pixel_aspect_x
    width, height = camera.resolution_x, camera.resolution_y
    side = fitted_side(camera.sensor_fit, width, height, pixel_ratio)
    # with fit AUTO Blender measures the focal length against the sensor's width even when it fits the height
    sensor = camera.sensor_height if camera.sensor_fit == "VERTICAL" else camera.sensor_width
    focal = camera.lens * side / sensor
    intrinsics = np.array(
        [
            [focal, 0.0, width / 2 - camera.shift_x * side],
            [0.0, focal / pixel_ratio, height / 2 + camera.shift_y * side / pixel_ratio],
            [0.0, 0.0, 1.0],
        ]
    )
    world_to_camera = BLENDER_TO_OPENCV @ np.linalg.inv(rigid(camera.camera_to_world))
    return Camera(intrinsics, world_to_camera, width, height)


def camera_to_blender(camera: Camera, sensor_fit: str = "AUTO") -> BlenderCamera:
    """Blender's settings for an OpenCV camera; the pixel aspect takes up a difference between the focal lengths.

    Raises:
        LimnerError: ``WRONG_USE`` for a camera with skew, which Blender has no setting for.
    """
    k = camera.intrinsics / camera.intrinsics[2, 2]
    if abs(k[0, 1]) > 1e-6 * k[0, 0]:
        raise LimnerError("WRONG_USE", "The camera has skew, which Blender cannot show.", "Use a camera without skew.")
    pixel_ratio = k[0, 0] / k[1, 1]
    side = fitted_side(sensor_fit, camera.width, camera.height, pixel_ratio)
    sensor = SENSOR_HEIGHT if sensor_fit == "VERTICAL" else SENSOR_WIDTH
    return BlenderCamera(
        lens=k[0, 0] * sensor / side,
        shift_x=(camera.width / 2 - k[0, 2]) / side,
        shift_y=(k[1, 2] - camera.height / 2) * pixel_ratio / side,
        resolution_x=camera.width,
        resolution_y=camera.height,
        sensor_fit=sensor_fit,
        # Blender refuses pixel aspects below one
        pixel_aspect_x=max(1.0, 1.0 / pixel_ratio),
        pixel_aspect_y=max(1.0, pixel_ratio),
        camera_to_world=np.linalg.inv(camera.world_to_camera) @ BLENDER_TO_OPENCV,
    )


def rigid(matrix: np.ndarray) -> np.ndarray:
    """[4, 4] matrix without its scale: what Blender does with a camera object that was scaled."""
    result = np.array(matrix, np.float64)
    result[:3, :3] /= np.linalg.norm(result[:3, :3], axis=0)
    return result


def relative_to(camera: Camera, avatar_to_world: np.ndarray) -> Camera:
    """The camera seen from an avatar that was moved, turned or uniformly scaled in the scene.

    Args:
        camera: a camera in the scene's world.
        avatar_to_world: [4, 4] where the avatar's own world lies in the scene.

    Raises:
        LimnerError: ``WRONG_USE`` when the avatar is stretched or mirrored.
    """
    scales = np.linalg.norm(avatar_to_world[:3, :3], axis=0)
    scale = float(scales.mean())
    turn = avatar_to_world[:3, :3] / max(scale, 1e-12)
    if not np.allclose(turn.T @ turn, np.eye(3), atol=1e-3) or np.linalg.det(turn) < 0:
        raise LimnerError("WRONG_USE", "The avatar is stretched or mirrored, which it cannot be rendered with.",
                          "Give the avatar's root the same positive scale on all three axes.")
    # an avatar of twice the size seen from twice the distance looks the same: the scale goes into the distance
    world_to_camera = camera.world_to_camera @ avatar_to_world
    world_to_camera[:3] /= scale
    return Camera(camera.intrinsics, world_to_camera, camera.width, camera.height)


def same_view(one: Camera, other: Camera, tolerance: float = 0.02) -> bool:
    """Whether two cameras show the same picture: corners and depths agree to ``tolerance`` px in a picture of 512."""
    if abs(one.width * other.height - other.width * one.height) > max(one.width, one.height, other.width, other.height):
        return False
    size = (512, max(1, round(512 * one.height / one.width)))
    one, other = one.resized(*size), other.resized(*size)
    rays = np.array([[0, 0, 1], [size[0], 0, 1], [0, size[1], 1], [*size, 1]], float) @ np.linalg.inv(one.intrinsics).T
    in_camera = np.concatenate([rays * depth for depth in (0.3, 3.0)])
    world = (in_camera - one.world_to_camera[:3, 3]) @ one.world_to_camera[:3, :3]
    return bool(np.abs(one.project(world) - other.project(world)).max() < tolerance)
