"""Super-resolution against the published one: the head alone (stage s4a), over torso and background (stage s4c)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from backend.compositing.prepared_super_resolution import PreparedHeadSuperResolution, PreparedSuperResolution
from backend.compositing.super_resolution import HeadSuperResolution, SuperResolution
from tests.parity.fixtures import Parity

HEAD, WHOLE, TORSO = "s4a_sr_vanilla", "s4c_sr_torso_bg", "s4b_torso"

Seen = dict[str, Tensor]


def _watch(parts: dict[str, nn.Module], seen: Seen) -> None:
    """Keeps what every part takes as ``name.in.0`` ..., and gives as ``name``, or ``name.x`` and ``name.rgb``."""

    def keep(name: str, inputs: tuple[Tensor, ...], output: Tensor | tuple[Tensor, Tensor]) -> None:
        seen.update({f"{name}.in.{index}": given for index, given in enumerate(inputs)})
        if isinstance(output, Tensor):
            seen[name] = output
        else:
            seen[f"{name}.x"], seen[f"{name}.rgb"] = output

    for name, part in parts.items():
        part.register_forward_hook(lambda _, inputs, output, name=name: keep(name, inputs, output))


@pytest.fixture(scope="module")
def published(parity: Parity) -> SuperResolution:
    model = SuperResolution()
    model.load_state_dict(parity.parameters("secc2plane_torso", "superresolution."), strict=True)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def head(parity: Parity, published: SuperResolution) -> Seen:
    model = HeadSuperResolution()
    state = {key: value for key, value in published.state_dict().items() if key.startswith(("block0.", "block1."))}
    model.load_state_dict(state, strict=True)
    prepared = PreparedHeadSuperResolution(model)
    seen: Seen = {"feature_in": parity.feature_image()}
    parts = [block + layer for block in ("block0", "block1") for layer in ("", ".conv0", ".conv1", ".torgb")]
    _watch({name: prepared.get_submodule(name) for name in parts}, seen)
    seen["rgb_512_unclamped"] = prepared(seen["feature_in"])
    return seen


@pytest.fixture(scope="module")
def whole(parity: Parity, published: SuperResolution) -> Iterator[Seen]:
    prepared = PreparedSuperResolution(published)
    seen: Seen = {"feature_in": parity.feature_image(), "weights_in": parity.weights_image()}
    parts = ("block0", "bg_encoder", "fuse_head_torso", "head_torso_block", "fuse_fg_bg", "block1")
    _watch({name: prepared.get_submodule(name) for name in parts}, seen)
    hook = prepared.torso_model.register_forward_hook(lambda _, __, layer: seen.update(hidden=layer.hidden))
    points = (torch.from_numpy(parity.arrays(TORSO)[name]) for name in ("kp_s", "kp_d"))
    with torch.inference_mode():
        appearance = prepared.torso_model.appearance(parity.image("ref_torso_img"), parity.segmap())
        background = prepared.background(parity.image("bg_img"))
        composed = prepared(seen["feature_in"], seen["weights_in"], appearance, background, *points)
        person = composed.person
        yield seen | {
            "rgb_512_unclamped": composed.picture,
            "weights_256": composed.head,
            # these two exist in the plain twin only: prepared, they are folded into what follows
            "x_torso": published.torso_encoder(seen["hidden"]),
            "fg_bg_fuse_in": torch.cat([seen["head_torso_block.x"] * person, seen["bg_encoder"] * (1 - person)], dim=1),
            "x_bg": seen["bg_encoder"],
            "person_rgb_before_head_torso_block": seen["head_torso_block.in.1"],
            "rgb_composited_with_bg": seen["block1.in.1"],
        }
    hook.remove()


HEAD_ARRAYS = (
    "feature_in",
    "block0.conv0",
    "block0.conv1",
    "block0.torgb",
    "block0.x",
    "block0.rgb",
    "block1.conv0",
    "block1.conv1",
    "rgb_512_unclamped",
    "rgb_512_crop",
)
WHOLE_ARRAYS = (
    "feature_in",
    "weights_in",
    "weights_256",
    "block0.rgb",
    "x_torso",
    "x_bg",
    "person_rgb_before_head_torso_block",
    "fuse_head_torso",
    "head_torso_block.x",
    "head_torso_block.rgb",
    "fg_bg_fuse_in",
    "rgb_composited_with_bg",
    "fuse_fg_bg",
    "rgb_512_unclamped",
    "rgb_512_crop",
)


def test_every_array_is_held(parity: Parity) -> None:
    assert set(HEAD_ARRAYS) == set(parity.index[HEAD])
    assert set(WHOLE_ARRAYS) == set(parity.index[WHOLE])


@pytest.mark.parametrize("name", HEAD_ARRAYS)
def test_head_alone(parity: Parity, head: Seen, name: str) -> None:
    parity.check(HEAD, name, head[_whole(name)])


@pytest.mark.parametrize("name", WHOLE_ARRAYS)
def test_head_over_torso_over_background(parity: Parity, whole: Seen, name: str) -> None:
    parity.check(WHOLE, name, whole[_whole(name)])


def _whole(name: str) -> str:
    """The tensor that an array tells a part of."""
    return name.replace("crop", "unclamped")
