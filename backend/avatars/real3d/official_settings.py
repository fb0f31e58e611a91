"""The published configuration's values that decide what the networks compute, and which of them are supported.

Names, defaults and meanings are those of the published ``config.yaml``; values that only training reads are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import LimnerError

from .official_files import OFFICIAL

REQUIRED = object()


@dataclass(frozen=True)
class Setting:
    """One value of a configuration.

    Args:
        supported: the values that are, or says of a value whether it is.
        default: what the published code takes where the configuration is silent.
        words: the supported values for people, where ``supported`` is a function.
    """

    supported: tuple[Any, ...] | Callable[[Any], bool]
    default: Any = REQUIRED
    words: str = ""

    def supports(self, value: Any) -> bool:
        """Whether the networks here can be built with it."""
        if callable(self.supported):
            return self.supported(value)
        return any(type(value) is type(known) and value == known for known in self.supported)

    def __str__(self) -> str:
        return self.words or " or ".join(map(str, self.supported if isinstance(self.supported, tuple) else ()))


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _count(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


PICTURE = {
    "img2plane_backbone_mode": Setting(("composite",)),
    "img2plane_backbone_scale": Setting(("standard",)),
    "img2plane_input_mode": Setting(("rgb",), "rgb"),
    "triplane_feature_type": Setting(("triplane", "trigrid_v2"), "triplane"),
    "triplane_depth": Setting((1, 3), 1),
    "triplane_hid_dim": Setting((32,), 32),
    "secc_segformer_scale": Setting(("b0",)),
    "pncc_cond_mode": Setting(("cano_src_tgt",)),
    "phase1_plane_fusion_mode": Setting(("add",), "add"),
    "neural_rendering_resolution": Setting((128,), 128),
    "final_resolution": Setting((512,)),
    "num_samples_coarse": Setting(_count(4, 1024), words="4 to 1024"),
    "num_samples_fine": Setting(_count(1, 1024), words="1 to 1024"),
    "box_warp": Setting(_number(0.01, 100), 1.0, "a positive number"),
    "mask_invalid_rays": Setting((False,), False),
    "large_sr": Setting((False,), False),
    "weight_fuse": Setting((True,), True),
    "htbsr_head_weight_fuse_mode": Setting(("v2",)),
    "htbsr_head_threshold": Setting(_number(0, 1), words="0 to 1"),
    "torso_model_version": Setting(("v2",), "v1"),
    "torso_kp_num": Setting((4,)),
    "torso_inp_mode": Setting(("rgb_alpha",), "rgb"),
    "mul_torso_mask": Setting((True,), True),
    "torso_mask_dilate_ksize": Setting((7,), 7),
}
SPEECH = {
    "audio_type": Setting(("hubert",)),
    "motion_type": Setting(("exp",), "exp"),
    "blink_mode": Setting(("blink_unit",), "none"),
    "use_pitch": Setting((True,), False),
    "use_flow": Setting((True,), True),
    "use_mouth_amp_embed": Setting((True,), False),
    "use_eye_amp_embed": Setting((False,), False),
}
DEPTHS = {"triplane": 1, "trigrid_v2": 3}


def settings_of(config: Mapping[str, Any], known: Mapping[str, Setting], source: Path) -> dict[str, Any]:
    """The values that matter, with the published defaults where the configuration is silent.

    Args:
        config: all of a ``config.yaml``.
        known: ``PICTURE`` or ``SPEECH``.
        source: the file, for the error.

    Raises:
        LimnerError: ``WEIGHTS_UNSUITABLE``, naming every value that is missing or not supported.
    """
    values = {name: config.get(name, setting.default) for name, setting in known.items()}
    faults = [f"{name} is missing" for name, value in values.items() if value is REQUIRED]
    faults += [
        f"{name} is {value!r} where {setting} is supported"
        for name, setting in known.items()
        if (value := values[name]) is not REQUIRED and not setting.supports(value)
    ]
    kind = values.get("triplane_feature_type")
    if not faults and kind in DEPTHS and values["triplane_depth"] != DEPTHS[kind]:
        faults.append(f"triplane_depth is {values['triplane_depth']} where {kind} has {DEPTHS[kind]}")
    if faults:
        raise LimnerError(
            "WEIGHTS_UNSUITABLE",
            f"{source} describes a network that Limner cannot build: {'; '.join(faults)}.",
            f"Use the published checkpoint {OFFICIAL}, or one trained with these values.",
        )
    return values
