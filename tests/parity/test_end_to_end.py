"""The whole chain of published networks, as the product runs it, against the published code's frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.avatars.real3d.network import Real3DConfig, Real3DNetwork
from backend.avatars.real3d.renderer import Inputs, Painted, PlaneLifting, PortraitRenderer
from backend.networks.skeleton import skeleton
from tests.parity.fixtures import Parity

STAGE = "e2e_frame"


@pytest.fixture(scope="module")
def network(parity: Parity) -> Real3DNetwork:
    with skeleton():
        made = Real3DNetwork(Real3DConfig())
    made.load_state_dict(parity.parameters("secc2plane_torso"), assign=True)
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def inputs(parity: Parity, network: Real3DNetwork) -> Inputs:
    pictures = parity.arrays("inputs_images")
    return Inputs(
        planes=PlaneLifting(network)(pictures["ref_head_img"].transpose(1, 2, 0)),
        canonical=parity.image("cano_secc"),
        source=parity.image("src_secc"),
        torso=parity.image("ref_torso_img"),
        labels=torch.from_numpy(pictures["seg_label"].astype(np.int64)),
        keypoints=torch.from_numpy(parity.arrays("s4b_torso")["kp_s"]),
    )


def frames(parity: Parity, network: Real3DNetwork, inputs: Inputs, fast: bool) -> tuple[Painted, Painted]:
    """The two stored frames: the second one driven by the source's own expression, from another camera."""
    renderer = PortraitRenderer(network, inputs, fast)
    stored, driving = parity.arrays(STAGE), torch.from_numpy(parity.arrays("s4b_torso")["kp_d"])
    background = renderer.background(parity.image("bg_img"))
    first = renderer.paint(parity.image("tgt_secc"), torch.from_numpy(stored["camera"]), driving, background)
    label = torch.from_numpy(stored["frame2.camera"])
    return first, renderer.paint(inputs.source, label, inputs.keypoints, background)


@pytest.fixture(scope="module")
def exact(parity: Parity, network: Real3DNetwork, inputs: Inputs) -> tuple[Painted, Painted]:
    return frames(parity, network, inputs, fast=False)


def test_the_frame_is_the_published_one(parity: Parity, exact: tuple[Painted, Painted]) -> None:
    picture = exact[0].picture.clamp(-1, 1)
    parity.check(STAGE, "image_512_clamped", picture, 1e-4)
    parity.check(STAGE, "image_512_crop", picture, 1e-4)
    bytes_made = ((picture[0].permute(1, 2, 0) + 1) / 2 * 255).to(torch.uint8).numpy().astype(int)
    assert np.abs(bytes_made - parity.arrays(STAGE)["image_512_u8_truncated"]).max() <= 1


def test_what_the_frame_is_made_of_is_the_published(
    parity: Parity, network: Real3DNetwork, inputs: Inputs, exact: tuple[Painted, Painted]
) -> None:
    rendered = exact[0].rendered
    parity.check(STAGE, "image_raw_clamped", rendered.features[:, :3].clamp(-1, 1), 1e-4)
    parity.check(STAGE, "image_feature_29", rendered.features[:, 3:], 1e-4)
    parity.check(STAGE, "image_depth", rendered.depth, 2e-4)
    parity.check(STAGE, "weights_img", rendered.weights, 1e-4)
    planes = PortraitRenderer(network, inputs, fast=False).planes(parity.image("tgt_secc"))
    parity.check(STAGE, "fused_planes", planes, 1e-4)


def test_a_frame_from_kept_planes_and_another_camera(parity: Parity, exact: tuple[Painted, Painted]) -> None:
    parity.check(STAGE, "frame2.image_512_clamped", exact[1].picture.clamp(-1, 1), 1e-4)
    parity.check(STAGE, "frame2.weights_img", exact[1].rendered.weights, 1e-4)


def test_the_fast_mode_stays_within_40_db(
    parity: Parity, network: Real3DNetwork, inputs: Inputs, exact: tuple[Painted, Painted]
) -> None:
    for made, meant in zip(frames(parity, network, inputs, fast=True), exact):
        error = (made.picture.clamp(-1, 1) - meant.picture.clamp(-1, 1)) / 2
        assert -10 * torch.log10((error**2).mean()) >= 40
