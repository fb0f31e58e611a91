"""Completion of a frame's layers by the network that learned it: views for it, and how far a frame calls for it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial.transform import Rotation
from torch import Tensor

from backend.avatars.file import contents_digest
from backend.avatars.interface import FrameRequest
from backend.avatars.zera.data import Person
from backend.compositing.layers import Layers
from backend.nerf.images import smoothstep
from backend.networks.layer_completion import (
    CANONICAL,
    CHANNELS,
    HEAD,
    MOST_TRAVEL,
    NORMAL,
    TORSO,
    TRAVEL,
    TRUST,
    VEIL,
    Filling,
    LayerCompletion,
    LayerCompletionConfig,
    filling,
    padded,
)
from backend.networks.low_rank import Factors, adapted
from backend.weights import network_in_use
from shared.camera import Camera

NAME = "layer_completion"
FULL_TURN, FULL_TRAVEL = np.radians(8), 0.005  # radians and metres from which on a place is completed altogether
MOVED_REACH = 11  # pixels of a view around places that moved
SOLID = 0.5  # cover from which on a pixel shows the person
DETAIL = 1 / 40  # of a frame's height: what is finer than that is detail
ALIKE = 0.2  # how far colours of sRGB 0..1 differ that are of one thing
LOST_TURN = np.radians([55, 75])  # from where on it is seen from where the network never learned to look


@dataclass(frozen=True)
class HeadSurface:
    """What is known of the head model's surface where a frame shows it or would show it without hair and clothes.

    Args:
        pixel: [N] int64 index into the flat picture.
        canonical: [N, 3] coordinates in the mean head's box, -1..1.
        normal: [N, 3] unit vectors by the camera's axes.
        trust: [N] how far the photograph shows the place, 0..1.
        travel: [N] metres by which the expression moved the place.
    """

    pixel: Tensor
    canonical: Tensor
    normal: Tensor
    trust: Tensor
    travel: Tensor


def completion_network() -> LayerCompletion | None:
    """The network; ``None`` where no usable weights are."""
    return network_in_use(NAME, LayerCompletion, LayerCompletionConfig)


def digest(network: LayerCompletion) -> str:
    """What a network's weights are known by."""
    return contents_digest({}, {name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()})


@dataclass(frozen=True, eq=False)
class Refinement:
    """What completion learned of one person, see ``zera.refine``.

    Args:
        factors: low-rank changes of its convolutions, half precision.
        base: digest of the weights that they change.
    """

    factors: Factors
    base: str

    def applied(self, network: LayerCompletion) -> LayerCompletion:
        """The network with what was learned; as it is, which is logged, if other weights were the ones refined.

        Raises:
            KeyError, ValueError: the factors do not fit.
        """
        if digest(network) != self.base:
            logging.getLogger(__name__).warning(
                "This avatar was refined with other weights of %s than are here, so it is shown unrefined. "
                "Reconstruct it again with --refine.", NAME
            )  # fmt: skip
            return network
        device = next(network.parameters()).device
        return adapted(network, {name: (up.to(device).float(), down.to(device).float())
                                 for name, (up, down) in self.factors.items()})  # fmt: skip


def turn_between(person: Person, camera: Camera, request: FrameRequest) -> float:
    """Radians by which a frame shows the head turned from how the photograph shows it."""
    head = person.head_to_world[:3, :3]
    turned = camera.world_to_camera[:3, :3] @ head @ Rotation.from_euler("xyz", request.rotation).as_matrix()
    return float(Rotation.from_matrix(turned @ (person.camera.world_to_camera[:3, :3] @ head).T).magnitude())


