"""A checkpoint in the layout of the official ones, its parameters made by the fixtures' rule: nobody's trained weights.

By hand, from the checkout's root: ``python -m tests.parity.synthetic_checkpoint FOLDER`` writes
``FOLDER/secc2plane_torso_orig`` and ``FOLDER/audio2secc_vae``, 640 MB, ready for ``limner import-real3d FOLDER``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from .fixtures import FOLDER, Parity

# the fixtures' model -> its folder, steps of training, and the bases that its configuration names
OFFICIAL = {
    "secc2plane_torso": ("secc2plane_torso_orig", 100_000, ["./secc_img2plane_orig.yaml"]),
    "audio2secc": ("audio2secc_vae", 400_000, ["egs/egs_bases/audio2motion/vae.yaml"]),
}


def checkpoint(state: Mapping[str, Tensor], step: int, flat: bool = False, compiled: bool = False) -> dict[str, Any]:
    """What the published trainer saves around a model's parameters.

    Args:
        state: the parameters by their names in the network.
        step: of training.
        flat: the names with ``model.`` before them, rather than a dictionary in ``model``.
        compiled: names as torch.compile changes them.
    """
    if compiled:
        state = {f"_orig_mod.{name}": value for name, value in state.items()}
    disc = {"b512.conv0.weight": torch.zeros(4, 4, 3, 3)}
    nested: dict[str, Any] = {"model": dict(state), "disc": disc}
    joined = {f"{part}.{name}": value for part, values in nested.items() for name, value in values.items()}
    moments = {"step": torch.tensor(float(step)), "exp_avg": torch.zeros(8), "exp_avg_sq": torch.zeros(8)}
    return {
        "epoch": 3,
        "global_step": step,
        "checkpoint_callback_best": np.float64(0.25),
        "optimizer_states": [{"state": {0: moments}, "param_groups": [{"lr": 1e-5, "params": [0]}]}],
        "state_dict": joined if flat else nested,
    }


def write_model(
    folder: Path,
    model: str,
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    archive: bool = False,
    **layout: bool,
) -> Path:
    """Write one model as the official ones lie.

    Args:
        folder: that holds the models.
        model: a key of ``OFFICIAL``.
        state: its parameters.
        config: its hyper-parameters.
        archive: torch's zip format; the published trainer saves in the one before it.
        **layout: of :func:`checkpoint`.

    Returns:
        The checkpoint's file.
    """
    name, step, bases = OFFICIAL[model]
    path = folder / name / f"model_ckpt_steps_{step}.ckpt"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {**config, "base_config": bases}
    (path.parent / "config.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    torch.save(checkpoint(state, step, **layout), path, _use_new_zipfile_serialization=archive)
    return path


def write_synthetic(folder: Path, parity: Parity, archive: bool = False, **layout: bool) -> None:
    """Write both models at their full sizes; see :func:`write_model`."""
    for model in OFFICIAL:
        write_model(folder, model, parity.parameters(model), parity.hparams[model], archive, **layout)


def main() -> None:
    """Write the checkpoints that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity.synthetic_checkpoint", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--archive", action="store_true", help="torch's zip format instead of the one before it")
    parser.add_argument("--flat", action="store_true", help="names with model. before them")
    parser.add_argument("--compiled", action="store_true", help="names as torch.compile changes them")
    options = parser.parse_args()
    if not (FOLDER / "rule.json").is_file():
        sys.exit(f"no parity fixtures in {FOLDER}: set LIMNER_PARITY")
    write_synthetic(options.folder, Parity(FOLDER), options.archive, flat=options.flat, compiled=options.compiled)


if __name__ == "__main__":
    main()
