"""Frames of one portrait by the published networks: what hangs on the photograph is worked out once and kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.avatars.real3d.classes import CLASSES
from backend.avatars.real3d.network import Real3DNetwork
from backend.compositing.prepared_super_resolution import PreparedSuperResolution
from backend.compositing.super_resolution import Background
from backend.nerf.plane_field import PlaneField
from backend.nerf.ray_marching import FAST, RayMarching, Rendered, render
from backend.nerf.triplane import planes_from_channels
from backend.networks.captured import Captured
from backend.networks.packed_convolution import onednn_computes
from backend.networks.prepared_image_to_plane import PreparedImageToPlane
from backend.networks.prepared_motion_adapter import PreparedMotionAdapter


@dataclass(frozen=True, eq=False)
class Inputs:
    """A portrait as the networks take it; pictures -1..1, -1 in ``torso`` where nothing is.

    Args:
        planes: [1, 3, C * D, P, P] of the photograph, canonical.
        canonical: [1, 3, S, S] PNCC of the person without expression.
        source: [1, 3, S, S] PNCC with the photograph's expression.
        torso: [1, 3, S, S].
        labels: [S, S] int64 published classes.
        keypoints: [1, 68, 2] landmarks in the photograph, x right, y down, -1..1.
    """

    planes: Tensor
    canonical: Tensor
    source: Tensor
    torso: Tensor
    labels: Tensor
    keypoints: Tensor


class Painted(NamedTuple):
    """A frame.

    Args:
        picture: [1, 3, S, S] about -1..1.
        person: [1, 1, s, s] opacity of the person, 0..1.
        head: [1, 1, s, s] opacity of the head, 0..1.
        rendered: the head's raw pictures.
    """

    picture: Tensor
    person: Tensor
    head: Tensor
    rendered: Rendered


def _fast_type(tensor: Tensor) -> torch.dtype:
    """Half precision, but for processors that only imitate it, slowly."""
    if tensor.is_cuda:
        return torch.float16
    return torch.bfloat16 if onednn_computes(tensor, torch.bfloat16) else torch.float32


class PortraitRenderer:
    """The networks with one portrait.

    Args:
        network: with the weights.
        inputs: the portrait, on the network's device.
        fast: half precision, and space that hardly shows left out (on a GPU all of it, captured as one graph);
            otherwise as exact as the published code.
    """

    def __init__(self, network: Real3DNetwork, inputs: Inputs, fast: bool) -> None:
        config = network.config
        self.fast = fast
        self._inputs = inputs
        self._decoder = network.decoder
        self._grid = getattr(network, "plane2grid_module", None)
        self._config = config
        self._marching = _marching(config.marching, inputs.planes.is_cuda, fast)
        dtype = _fast_type(inputs.planes) if fast else torch.float32
        self._captured: Captured | None = None
        self._adapter = PreparedMotionAdapter(network.secc_img2plane_backbone, dtype)
        self._still = self._adapter.still(inputs.canonical, inputs.source)
        self._compositor = PreparedSuperResolution(network.superresolution, dtype)
        segmap = torch.nn.functional.one_hot(inputs.labels, CLASSES).permute(2, 0, 1)[None].float()
        self._torso = self._compositor.torso_model.appearance(inputs.torso, segmap)

    def planes(self, target: Tensor) -> Tensor:
        """[1, 3, S, S] PNCC of a frame -> [1, 3, C * D, P, P] the portrait's planes with that expression."""
        moved = planes_from_channels(self._adapter(self._still, target), self._config.plane_depth)
        planes = self._inputs.planes + moved
        return planes if self._grid is None else self._grid(planes)

    def field(self, target: Tensor) -> PlaneField:
        """The head as a field of density and colour, with the expression of a PNCC [1, 3, S, S]."""
        marching = self._marching
        return PlaneField(self.planes(target)[0], self._decoder, marching.axes, marching.box_size)

    def background(self, picture: Tensor) -> Background:
        """What is kept of a background [1, 3, S, S], -1..1."""
        return self._compositor.background(picture)

    @torch.inference_mode()
    def paint(self, target: Tensor, label: Tensor, keypoints: Tensor, background: Background) -> Painted:
        """One frame.

        Args:
            target: [1, 3, S, S] PNCC of the driving expression.
            label: [1, 25] the camera.
            keypoints: [1, 68, 2] driving landmarks.
            background: from :meth:`background`.
        """
        arguments = (target, label, keypoints, background.rgb, background.features)
        if not (self.fast and target.is_cuda):
            return self._painted(*arguments)
        if self._captured is None:
            self._captured = Captured(lambda *inputs: _flat(self._painted(*inputs)), arguments)
        picture, person, head, *rendered = self._captured(*arguments)
        return Painted(picture, person, head, Rendered(*rendered))

    def _painted(self, target: Tensor, label: Tensor, keypoints: Tensor, rgb: Tensor, features: Tensor) -> Painted:
        rendered = render(self.planes(target), self._decoder, label, self._marching)
        composed = self._compositor(
            rendered.features,
            rendered.weights,
            self._torso,
            Background(rgb, features),
            self._inputs.keypoints,
            keypoints,
        )
        return Painted(composed.picture, composed.person, composed.head, rendered)


def _flat(painted: Painted) -> tuple[Tensor, ...]:
    return (*painted[:3], *painted.rendered)


class PlaneLifting:
    """The network that lifts a photograph into planes, prepared as its device wants it.

    Args:
        network: with the weights, as they are now.
    """

    @torch.no_grad()
    def __init__(self, network: Real3DNetwork) -> None:
        backbone = network.cano_img2plane_backbone
        self._device = network.lambda_pertube_secc.device
        self._depth = network.config.plane_depth
        self._backbone = PreparedImageToPlane(backbone) if self._device.type == "cpu" else backbone

    @torch.inference_mode()
    def __call__(self, head: NDArray[np.uint8]) -> Tensor:
        """[S, S, 3] uint8 hair and face on black -> [1, 3, C * D, P, P] the photograph's planes."""
        channels = self._backbone(network_picture(head, self._device))
        return planes_from_channels(channels, self._depth).contiguous().cpu()


def network_picture(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """[S, S, 3] uint8 -> [1, 3, S, S] -1..1, as the published code does."""
    centred = (np.asarray(pixels, np.float32) - 127.5) / 127.5
    return torch.from_numpy(centred).to(device).permute(2, 0, 1)[None]


def _marching(config: RayMarching, on_gpu: bool, fast: bool) -> RayMarching:
    if on_gpu:  # a whole picture at once, and nothing left out, so that all shapes are known beforehand
        precision = torch.float16 if fast else torch.float32
        return replace(config, rays_at_once=config.resolution**2, precision=precision)
    return replace(config, negligible=FAST.negligible) if fast else config
