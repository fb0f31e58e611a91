"""What the shaders know of a shot: the uniform block of ``frame.glsl``."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from backend.capture.graphics import projection
from backend.people.scene import Person, Shot
from backend.people.shadows import RANGE, SKY, lamp_view

_ABOVE_EARS = 0.045  # metres
LAMPS = 3  # as frame.glsl has it
_FRAME = np.dtype(
    [
        ("to_clip", "f4", (4, 4)),
        ("to_shadow", "f4", (LAMPS + 1, 4, 4)),
        ("ray", "f4", (3, 4)),
        ("eye", "f4", 4),
        ("turn", "f4", 4),
        ("shift", "f4", 4),
        ("lamp_direction", "f4", (LAMPS, 4)),
        ("lamp_colour", "f4", (LAMPS, 4)),
        ("skull", "f4", 4),
        ("skull_radii", "f4", 4),
        ("above", "f4", 4),
        ("below", "f4", 4),
    ]
)


def frame_block(person: Person, shot: Shot) -> np.ndarray:
    """The block's bytes: a structured array of one element, matrices column by column.

    Raises:
        ValueError: the shot has more than three lamps.
    """
    camera, lighting = shot.camera, shot.lighting
    if len(lighting.lights) > LAMPS:
        raise ValueError(f"a shot has at most {LAMPS} lamps, not {len(lighting.lights)}")
    frame = np.zeros(1, _FRAME)
    frame["to_clip"] = (projection(camera) @ camera.world_to_camera).T
    frame["ray"][0, :, :3] = (camera.world_to_camera[:3, :3].T @ np.linalg.inv(camera.intrinsics)).T
    frame["eye"] = *camera.position, 1 / camera.intrinsics[0, 0]
    vector = Rotation.from_euler("xyz", np.asarray(shot.rotation, np.float64)).as_rotvec()
    angle = np.linalg.norm(vector)
    frame["turn"] = *(vector / max(angle, 1e-12)), angle
    frame["shift"] = *shot.location, RANGE
    above_ears = person.neutral[person.neutral[:, 2] > _ABOVE_EARS]
    low, high = above_ears.min(axis=0), above_ears.max(axis=0)
    frame["skull"][0, :3] = (*((low + high) / 2)[:2], _ABOVE_EARS)
    frame["skull_radii"][0, :3] = (*((high - low) / 2)[:2], high[2] - _ABOVE_EARS)
    for index, light in enumerate(lighting.lights):
        frame["to_shadow"][0, index] = lamp_view(light).T
        frame["lamp_direction"][0, index] = *light.direction, light.softness
        frame["lamp_colour"][0, index] = *light.colour, 1.0
    frame["to_shadow"][0, LAMPS] = lamp_view(SKY).T
    frame["above"][0, :3], frame["below"][0, :3] = lighting.above, lighting.below
    return frame
