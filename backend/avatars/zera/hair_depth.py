"""How far away hair is on a photograph, told by the network that learned it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from backend.avatars.zera.scene import NECK_SHARE, Scene
from backend.capture.correspondence import correspondence
from backend.capture.head_frame import HeadFrame
from backend.head.model import head_model
from backend.networks.face_parsing import FaceParsingConfig
from backend.networks.hair_relief import HairRelief
from backend.weights import network_in_use

NAME = "hair_relief"


def relief_network() -> HairRelief | None:
    """The network; ``None`` where no usable weights are."""
    return network_in_use(NAME, HairRelief, FaceParsingConfig)


def told_depth(network: HairRelief, rgb: NDArray[np.uint8], scene: Scene) -> NDArray[np.float32]:
    """The depth of the person, hair and headwear above all.

    Args:
        network: that tells it.
        rgb: [h, w, 3] the photograph.
        scene: the same on its canvas, which is larger by a margin on all sides.

    Returns:
        [H, W] on the canvas, metres along the camera's axis, such that it is the head model's in the face's midst;
        beyond what the network was shown as at the edge of that.
    """
    margin = (scene.camera.height - rgb.shape[0]) // 2
    points = scene.camera.project(correspondence().on(scene.world)) - [margin, margin, 0]
    size = network.config.size  # at others it is wrong by a quarter more and worse
    frame = HeadFrame.of(points.astype(np.float32), size)
    span = size / (frame.scale * scene.metre)
    seen = frame.seen(rgb.shape[1], rgb.shape[0])[..., None]
    own = scene.hits.depth[margin : margin + rgb.shape[0], margin : margin + rgb.shape[1]]
    modelled = np.isfinite(own)
    there = frame.take(modelled.astype(np.float32), outside=0)
    head = frame.take(np.where(modelled, own - scene.depth, 0).astype(np.float32), outside=0) / np.maximum(there, 1e-6)
    there = there > 0.5
    maps = (
        frame.take(rgb, outside=0) / np.float32(255),
        np.where(seen, frame.take(_shares(scene, margin), outside=0), 0),
        np.where(there, head / span, 0)[..., None],
        there[..., None],
    )
    tensors = (torch.from_numpy(np.ascontiguousarray(each, np.float32)).permute(2, 0, 1)[None] for each in maps)
    with torch.inference_mode():
        both = network(*(torch.cat([each, each.flip(3)]) for each in tensors))
    told = ((both[0, 0] + both[1, 0].flip(1)) / 2).numpy() * span
    # nothing was learned beyond the picture
    nearest = distance_transform_edt(~seen[..., 0], return_distances=False, return_indices=True)
    depth = scene.depth + _on_canvas(np.ascontiguousarray(told[tuple(nearest)]), frame, scene, margin)
    return np.asarray(depth - _astray(depth, scene), np.float32)


def _shares(scene: Scene, margin: int) -> NDArray[np.float32]:
    """[h, w, 5] of background, hair, face, neck and clothes on the photograph."""
    masks = scene.masks
    parts = np.stack([1 - masks.person, masks.hair, masks.face, masks.neck, masks.clothes], axis=2)
    return np.ascontiguousarray(parts[margin:-margin, margin:-margin], np.float32).clip(0, 1)


def _on_canvas(values: NDArray[np.float32], frame: HeadFrame, scene: Scene, margin: int) -> NDArray[np.float32]:
    """[H, W] what a map of the frame is on the canvas, beyond the frame as at its edge."""
    to_frame = frame.to_frame.copy()
    to_frame[:, 2] -= to_frame[:, :2] @ [margin, margin]
    return cv2.warpAffine(
        values, to_frame, (scene.camera.width, scene.camera.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


def _astray(depth: NDArray[np.float32], scene: Scene) -> float:
    """Metres by which a depth [H, W] lies behind the head model in the midst of the visible face."""
    of_head = head_model().head_share[head_model().faces].min(axis=1) > NECK_SHARE
    face = (scene.hits.triangle >= 0) & of_head[scene.hits.triangle] & (scene.masks.face > 0.9)
    return float(np.median((depth - scene.hits.depth)[face])) if face.any() else 0.0
