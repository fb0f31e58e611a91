"""The torso of one photograph moved by the driven head: features of the torso in a volume, warped, painted.

The torso model of Real3D-Portrait (version 2 there) after its state dict and the fixtures' facts: the appearance is
encoded once per photograph, a dense motion network turns four keypoints of the face and the new head's picture into a
warp of that volume, and a generator paints the torso and how opaque it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.networks.dense_motion import DenseMotion, DenseMotionConfig
from backend.networks.prepared_motion import PreparedDenseMotion
from backend.networks.volumetric_blocks import ConvolutionNorm, Down, Residual, Up


@dataclass(frozen=True)
class TorsoConfig:
    """Sizes of the torso model.

    Args:
        motion: sizes of the dense motion network and of the feature volume.
        size: height and width at which the torso is encoded and painted, a power of two times the volume's.
        labels: classes of the segmentation that are torso: body skin and clothes.
        keypoints: which of the 68 landmarks drive the torso: the ends and the middle of the jaw, and the nose's bridge.
        dilation: side of the square that the torso's mask is widened by, in cells of the volume, odd.
        width: channels of the first and last feature maps; doubled at every halving.
        residual: residual blocks of the appearance and of the generator.
        alpha_width: channels inside the predictor of the torso's opacity.
    """

    motion: DenseMotionConfig = field(default_factory=DenseMotionConfig)
    size: int = 256
    labels: tuple[int, ...] = (2, 4)
    keypoints: tuple[int, ...] = (0, 8, 16, 27)
    dilation: int = 7
    width: int = 64
    residual: int = 6
    alpha_width: int = 32

    @property
    def halvings(self) -> int:
        """Between the pictures' size and the volume's."""
        return (self.size // self.motion.size).bit_length() - 1


@dataclass(frozen=True)
class TorsoAppearance:
    """What the torso model keeps of a photograph.

    Args:
        features: [B, C, D, h, h] feature volume of the torso, zero away from it.
        compressed: [B, c, D, h, h] what the dense motion network warps.
    """

    features: Tensor
    compressed: Tensor


@dataclass(frozen=True)
class TorsoLayer:
    """The moved torso.

    Args:
        hidden: [B, width, size, size] features for the fusion with the head.
        rgb: [B, 3, size, size] about -1..1.
        alpha: [B, 1, size, size] opacity, 0..1.
    """

    hidden: Tensor
    rgb: Tensor
    alpha: Tensor


class AppearanceExtractor(nn.Module):
    """Torso picture and its labels -> feature volume."""

    def __init__(self, config: TorsoConfig) -> None:
        super().__init__()
        features, depth = config.motion.features, config.motion.depth
        widths = [config.width << level for level in range(config.halvings + 1)]
        self.depth = depth
        self.in_conv = ConvolutionNorm(2, 3 + len(config.labels), config.width, 7)
        self.down = nn.Sequential(*(Down(2, a, b) for a, b in pairwise(widths)))
        self.mid_conv = nn.Conv2d(widths[-1], features * depth, 1)
        self.res = nn.Sequential(*(Residual(3, features) for _ in range(config.residual)))

    def forward(self, picture: Tensor) -> Tensor:
        """[B, 3 + labels, size, size] -> [B, features, depth, h, h]."""
        flat = self.mid_conv(self.down(self.in_conv(picture)))
        return self.res(flat.unflatten(1, (-1, self.depth)))


class WarpedGenerator(nn.Module):
    """Feature volume and a warp of it -> feature map and picture."""

    def __init__(self, config: TorsoConfig) -> None:
        super().__init__()
        widths = [config.width << level for level in range(config.halvings, -1, -1)]
        folded = config.motion.features * config.motion.depth
        self.in_conv = ConvolutionNorm(2, folded, widths[0], 3, slope=0.2, spectral=True)
        self.mid_conv = nn.Conv2d(widths[0], widths[0], 1)
        self.res = nn.Sequential(*(Residual(2, widths[0], spectral=True) for _ in range(config.residual)))
        self.up = nn.Sequential(*(Up(2, a, b, spectral=True) for a, b in pairwise(widths)))
        self.out_conv = nn.Conv2d(config.width, 3, 7, padding=3)

    def forward(self, features: Tensor, deformation: Tensor) -> tuple[Tensor, Tensor]:
        """Paint the warped volume.

        Args:
            features: [B, features, depth, h, h].
            deformation: [B, depth, h, h, 3] place in the volume that each cell comes from, -1..1.

        Returns:
            [B, width, size, size] hidden features, [B, 3, size, size] picture.
        """
        warped = F.grid_sample(features, deformation, padding_mode="border", align_corners=True)
        hidden = self.up(self.res(self.mid_conv(self.in_conv(warped.flatten(1, 2)))))
        return hidden, self.out_conv(hidden)


class TorsoPasses(nn.Module):
    """How the four parts of a torso model work together, whatever they are made of."""

    config: TorsoConfig
    appearance_extractor: nn.Module
    motion_field_estimator: DenseMotion | PreparedDenseMotion
    deform_based_generator: nn.Module

    def torso_mask(self, segmap: Tensor) -> Tensor:
        """[B, classes, H, W] one-hot -> [B, 1, h, h] where the torso is, widened by ``dilation`` cells, 0..1."""
        mask = self._labels(segmap, self.config.motion.size).sum(dim=1, keepdim=True)
        reach = self.config.dilation // 2
        return F.max_pool2d(F.pad(mask, (reach,) * 4, mode="reflect"), self.config.dilation, stride=1)

    def _labels(self, segmap: Tensor, size: int) -> Tensor:
        """[B, labels, size, size] the torso's classes, without antialiasing, as the published model was trained."""
        return F.interpolate(segmap[:, list(self.config.labels)], (size, size), mode="bilinear")

    def appearance(self, torso_image: Tensor, segmap: Tensor) -> TorsoAppearance:
        """What depends on the photograph only.

        Args:
            torso_image: [B, 3, H, W] the torso alone, -1..1, -1 where nothing is.
            segmap: [B, classes, H, W] one-hot segmentation of the photograph.
        """
        size = self.config.size
        picture = F.interpolate(torso_image, (size, size), mode="bilinear", antialias=True)
        features = self.appearance_extractor(torch.cat([picture, self._labels(segmap, size)], dim=1))
        features = features * self.torso_mask(segmap)[:, :, None]
        labels = self._labels(segmap, self.config.motion.size)
        return TorsoAppearance(features, self.motion_field_estimator.compressed(features, labels))

    def forward(
        self, cached: TorsoAppearance, kp_source: Tensor, kp_driving: Tensor, head_rgb: Tensor, head_weights: Tensor
    ) -> TorsoLayer:
        """Move the torso under a driven head.

        Args:
            cached: from :meth:`appearance`.
            kp_source: [B, 68, 2 or more] landmarks in the photograph, x right and y down, -1..1.
            kp_driving: [B, 68, 2 or more] landmarks in the frame.
            head_rgb: [B, 3, H, W] the raw rendered head, -1..1.
            head_weights: [B, 1, H, W] its opacity, 0..1.
        """
        # one by one: indices in a list would be copied to a GPU, which a captured graph cannot
        source, driving = (
            torch.stack([points[:, index, :2] for index in self.config.keypoints], dim=1)
            for points in (kp_source, kp_driving)
        )
        head = torch.cat([head_rgb, head_weights], dim=1)
        deformation, seen = self.motion_field_estimator(cached.compressed, source, driving, head)
        hidden, rgb = self.deform_based_generator(cached.features, deformation)
        seen = F.interpolate(seen, hidden.shape[-2:], mode="bilinear")
        return TorsoLayer(hidden, rgb, self.alpha(hidden, seen))

    def alpha(self, hidden: Tensor, seen: Tensor) -> Tensor:
        """[B, 1, size, size] the torso's opacity, 0..1.

        Args:
            hidden: [B, width, size, size] of the generator.
            seen: [B, 1, size, size] how much of what is warped is in the photograph, 0..1.
        """
        raise NotImplementedError


class TorsoModel(TorsoPasses):
    """The torso model of a head-torso-background super-resolution, as published, to load and to train.

    Attribute names are those of the published state dict, under ``superresolution.torso_model``.
    :mod:`backend.compositing.prepared_torso` runs it.
    """

    def __init__(self, config: TorsoConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TorsoConfig()
        self.appearance_extractor = AppearanceExtractor(config)
        self.motion_field_estimator = DenseMotion(config.motion)
        self.deform_based_generator = WarpedGenerator(config)
        hidden = config.alpha_width
        self.occlusion_2_predictor = nn.Sequential(
            nn.Conv2d(config.width + 1, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def alpha(self, hidden: Tensor, seen: Tensor) -> Tensor:
        """As :meth:`TorsoPasses.alpha`."""
        return self.occlusion_2_predictor(torch.cat([hidden, seen], dim=1))
