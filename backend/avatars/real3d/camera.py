"""The published camera convention: 25-number labels from a head's pose, and the smoothing of sequences.

The camera moves around a still head in the cube of the tri-planes: units of the planes' world, in which the head is
about 2.7 in front of the camera; x right, y up, z out of the face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter1d
from scipy.spatial.transform import Rotation

FOCAL_LENGTH = 4.2647  # 2985.29 / 700 image sides
_MODEL_DISTANCE = 10.0  # of the camera from the face model's origin, in the model's units
WORLD_PER_MODEL = 0.27
WORLD_OFFSET = (0.0, 0.006, 0.161)
_OPENCV_AXES = np.diag([1.0, -1.0, -1.0])  # x right, y down, z forward


def camera_labels(euler: ArrayLike, translation: ArrayLike, focal_length: float = FOCAL_LENGTH) -> NDArray[np.float32]:
    """Camera labels of head poses.

    Args:
        euler: [..., 3] rotations of the head about x, y, z, radians, x first.
        translation: [..., 3] of the head in the units of the face model (one is about 10 cm).
        focal_length: in sides of the square picture.

    Returns:
        [..., 25] row-major 4x4 camera-to-world matrix (OpenCV axes), then row-major 3x3 intrinsics in image sides.
    """
    angles = np.asarray(euler, np.float64)
    shape = angles.shape[:-1]
    rotation = Rotation.from_euler("xyz", angles.reshape(-1, 3)).as_matrix().reshape(*shape, 3, 3).swapaxes(-1, -2)
    from_camera = np.asarray(translation, np.float64) - (0.0, 0.0, _MODEL_DISTANCE)
    pose = np.zeros((*shape, 4, 4))
    pose[..., :3, :3] = rotation @ _OPENCV_AXES
    pose[..., :3, 3] = -(rotation @ from_camera[..., None])[..., 0] * WORLD_PER_MODEL + WORLD_OFFSET
    pose[..., 3, 3] = 1
    intrinsics = np.array([focal_length, 0, 0.5, 0, focal_length, 0.5, 0, 0, 1])
    return np.concatenate([pose.reshape(*shape, 16), np.broadcast_to(intrinsics, (*shape, 9))], -1).astype(np.float32)


def smoothed_labels(labels: ArrayLike, window: int = 7) -> NDArray[np.float32]:
    """Camera labels [T, 25] smoothed in time: means over a centred window, cut off at the sequence's ends.

    Places are averaged; rotations by the chordal mean (scipy's ``Rotation.mean``); intrinsics stay.
    """
    labels = np.asarray(labels, np.float64)
    poses = labels[:, :16].reshape(-1, 4, 4)
    smooth = labels.copy()
    for frame in range(len(labels)):
        near = poses[max(frame - window // 2, 0) : frame + window // 2 + 1]
        pose = poses[frame].copy()
        pose[:3, :3] = Rotation.from_matrix(near[:, :3, :3]).mean().as_matrix()
        pose[:3, 3] = near[:, :3, 3].mean(axis=0)
        smooth[frame, :16] = pose.ravel()
    return smooth.astype(np.float32)


def smoothed_landmarks(landmarks: ArrayLike, window: int = 7) -> NDArray[np.float32]:
    """Landmarks [T, ...] smoothed in time by a box of ``window`` frames; the ends are mirrored, edge included."""
    return uniform_filter1d(np.asarray(landmarks, np.float64), window, axis=0, mode="reflect").astype(np.float32)


def mirrored_index(frame: int, length: int) -> int:
    """Frame of a sequence played forth and back without end: 0, 1, 2, 2, 1, 0, 0, 1 ... for a length of 3."""
    place = frame % (2 * length)
    return min(place, 2 * length - 1 - place)
