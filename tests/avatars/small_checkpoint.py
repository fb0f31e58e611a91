"""Official checkpoints with all the published names but small tensors, for tests in no time."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from backend.avatars.real3d import checkpoint, official_import
from shared.errors import LimnerError
from tests.parity.synthetic_checkpoint import OFFICIAL, write_model

_full_size = checkpoint.expected_tensors
_made: dict[str, dict[str, Tensor]] = {}

# what decides how the published networks are built, beside things that only training reads
PICTURE_CONFIG: dict[str, Any] = {
    "task_cls": "tasks.os_avatar.secc_img2plane_torso_task.SECC_Img2PlaneEG3D_TorsoTask",
    "img2plane_backbone_mode": "composite",
    "img2plane_backbone_scale": "standard",
    "triplane_feature_type": "triplane",
    "triplane_depth": 1,
    "triplane_hid_dim": 32,
    "secc_segformer_scale": "b0",
    "pncc_cond_mode": "cano_src_tgt",
    "phase1_plane_fusion_mode": "add",
    "neural_rendering_resolution": 128,
    "final_resolution": 512,
    "num_samples_coarse": 48,
    "num_samples_fine": 48,
    "box_warp": 1,
    "weight_fuse": True,
    "htbsr_head_weight_fuse_mode": "v2",
    "htbsr_head_threshold": 0.9,
    "torso_model_version": "v2",
    "torso_kp_num": 4,
    "torso_inp_mode": "rgb_alpha",
    "lr_g": 1e-05,
}
SPEECH_CONFIG: dict[str, Any] = {
    "task_cls": "tasks.os_avatar.audio2motion_task.Audio2MotionTask",
    "audio_type": "hubert",
    "motion_type": "exp",
    "blink_mode": "blink_unit",
    "use_pitch": True,
    "use_flow": True,
    "use_mouth_amp_embed": True,
    "use_eye_amp_embed": False,
}
CONFIGS = {"secc2plane_torso": PICTURE_CONFIG, "audio2secc": SPEECH_CONFIG}


def small_tensors(model: str, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """The published names; no side is longer than three."""
    kind = f"{model} {settings.get('triplane_depth')}"
    if kind not in _made:
        _made[kind] = {
            name: torch.empty([min(side, 3) for side in form.shape], dtype=form.dtype, device="meta")
            for name, form in _full_size(model, settings).items()
        }
    return dict(_made[kind])


def use_small_tensors(patch: pytest.MonkeyPatch) -> None:
    """From here on the networks are expected to be small."""
    for module in (checkpoint, official_import):
        patch.setattr(module, "expected_tensors", small_tensors)


def random_state(model: str, seed: int = 0, config: Mapping[str, Any] | None = None) -> dict[str, Tensor]:
    """Small contents for the names of a model, of ``CONFIGS`` if no other is given."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(form.shape, generator=generator)
        if form.is_floating_point()
        else torch.full(form.shape, 7, dtype=form.dtype)
        for name, form in small_tensors(model, config or CONFIGS[model]).items()
    }


@cache
def _written(models: tuple[str, ...], layout: tuple[tuple[str, bool], ...]) -> Path:
    """A folder to copy from; it goes when the tests end."""
    folder = tempfile.TemporaryDirectory(prefix="small-checkpoints-")
    atexit.register(folder.cleanup)
    for model in models:
        write_model(Path(folder.name), model, random_state(model), CONFIGS[model], **dict(layout))
    return Path(folder.name)


def write_small(folder: Path, models: tuple[str, ...] = tuple(OFFICIAL), **layout: bool) -> None:
    """Write small models, of :func:`random_state`, where the official ones would lie."""
    shutil.copytree(_written(models, tuple(layout.items())), folder, dirs_exist_ok=True)


def refusal(work: Callable[[], Any]) -> LimnerError:
    """What a piece of work is refused with, in words."""
    with pytest.raises(LimnerError) as refused:
        work()
    assert len(refused.value.cause) > 20 and len(refused.value.remedy) > 10
    return refused.value


def refused_import(root: Path) -> LimnerError:
    """The refusal of an import, which leaves nothing behind."""
    output = root.parent / "refused.safetensors"
    error = refusal(lambda: official_import.import_real3d(root, output))
    assert not [path for path in root.parent.iterdir() if "refused" in path.name]
    return error


def cut(path: Path) -> None:
    """Take the end of a file away."""
    path.write_bytes(path.read_bytes()[:-1000])


def cut_short(path: Path) -> None:
    """Leave little more than the beginning."""
    path.write_bytes(path.read_bytes()[:300])
