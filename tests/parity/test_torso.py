"""The torso model against the published one (stage s4b)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.compositing.torso import TorsoAppearance, TorsoLayer, TorsoModel
from tests.parity.fixtures import Parity

STAGE = "s4b_torso"


@dataclass
class Moved:
    """One frame of the fixture's person."""

    model: TorsoModel
    points: tuple[Tensor, Tensor]
    head: tuple[Tensor, Tensor]
    cached: TorsoAppearance
    layer: TorsoLayer
    inside: dict[str, Tensor]


@pytest.fixture(scope="module")
def moved(parity: Parity) -> Iterator[Moved]:
    model = TorsoModel()
    model.load_state_dict(parity.parameters("secc2plane_torso", "superresolution.torso_model."), strict=True)
    model.eval().requires_grad_(False)
    arrays = parity.arrays(STAGE)
    points = torch.from_numpy(arrays["kp_s"]), torch.from_numpy(arrays["kp_d"])
    head = _enlarged(parity.feature_image()[:, :3]), _enlarged(parity.weights_image())
    inside: dict[str, Tensor] = {}
    extractor, generator = model.appearance_extractor, model.deform_based_generator
    motion = model.motion_field_estimator
    watched = {
        "appearance.in_conv": extractor.in_conv,
        "appearance.down": extractor.down,
        "appearance_feats_premask": extractor,
        "unet_down": motion.down,
        "unet_up": motion.up,
        "tgt_head_encoder": motion.tgt_head_encoder,
        "tgt_head_fuser": motion.tgt_head_fuser,
        "mask_logits": motion.mask_conv,
        "generator.in_conv": generator.in_conv,
        "generator.res": generator.res,
    }
    hooks = [
        part.register_forward_hook(lambda _, __, output, name=name: inside.update({name: output}))
        for name, part in watched.items()
    ]
    with torch.inference_mode():
        cached = model.appearance(parity.image("ref_torso_img"), parity.segmap())
        layer = model(cached, *points, *head)
        yield Moved(model, points, head, cached, layer, inside)
    for hook in hooks:
        hook.remove()


def _enlarged(picture: Tensor) -> Tensor:
    return F.interpolate(picture, (256, 256), mode="bilinear", antialias=True)


def test_the_hint_is_the_raw_head(parity: Parity, moved: Moved) -> None:
    parity.check(STAGE, "tgt_head_rgb_256", moved.head[0])
    parity.check(STAGE, "tgt_head_weights_256", moved.head[1])


@pytest.mark.parametrize(
    "name",
    [
        "appearance.in_conv",
        "appearance.down",
        "appearance_feats_premask",
        "unet_down",
        "unet_up",
        "tgt_head_encoder",
        "tgt_head_fuser",
        "mask_logits",
        "generator.in_conv",
        "generator.res",
    ],
)
def test_inside(parity: Parity, moved: Moved, name: str) -> None:
    parity.check(STAGE, name, moved.inside[name])


def test_appearance(parity: Parity, moved: Moved) -> None:
    segmap = parity.segmap()
    parity.check(STAGE, "torso_mask_dilated_64", moved.model.torso_mask(segmap))
    parity.check(STAGE, "compressed_4ch", moved.cached.compressed)
    labels = F.interpolate(segmap[:, [2, 4]], (64, 64), mode="bilinear")[:, :, None].expand(-1, -1, 16, -1, -1)
    parity.check(STAGE, "motion_input_34ch", torch.cat([moved.cached.features, labels], dim=1))


def test_proposals(parity: Parity, moved: Moved) -> None:
    motion = moved.model.motion_field_estimator
    source, driving = (points[:, [0, 8, 16, 27], :2] for points in moved.points)
    parity.check(STAGE, "kp_src_sel", F.pad(source, (0, 1)))
    parity.check(STAGE, "kp_drv_sel", F.pad(driving, (0, 1)))
    proposals = motion.proposals(source, driving)
    parity.check(STAGE, "sparse_motion", proposals, gate=1e-6)
    evidence = motion.evidence(moved.cached.compressed, source, driving, proposals).unflatten(1, (5, 5))
    parity.check(STAGE, "heatmap_rep", evidence[:, :, :1])
    parity.check(STAGE, "deformed_source", evidence[:, :, 1:])


def test_deformation_and_occlusion(parity: Parity, moved: Moved) -> None:
    motion = moved.model.motion_field_estimator
    source, driving = (points[:, [0, 8, 16, 27], :2] for points in moved.points)
    deformation, seen = motion(moved.cached.compressed, source, driving, torch.cat(moved.head, dim=1))
    parity.check(STAGE, "deformation", deformation, gate=1e-6)
    parity.check(STAGE, "occlusion_2_64", seen)
    fused = moved.inside["tgt_head_fuser"].flatten(1, 2)
    parity.check(STAGE, "occlusion_64", torch.sigmoid(motion.occlusion_conv(fused)))


def test_layer(parity: Parity, moved: Moved) -> None:
    parity.check(STAGE, "deformed_torso_hid", moved.layer.hidden)
    parity.check(STAGE, "deformed_torso_rgb_256", moved.layer.rgb)
    parity.check(STAGE, "occlusion_2_256", moved.layer.alpha)
