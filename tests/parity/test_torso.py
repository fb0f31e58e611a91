"""The torso model against the published one (stage s4b): as it loads, and prepared, as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.compositing.prepared_torso import PreparedTorsoModel
from backend.compositing.torso import TorsoAppearance, TorsoLayer, TorsoModel, TorsoPasses
from tests.parity.fixtures import Parity

STAGE = "s4b_torso"
# published array -> the part that puts it out: of the plain model, of the prepared one
INSIDE = {
    "appearance.in_conv": ("appearance_extractor.in_conv", "appearance_extractor.in_conv"),
    "appearance.down": ("appearance_extractor.down", "appearance_extractor.down"),
    "appearance_feats_premask": ("appearance_extractor", "appearance_extractor"),
    "compressed_4ch": ("motion_field_estimator.compress", "motion_field_estimator.compress"),
    "unet_down": ("motion_field_estimator.down", "motion_field_estimator.down"),
    "unet_up": ("motion_field_estimator.up", "motion_field_estimator.up"),
    "tgt_head_encoder": ("motion_field_estimator.tgt_head_encoder", "motion_field_estimator.hint_encoder"),
    "tgt_head_fuser": ("motion_field_estimator.tgt_head_fuser", "motion_field_estimator.fuse_volume"),
    "mask_logits": ("motion_field_estimator.mask_conv", "motion_field_estimator.choice"),
    "generator.in_conv": ("deform_based_generator.in_conv", "deform_based_generator.in_conv"),
    "generator.res": ("deform_based_generator.res", "deform_based_generator.res"),
}


@dataclass
class Moved:
    """One frame of the fixture's person."""

    plain: TorsoModel
    model: TorsoPasses
    cached: TorsoAppearance
    layer: TorsoLayer
    inside: dict[str, Tensor]
    deformation: Tensor
    seen: Tensor


@pytest.fixture(scope="module")
def plain(parity: Parity) -> TorsoModel:
    model = TorsoModel()
    model.load_state_dict(parity.parameters("secc2plane_torso", "superresolution.torso_model."), strict=True)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module", params=["plain", "prepared"])
def moved(request: pytest.FixtureRequest, parity: Parity, plain: TorsoModel) -> Iterator[Moved]:
    prepared = request.param == "prepared"
    model: TorsoPasses = PreparedTorsoModel(plain) if prepared else plain
    results: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        return lambda _, __, output: results.update({name: output})

    hooks = [model.get_submodule(parts[prepared]).register_forward_hook(keep(name)) for name, parts in INSIDE.items()]
    motion = model.motion_field_estimator
    hooks.append(motion.register_forward_hook(keep("motion")))
    with torch.inference_mode():
        cached = model.appearance(parity.image("ref_torso_img"), parity.segmap())
        layer = model(cached, *_points(parity), *_head(parity))
        motion = results.pop("motion")
        yield Moved(plain, model, cached, layer, results, *motion)
    for hook in hooks:
        hook.remove()


def _points(parity: Parity) -> tuple[Tensor, Tensor]:
    arrays = parity.arrays(STAGE)
    return torch.from_numpy(arrays["kp_s"]), torch.from_numpy(arrays["kp_d"])


def _head(parity: Parity) -> tuple[Tensor, Tensor]:
    """The raw rendered head and its opacity, at the size that the published network hands them over in."""
    pictures = parity.feature_image()[:, :3], parity.weights_image()
    rgb, weights = (F.interpolate(picture, (256, 256), mode="bilinear", antialias=True) for picture in pictures)
    return rgb, weights


def test_the_hint_is_the_raw_head(parity: Parity) -> None:
    rgb, weights = _head(parity)
    parity.check(STAGE, "tgt_head_rgb_256", rgb)
    parity.check(STAGE, "tgt_head_weights_256", weights)


@pytest.mark.parametrize("name", INSIDE)
def test_inside(parity: Parity, moved: Moved, name: str) -> None:
    parity.check(STAGE, name, moved.inside[name])


def test_appearance(parity: Parity, moved: Moved) -> None:
    segmap = parity.segmap()
    parity.check(STAGE, "torso_mask_dilated_64", moved.model.torso_mask(segmap))
    parity.check(STAGE, "compressed_4ch", moved.cached.compressed)
    labels = F.interpolate(segmap[:, [2, 4]], (64, 64), mode="bilinear")[:, :, None].expand(-1, -1, 16, -1, -1)
    parity.check(STAGE, "motion_input_34ch", torch.cat([moved.cached.features, labels], dim=1))


def test_evidence(parity: Parity, moved: Moved) -> None:
    source, driving = (points[:, [0, 8, 16, 27], :2] for points in _points(parity))
    parity.check(STAGE, "kp_src_sel", F.pad(source, (0, 1)))
    parity.check(STAGE, "kp_drv_sel", F.pad(driving, (0, 1)))
    parity.check(STAGE, "sparse_motion", moved.plain.motion_field_estimator.proposals(source, driving), gate=1e-6)
    evidence = moved.model.motion_field_estimator.evidence(moved.cached.compressed, source, driving)
    parity.check(STAGE, "heatmap_rep", evidence.unflatten(1, (5, 5))[:, :, :1])
    parity.check(STAGE, "deformed_source", evidence.unflatten(1, (5, 5))[:, :, 1:])


def test_motion(parity: Parity, moved: Moved) -> None:
    parity.check(STAGE, "deformation", moved.deformation, gate=1e-6)
    parity.check(STAGE, "occlusion_2_64", moved.seen)
    # in the state dict, in no computation of a frame
    occlusion: nn.Module = moved.plain.motion_field_estimator.occlusion_conv
    fused = moved.inside["tgt_head_fuser"].flatten(1, 2)
    parity.check(STAGE, "occlusion_64", torch.sigmoid(occlusion(fused)))


def test_layer(parity: Parity, moved: Moved) -> None:
    parity.check(STAGE, "deformed_torso_hid", moved.layer.hidden)
    parity.check(STAGE, "deformed_torso_rgb_256", moved.layer.rgb)
    parity.check(STAGE, "occlusion_2_256", moved.layer.alpha)
