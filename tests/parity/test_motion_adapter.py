"""Stage 2: the motion adapter against what the published one gave."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from backend.nerf.triplane import planes_from_channels
from backend.networks.motion_adapter import MotionAdapter, MotionAdapterConfig
from backend.networks.prepared_motion_adapter import PreparedMotionAdapter
from tests.parity.fixtures import Parity
from tests.parity.fixtures import _places as stored_places

STAGE = "s2_secc2plane"


@pytest.fixture(scope="module")
def adapter(parity: Parity) -> MotionAdapter:
    adapter = MotionAdapter(MotionAdapterConfig())
    adapter.load_state_dict(parity.parameters("secc2plane_torso", "secc_img2plane_backbone."), strict=True)
    return adapter.eval()


@pytest.fixture(scope="module")
def pictures(parity: Parity) -> list[Tensor]:
    return [parity.image(name) for name in ("cano_secc", "src_secc", "tgt_secc")]


@torch.inference_mode()
def test_every_array_of_the_stage(parity: Parity, adapter: MotionAdapter, pictures: list[Tensor]) -> None:
    made: dict[str, Tensor] = {}

    def keep(name: str, value: Tensor | list[Tensor]) -> None:
        made.update({f"{name}{i}": v for i, v in enumerate(value, 1)} if isinstance(value, list) else {name: value})

    for name, module in (
        ("prenet_out", adapter.prenet),
        ("mix_vit.c", adapter.mix_vit),
        ("fuse_head_out", adapter.fuse_head),
    ):
        module.register_forward_hook(lambda _module, _given, value, name=name: keep(name, value))
    made["planes_before_flip"] = adapter(*pictures)
    made["secc_planes"] = made["secc_planes_crop"] = planes_from_channels(made["planes_before_flip"])
    assert set(made) == set(parity.index[STAGE]) - {"fused_planes"}
    for name, value in made.items():
        parity.check(STAGE, name, value)
    # the photograph's planes are those of stage 1, of which the same part is stored
    place = parity.index[STAGE]["fused_planes"]["stored"]
    assert parity.index["s1_img2plane"]["cano_planes"]["stored"] == place
    still, fused = parity.arrays("s1_img2plane")["cano_planes"], parity.arrays(STAGE)["fused_planes"]
    assert abs(still + made["secc_planes"].numpy()[stored_places(place)] - fused).max() <= 2e-5


@torch.inference_mode()
def test_the_adapter_as_the_product_runs_it(parity: Parity, adapter: MotionAdapter, pictures: list[Tensor]) -> None:
    prepared = PreparedMotionAdapter(adapter, torch.float32)
    still = prepared.still(*pictures[:2])
    fused: list[Tensor] = []
    prepared.fuse.register_forward_hook(lambda _module, _given, value: fused.append(value))
    made = prepared(still, pictures[2])
    parity.check(STAGE, "fuse_head_out", fused[0])
    parity.check(STAGE, "planes_before_flip", made)
    for name in ("secc_planes", "secc_planes_crop"):
        parity.check(STAGE, name, planes_from_channels(made))
