"""The face-parsing network on a picture: what every pixel around the head shows."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.capture.head_frame import HeadFrame, face_map
from backend.networks.face_parsing import FaceParsing, FaceParsingConfig, parsing_input
from backend.weights import network_in_use

NAME = "face_parsing"
FINER = 4 / 3  # than the network was trained on: held-out hair and faces are found better so


def parsing_network() -> FaceParsing | None:
    """The network; ``None`` where no usable weights are."""
    return network_in_use(NAME, FaceParsing, FaceParsingConfig)


def parsed(
    network: FaceParsing, rgb: NDArray[np.uint8], person: NDArray[np.float32], points: NDArray[np.float32], side: int
) -> NDArray[np.float32]:
    """What every pixel of the head frame shows: the mean of the network's opinions on it and on its mirror image.

    Args:
        network: with six inputs.
        rgb: [H, W, 3]. person: [H, W] in [0, 1], the person's matte or a belief in it.
        points: [478, 2 or more] landmarks in the picture's pixels.
        side: of the frame, pixels.

    Returns:
        [side, side, 5] shares of background, hair, face, neck and clothes, summing to one.
    """
    size = 16 * round(FINER * network.config.size / 16)
    frame = HeadFrame.of(points, size)
    seen = frame.seen(rgb.shape[1], rgb.shape[0])
    maps = (
        np.where(seen[..., None], frame.take(rgb), 0).astype(np.float32) / 255,
        frame.take(person, outside=0)[..., None],
        face_map(frame.marks(points), size)[..., None],
        seen[..., None].astype(np.float32),
    )
    picture = parsing_input(*(torch.from_numpy(np.ascontiguousarray(each)).permute(2, 0, 1)[None] for each in maps))
    with torch.inference_mode():
        shares = torch.softmax(network(torch.cat([picture, picture.flip(3)])), dim=1)
    return cv2.resize(_mean(shares), (side, side), interpolation=cv2.INTER_LINEAR)


def _mean(pair: Tensor) -> NDArray[np.float32]:
    """[2, C, H, W], the second mirrored -> [H, W, C]."""
    return ((pair[0] + pair[1].flip(2)) / 2).permute(1, 2, 0).numpy()