def moved(view: Tensor, turn: float) -> Tensor:
    """How far a frame differs from the photograph: everywhere when the head turns, else where the face moves.

    A blink must not make hair and shoulders flicker, however little.

    Args:
        view: [16, h, w] of the frame.
        turn: radians from the photograph.

    Returns:
        [h, w] from 0 to 1, and 0 again where the head is turned too far for the network.
    """
    travel = view[None, TRAVEL : TRAVEL + 1]
    for pool in (F.max_pool2d, F.avg_pool2d):  # columns, then rows: as over squares, in less time
        travel = pool(travel, (MOVED_REACH, 1), 1, (MOVED_REACH // 2, 0))
        travel = pool(travel, (1, MOVED_REACH), 1, (0, MOVED_REACH // 2))
    travel = travel[0, 0] * MOST_TRAVEL
    lost = min(max((turn - LOST_TURN[0]) / (LOST_TURN[1] - LOST_TURN[0]), 0.0), 1.0)
    return (1 - lost) * smoothstep(0.0, 1.0, (travel / FULL_TRAVEL).clamp(min=turn / FULL_TURN))


def layer_view(head: Layers, torso: Layers, surface: HeadSurface, height: int, width: int, side: int) -> Tensor:
    """What the network sees of a frame, see ``networks.layer_completion``.

    Args:
        head: the head's layer where the torso does not hide it. torso: the other way round.
        surface: of the head model.
        height, width: of the frame.
        side: the longer side of the view, pixels.

    Returns:
        [16, h, w]
    """
    maps = torch.zeros(height * width, CHANNELS, device=head.rgb.device)
    for place, layer in ((HEAD, head), (TORSO, torso)):
        maps[:, place] = torch.cat([layer.rgb, layer.alpha[:, None]], dim=1)
    known = torch.zeros(len(surface.pixel), CHANNELS, device=maps.device)
    known[:, CANONICAL], known[:, NORMAL], known[:, TRUST] = surface.canonical, surface.normal, surface.trust
    known[:, TRAVEL] = (surface.travel / MOST_TRAVEL).clamp(0, 1)
    maps.index_add_(0, surface.pixel, known)
    scale = side / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    # a pixel's channels lie side by side: means of areas are several times as fast there
    picture = maps.reshape(1, height, width, CHANNELS).permute(0, 3, 1, 2)
    if scale < 1:
        return F.interpolate(picture, size, mode="area")[0].contiguous()
    return F.interpolate(picture, size, mode="bilinear", align_corners=False)[0].contiguous()


@torch.inference_mode()
def completed(
    network: LayerCompletion, person: Layers, view: Tensor, source: Tensor, turn: float, height: int
) -> Layers:
    """A frame's person with what the network adds.

    Args:
        network: whose views are seen.
        person: [P] pixels, without completion.
        view: [16, h, w] of the frame. source: [16, h/2, w/2] of the photograph's own pose.
        turn: radians from the photograph.
        height: of the frame, pixels.
    """
    tall, wide = view.shape[1:]
    residual = network(padded(view, view), padded(source, view, 2))[:, :, :tall, :wide] * moved(view, turn)
    rgba = torch.cat([person.rgb, person.alpha[:, None]], dim=1).T.reshape(1, 4, height, -1)
    filled = textured(filling(residual, view[None]).resized((height, rgba.shape[3])), rgba[0])
    whole = filled.behind(rgba)[0].reshape(4, -1).T
    return Layers(whole[:, :3], whole[:, 3], person.depth)


def textured(filled: Filling, person: Tensor) -> Filling:
    """A filling that goes on like what it adjoins: mirrored at the edge, where that has about its colour.

    The network's colours are means of all that may be there, and so without strands.

    Args:
        filled: of the frame, [1, 1, H, W] and [1, 3, H, W].
        person: [4, H, W] premultiplied, without it.
    """
    seen = (filled.cover[0, 0] > VEIL[0]) & (person[3] < SOLID)
    if not bool(seen.any()):
        return filled
    row, column = np.nonzero(seen.cpu().numpy())
    rgba = person.permute(1, 2, 0).contiguous().cpu().numpy()
    empty = (rgba[..., 3] < SOLID).astype(np.uint8)
    solid = np.argwhere(empty == 0)
    if not len(solid):
        return filled
    _, labels = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    beyond = 2 * solid[labels[row, column] - 1] - np.stack([row, column], axis=1)
    y, x = np.clip(beyond, 0, np.array(empty.shape) - 1).T
    window = max(3, round(len(rgba) * DETAIL)) | 1
    mirrored, smooth = (
        torch.from_numpy(maps[y, x, :3] / np.maximum(maps[y, x, 3:], 1e-3)).to(person)
        for maps in (rgba, cv2.blur(rgba, (window, window)))
    )
    colour = filled.colour.clone()
    own = colour[0, :, row, column].T
    alike = torch.exp(-((smooth - own) / ALIKE).square().sum(dim=1))
    alike = alike * torch.from_numpy(rgba[y, x, 3] > SOLID).to(person)
    colour[0, :, row, column] = torch.lerp(own, mirrored, alike[:, None]).T
    return replace(filled, colour=colour)


def parted(whole: Layers, person: Layers, head: Layers, torso: Layers) -> tuple[Layers, Layers]:
    """Head and torso of a completed person, such that head over torso is the person.

    What is new belongs to the layer that is there already, and to the head where none is.

    Args:
        whole: the completed person. person: before that.
        head: before that, where the torso does not hide it. torso: all of it.
    """
    share = torch.where(person.alpha > 0.01, head.alpha / person.alpha.clamp(min=0.01), 1.0).clamp(max=1)
    alpha = share * whole.alpha
    rgb = (head.rgb + share[:, None] * (whole.rgb - person.rgb)).clamp(min=0)
    above = Layers(torch.minimum(rgb, torch.minimum(whole.rgb, alpha[:, None])), alpha, head.depth)
    left = 1 - alpha
    seen = left > 0.02  # of the torso; elsewhere it stays as it was
    thin = left.clamp(min=0.02)
    below = torch.cat([whole.rgb - above.rgb, (whole.alpha - alpha)[:, None]], dim=1) / thin[:, None]
    below = torch.where(seen[:, None], below, torch.cat([torso.rgb, torso.alpha[:, None]], dim=1)).clamp(0, 1)
    return above, Layers(below[:, :3], below[:, 3], torso.depth)


def depth_map(person: Layers, height: int, width: int) -> NDArray[np.float32]:
    """[H, W] metres along the camera's axis, ``inf`` where nobody is; what was completed is as deep as what is near."""
    depth = person.depth.reshape(height, width).cpu().numpy()
    solid = (person.alpha >= 0.5).reshape(height, width).cpu().numpy()
    known = np.isfinite(depth)
    if (solid & ~known).any() and known.any():
        nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
        depth = depth[tuple(nearest)]
    return np.where(solid, depth, np.float32(np.inf))
