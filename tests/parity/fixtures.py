"""Fixtures of the published Real3D-Portrait networks: parameters by a rule, inputs, and what every stage gave.

The folder is ``LIMNER_PARITY`` (default ``../shared/parity/real3d``); its README.md states the rules written out here.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

FOLDER = Path(os.environ.get("LIMNER_PARITY") or Path(__file__).resolve().parents[3] / "shared" / "parity" / "real3d")
MODELS = ("secc2plane_torso", "audio2secc")


def _places(text: str) -> tuple[int | slice, ...]:
    """The index that a fixture was stored with, such as ``0,:,::4,3::16``."""
    if text == "full":
        return ()
    return tuple(
        slice(*(int(bound) if bound else None for bound in part.split(":"))) if ":" in part else int(part)
        for part in text.split(",")
    )


@dataclass(frozen=True)
class Parity:
    """A folder of fixtures."""

    folder: Path

    def _json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    @cached_property
    def salt(self) -> str:
        """What precedes every key before it is hashed."""
        return str(self._json("rule.json")["salt"])

    @cached_property
    def keys(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Model -> state-dict key -> shape, dtype, fill rule and check values."""
        return self._json("state_dict_keys.json")

    @cached_property
    def index(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Stage -> array -> role, full shape, stored part and statistics."""
        return self._json("fixture_index.json")

    @cached_property
    def hparams(self) -> dict[str, Any]:
        """The published configurations by model, and ``rendering_kwargs``."""
        return self._json("hparams.json")

    def random(self, name: str) -> np.random.Generator:
        """The generator that belongs to a parameter's or an input's name."""
        return np.random.Generator(np.random.PCG64(zlib.crc32((self.salt + name).encode())))

    def parameters(self, model: str, prefix: str = "") -> dict[str, Tensor]:
        """State dict of a model by the fill rule: the keys that start with a prefix, without it."""
        return {key[len(prefix) :]: value for key, value in self._filled(model, prefix)}

    def _filled(self, model: str, prefix: str) -> Iterator[tuple[str, Tensor]]:
        made: dict[str, NDArray] = {}
        for key, rule in self.keys[model].items():
            if key.startswith(prefix):
                made[key] = self._parameter(key, rule, made)
                yield key, torch.from_numpy(made[key])

    def _parameter(self, key: str, rule: Mapping[str, Any], made: Mapping[str, NDArray]) -> NDArray:
        shape, kind = tuple(rule["shape"]), rule["kind"]
        if kind == "keep":
            if key.endswith("num_batches_tracked"):
                return np.zeros(shape, np.int64)
            if key.endswith("resample_filter"):
                row = np.array([1.0, 3.0, 3.0, 1.0])
                return (np.outer(row, row) / np.outer(row, row).sum()).astype(np.float32)
            return np.full(shape, 0.001, np.float32)
        if kind == "sn_v":
            layer = key.removesuffix("weight_v")
            weight = made[layer + "weight_orig"].astype(np.float64)
            v = weight.reshape(len(weight), -1).T @ made[layer + "weight_u"].astype(np.float64)
            return (v / np.linalg.norm(v)).astype(np.float32)
        normal = self.random(key).standard_normal(shape)
        if kind == "sn_u":
            return (normal / np.linalg.norm(normal)).astype(np.float32)
        value = np.abs(normal) if kind == "abs" else normal
        return np.asarray(rule["offset"] + rule["scale"] * value, np.float64).astype(np.float32)

    def arrays(self, stage: str) -> dict[str, NDArray]:
        """Everything stored of a stage, such as ``s1_img2plane``."""
        with np.load(self.folder / f"{stage}.npz") as stored:
            return dict(stored)

    def image(self, name: str) -> Tensor:
        """[1, 3, 512, 512] an input picture, -1..1."""
        picture = self.arrays("inputs_images")[name].astype(np.float64)
        return torch.from_numpy(((picture - 127.5) / 127.5).astype(np.float32))[None]

    def segmap(self) -> Tensor:
        """[1, 6, 512, 512] one-hot: 0 background, 1 hair, 2 body skin, 3 face skin, 4 clothes, 5 others."""
        label = torch.from_numpy(self.arrays("inputs_images")["seg_label"].astype(np.int64))
        return torch.nn.functional.one_hot(label, 6).permute(2, 0, 1)[None].float()

    def planes(self) -> Tensor:
        """[1, 3, 32, 256, 256] the tri-planes of stage 3."""
        small = self.random("input/render/planes").standard_normal((1, 3, 32, 64, 64)) * 6
        return _enlarged(small, 4)

    def feature_image(self) -> Tensor:
        """[1, 32, 128, 128] the rendered features of stages 4a to 4c; the first three are the raw picture."""
        return _enlarged(self.random("input/sr/feature").standard_normal((1, 32, 32, 32)) * 0.5, 4)

    def weights_image(self) -> Tensor:
        """[1, 1, 128, 128] the head's opacity of stages 4a to 4c."""
        return _enlarged(self.random("input/sr/weights").random((1, 1, 16, 16)), 8)

    def audio(self) -> Tensor:
        """[1, 64, 1024] the audio features of stage 5."""
        return torch.from_numpy(
            (self.random("input/a2m/audio").standard_normal((1, 64, 1024)) * 0.3).astype(np.float32)
        )

    def check(self, stage: str, name: str, made: Tensor, gate: float = 2e-5) -> None:
        """Hold a tensor against what was published, over the part that is stored and the statistics of the whole.

        Args:
            stage: such as ``s1_img2plane``.
            name: of the array.
            made: the whole tensor.
            gate: largest absolute difference, times the published tensor's deviation where that is above 1.
        """
        entry, stored = self.index[stage][name], self.arrays(stage)
        assert list(made.shape) == entry["full_shape"], f"{stage} {name}: {list(made.shape)}"
        whole = made.detach().to(torch.float64).numpy()
        gate *= max(1.0, float(entry["std"]))
        _near(f"{stage} {name}", whole[_places(entry["stored"])], stored[name], gate)
        if f"{name}.chan_mean" in stored:
            axes = (-2, -1) if whole.ndim == 4 else tuple(range(2, whole.ndim))
            for statistic, value in (("mean", whole.mean(axis=axes)), ("std", whole.std(axis=axes))):
                expected = stored[f"{name}.chan_{statistic}"]
                _near(f"{stage} {name} {statistic}", value.reshape(expected.shape), expected, gate)


def _near(what: str, made: NDArray, expected: NDArray, gate: float) -> None:
    worst = float(np.abs(made - expected.astype(np.float64)).max())
    assert worst <= gate, f"{what}: differs by {worst:.2e}, at most {gate:.2e} is allowed"


def _enlarged(values: NDArray[np.float64], factor: int) -> Tensor:
    """Every element repeated on the last two axes."""
    return torch.from_numpy(values.repeat(factor, axis=-2).repeat(factor, axis=-1).astype(np.float32))


def parity_or_skip() -> Parity:
    """The fixtures; skips the test where they are absent."""
    if not (FOLDER / "rule.json").is_file():
        pytest.skip(f"no parity fixtures in {FOLDER} (set LIMNER_PARITY)")
    return Parity(FOLDER)
