"""The image-to-plane network, as published and prepared, gives every array of the published one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from backend.nerf.triplane import planes_from_channels
from backend.networks.image_to_plane import ImageToPlane, ImageToPlaneConfig, with_coordinates
from tests.parity.fixtures import Parity

STAGE = "s1_img2plane"


@pytest.fixture(scope="module")
def network(parity: Parity) -> ImageToPlane:
    network = ImageToPlane(ImageToPlaneConfig()).eval()
    network.load_state_dict(parity.parameters("secc2plane_torso", "cano_img2plane_backbone."))
    return network


def _tokens(image: Tensor) -> Tensor:
    return image.flatten(2).transpose(1, 2)


def _as_it_is(image: Tensor) -> Tensor:
    return image


def test_every_array_as_published(parity: Parity, network: ImageToPlane) -> None:
    watched: list[tuple[str, nn.Module, Callable[[Tensor], Tensor]]] = [
        (f"deeplab.layer{stage}", getattr(network.low_reso_encoder.encoder, f"layer{stage}"), _as_it_is)
        for stage in (1, 2, 3, 4)
    ]
    watched += [
        ("deeplab.aspp", network.low_reso_encoder.decoder[0], _as_it_is),
        ("low_reso_feat", network.low_reso_encoder, _as_it_is),
        ("low_reso_vit.patch_embed", network.low_reso_vit.patch_embed, _tokens),
        ("low_reso_vit.block1", network.low_reso_vit.block1, _tokens),
        ("low_reso_vit.block5", network.low_reso_vit.block5, _tokens),
        ("low_reso_vit_out", network.low_reso_vit, _as_it_is),
        ("high_reso_feat", network.high_reso_encoder, _as_it_is),
        ("triplane_vit.patch_embed", network.triplane_predictor_vit.patch_embed, _tokens),
        ("triplane_vit.block1", network.triplane_predictor_vit.block1, _tokens),
    ]
    image = parity.image("ref_head_img")
    parity.check(STAGE, "encoder_input_5ch", with_coordinates(image))
    for name, module, view in watched:
        module.register_forward_hook(
            lambda module, inputs, output, name=name, view=view: parity.check(STAGE, name, view(output))
        )
    with torch.inference_mode():
        channels = network(image)
    parity.check(STAGE, "planes_before_flip", channels)
    planes = planes_from_channels(channels, 1)
    parity.check(STAGE, "cano_planes", planes)
    parity.check(STAGE, "cano_planes_crop", planes)
