"""Whose tensors a state dict holds, and whether they are all there, in the right shapes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from shared.errors import LimnerError

from .official_files import LAYOUT, OFFICIAL
from .training_checkpoint import is_plain, shown

MOST_NAMED = 10
PICTURE, SPEECH = "secc2plane_torso", "audio2secc"


def _starting(*prefixes: str) -> Callable[[Collection[str]], bool]:
    """Whether each of the prefixes begins some name."""
    return lambda names: all(any(name.startswith(prefix) for name in names) for prefix in prefixes)


# first match wins: what a state dict is, and by what
_SIGNS: list[tuple[str, Callable[[Collection[str]], bool]]] = [
    ("a MimicTalk avatar, adapted to one person", lambda names: any("lora_" in name for name in names)),
    ("MimicTalk's audio-to-motion model", _starting("hubert_encoder.", "backbone.")),
    (PICTURE, _starting("cano_img2plane_backbone.", "superresolution.torso_model.")),
    ("Real3D-Portrait's head-only model (secc2plane), which has no torso", _starting("secc_img2plane_backbone.")),
    ("Real3D-Portrait's image-to-plane model alone", _starting("img2plane_backbone.")),
    (SPEECH, _starting("mel_encoder.", "vae.")),
    ("an ER-NeRF avatar", _starting("aud_ch_att_net.")),
    ("a RAD-NeRF or GeneFace avatar", _starting("sigma_net.", "aud_net.")),
    ("a RAD-NeRF or GeneFace avatar", _starting("sigma_net.", "audio_net.")),
    ("a Mix Transformer to begin training with", _starting("patch_embed1.")),
    ("an EG3D generator", _starting("backbone.synthesis.", "decoder.")),
]


def whose(names: Collection[str]) -> str | None:
    """``PICTURE``, ``SPEECH``, another model's name in words, or ``None`` for tensors of nobody known."""
    return next((what for what, holds in _SIGNS if holds(names)), None)


def foreign(path: Path, what: str | None) -> LimnerError:
    """The refusal of a checkpoint of something else."""
    if what == SPEECH:
        cause, remedy = (
            f"{path} is the audio-to-motion model alone: no network that makes pictures lies beside it.",
            (f"Give the folder that holds both, such as checkpoints/{OFFICIAL}."),
        )
    elif what and "head-only" in what:
        cause, remedy = f"{path} is {what}.", "Use secc2plane_torso_orig, whose checkpoint holds the head too."
    else:
        cause, remedy = f"{path} is {what or 'not a checkpoint of Real3D-Portrait'}.", LAYOUT
    return LimnerError("WEIGHTS_UNSUITABLE", cause, remedy)


def check_state(state: Mapping[str, Any], expected: Mapping[str, Tensor], path: Path) -> None:
    """Hold a state dict against the network's own.

    Args:
        state: as read.
        expected: the network's tensors, which need no memory.
        path: for the error.

    Raises:
        LimnerError: ``WEIGHTS_UNSUITABLE``, naming missing, unexpected and mis-shaped tensors: ten of each,
            and how many.
    """
    missing = [name for name in expected if name not in state]
    unexpected = [shown(name) for name in state if name not in expected]
    misshaped = [
        f"{name} is {_form(state[name])} instead of {_form(tensor)}"
        for name, tensor in expected.items()
        if name in state and not _fits(state[name], tensor)
    ]
    faults = [
        f"{len(found)} {what}: {', '.join(found[:MOST_NAMED])}{', ...' if len(found) > MOST_NAMED else ''}"
        for found, what in ((missing, "missing"), (unexpected, "unexpected"), (misshaped, "mis-shaped"))
        if found
    ]
    if faults:
        raise LimnerError(
            "WEIGHTS_UNSUITABLE",
            f"The tensors of {path} are not those of the network that its config.yaml describes "
            f"({len(expected)} tensors): {'; '.join(faults)}.",
            f"Take config.yaml and checkpoint from the same folder of the published {OFFICIAL}.",
        )


def _fits(value: Any, expected: Tensor) -> bool:
    return (
        is_plain(value)
        and value.shape == expected.shape
        and value.is_floating_point() == expected.is_floating_point()
        and not value.is_complex()
    )


def _form(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    plain = "" if is_plain(value) or value.device.type == "meta" else " (not plain)"
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}{plain}"
