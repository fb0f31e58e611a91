"""All networks of Real3D-Portrait under the names of its published checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from backend.compositing.super_resolution import SuperResolution, SuperResolutionConfig
from backend.compositing.torso import TorsoConfig, TorsoModel
from backend.nerf.feature_field import FeatureField, FeatureFieldConfig
from backend.nerf.ray_marching import RayMarching
from backend.networks.image_to_plane import ImageToPlane, ImageToPlaneConfig
from backend.networks.motion_adapter import MotionAdapter, MotionAdapterConfig
from backend.networks.plane_to_grid import PlaneToGrid, PlaneToGridConfig

PICTURE_SIZE = 512  # of everything that goes in and comes out, a side


@dataclass(frozen=True)
class Real3DConfig:
    """Sizes; the defaults are the published checkpoint's.

    Args:
        image_to_plane: the photograph to planes.
        motion_adapter: PNCC pictures to what is added to them.
        plane_to_grid: what goes over grids before they are rendered; ``None`` for flat planes.
        decoder: of planes.
        marching: how planes are rendered.
        super_resolution: head, torso and background to the frame.
        torso: the torso's model.
    """

    image_to_plane: ImageToPlaneConfig = field(default_factory=ImageToPlaneConfig)
    motion_adapter: MotionAdapterConfig = field(default_factory=MotionAdapterConfig)
    plane_to_grid: PlaneToGridConfig | None = None
    decoder: FeatureFieldConfig = field(default_factory=FeatureFieldConfig)
    marching: RayMarching = field(default_factory=RayMarching)
    super_resolution: SuperResolutionConfig = field(default_factory=SuperResolutionConfig)
    torso: TorsoConfig = field(default_factory=TorsoConfig)

    @property
    def plane_depth(self) -> int:
        """Slices of a plane: 1 for tri-planes, more for tri-grids."""
        return self.motion_adapter.depth


class Real3DNetwork(nn.Module):
    """The networks; attribute names are the published state dict's."""

    def __init__(self, config: Real3DConfig) -> None:
        super().__init__()
        self.config = config
        # weights of two losses in training, kept in the published checkpoints
        self.lambda_pertube_blink_secc = nn.Parameter(torch.full((1,), 0.001), requires_grad=False)
        self.lambda_pertube_secc = nn.Parameter(torch.full((1,), 0.001), requires_grad=False)
        self.cano_img2plane_backbone = ImageToPlane(config.image_to_plane)
        self.secc_img2plane_backbone = MotionAdapter(config.motion_adapter)
        if config.plane_to_grid is not None:
            self.plane2grid_module = PlaneToGrid(config.plane_to_grid)
        self.decoder = FeatureField(config.decoder)
        self.superresolution = SuperResolution(config.super_resolution, TorsoModel(config.torso))
