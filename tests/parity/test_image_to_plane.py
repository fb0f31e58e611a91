"""The image-to-plane network, as published and prepared, gives every array of the published one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from backend.nerf.triplane import planes_from_channels
from backend.networks.image_to_plane import ImageToPlane, ImageToPlaneConfig, with_coordinates
from backend.networks.packed_convolution import onednn_computes
from backend.networks.prepared_image_to_plane import PreparedImageToPlane
from tests.parity.fixtures import Parity

STAGE = "s1_img2plane"
# maps that are stored as tokens
TOKENS = ("patch_embed", "block1", "block5")


@pytest.fixture(scope="module")
def published(parity: Parity) -> ImageToPlane:
    network = ImageToPlane(ImageToPlaneConfig()).eval()
    network.load_state_dict(parity.parameters("secc2plane_torso", "cano_img2plane_backbone."))
    return network


def _of_published(network: ImageToPlane) -> dict[str, nn.Module]:
    """Stored array -> the module that makes it."""
    low, deeplab = network.low_reso_vit, network.low_reso_encoder
    return {
        **{f"deeplab.layer{stage}": getattr(deeplab.encoder, f"layer{stage}") for stage in (1, 2, 3, 4)},
        "deeplab.aspp": deeplab.decoder[0],
        "low_reso_feat": deeplab,
        "low_reso_vit.patch_embed": low.patch_embed,
        "low_reso_vit.block1": low.block1,
        "low_reso_vit.block5": low.block5,
        "low_reso_vit_out": low,
        "high_reso_feat": network.high_reso_encoder,
        "triplane_vit.patch_embed": network.triplane_predictor_vit.patch_embed,
        "triplane_vit.block1": network.triplane_predictor_vit.block1,
    }


def _of_prepared(network: PreparedImageToPlane) -> dict[str, nn.Module]:
    """Stored array -> the module that makes it."""
    resnet, pyramid, _ = network.low_reso_encoder
    embedding, block1, *_, block5, _ = network.low_reso_vit.transformer
    predictor = network.triplane_predictor_vit.transformer
    return {
        **{f"deeplab.layer{stage}": resnet[stage] for stage in (1, 2, 3, 4)},
        "deeplab.aspp": pyramid,
        "low_reso_feat": network.low_reso_encoder,
        "low_reso_vit.patch_embed": embedding,
        "low_reso_vit.block1": block1,
        "low_reso_vit.block5": block5,
        "low_reso_vit_out": network.low_reso_vit,
        "high_reso_feat": network.high_reso_encoder,
        "triplane_vit.patch_embed": predictor[0],
        "triplane_vit.block1": predictor[1],
    }


@pytest.mark.parametrize("prepared", [False, True], ids=["published", "prepared"])
def test_every_array(parity: Parity, published: ImageToPlane, prepared: bool) -> None:
    network = PreparedImageToPlane(published) if prepared else published
    modules = _of_prepared(network) if prepared else _of_published(published)
    seen: dict[str, Tensor] = {}
    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: seen.update({name: output}))
        for name, module in modules.items()
    ]
    image = parity.image("ref_head_img")
    with torch.inference_mode():
        channels = network(image)
    for handle in handles:
        handle.remove()
    for name, made in seen.items():
        parity.check(STAGE, name, made.flatten(2).transpose(1, 2) if name.endswith(TOKENS) else made)
    assert seen.keys() == modules.keys()
    parity.check(STAGE, "encoder_input_5ch", with_coordinates(image))
    parity.check(STAGE, "planes_before_flip", channels)
    planes = planes_from_channels(channels, 1)
    parity.check(STAGE, "cano_planes", planes)
    parity.check(STAGE, "cano_planes_crop", planes)


@pytest.mark.skipif(not onednn_computes(torch.empty(0), torch.bfloat16), reason="no bfloat16 on this processor")
def test_half_precision_keeps_forty_decibels(parity: Parity, published: ImageToPlane) -> None:
    with torch.inference_mode():
        channels = PreparedImageToPlane(published, torch.bfloat16)(parity.image("ref_head_img"))
    deviation = parity.index[STAGE]["planes_before_flip"]["std"]
    stored = torch.from_numpy(parity.arrays(STAGE)["planes_before_flip"])
    error = channels[0, ::6, ::8, ::8] - stored
    assert 20 * torch.log10(deviation / error.square().mean().sqrt()) > 40
