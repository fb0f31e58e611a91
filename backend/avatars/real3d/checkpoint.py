"""The file that the official Real3D-Portrait checkpoints are imported into, and how the networks get it.

The file is safetensors: the networks' tensors by their published names, ``network.`` before those of the network that
makes pictures and ``audio_to_motion.`` before those of speech. The metadata holds the version of this form, the values
of the published configurations that matter, and the names and SHA-256 of the files that it came from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from backend.avatars.real3d.network import Real3DConfig, Real3DNetwork
from backend.compositing.super_resolution import SuperResolutionConfig
from backend.motion.audio_to_motion import AudioToMotion, AudioToMotionConfig
from backend.nerf.ray_marching import RayMarching
from backend.networks.image_to_plane import ImageToPlaneConfig
from backend.networks.motion_adapter import MotionAdapterConfig
from backend.networks.plane_to_grid import PlaneToGridConfig
from backend.networks.skeleton import skeleton
from shared.errors import LimnerError

from . import official_settings
from .state_keys import PICTURE, SPEECH
from .tensor_file import MappedTensors, map_tensors

FORMAT = "limner-real3d"
FORMAT_VERSION = 1
PREFIXES = {PICTURE: "network.", SPEECH: "audio_to_motion."}
SETTINGS = {PICTURE: official_settings.PICTURE, SPEECH: official_settings.SPEECH}


@dataclass(frozen=True)
class Source:
    """A file that was imported.

    Args:
        name: the model's folder and the file's name.
        sha256: of its bytes, hexadecimal.
    """

    name: str
    sha256: str


@dataclass(frozen=True, eq=False)
class Real3DWeights:
    """What the networks of Real3D-Portrait are loaded with.

    Args:
        config: of the network that makes pictures.
        network: its state dict.
        speech_config: of audio-to-motion; ``None`` where the file holds none.
        speech: its state dict, or nothing.
        sources: what it was imported from.
        mapped: the file, where the tensors lie.
    """

    config: Real3DConfig
    network: dict[str, Tensor]
    speech_config: AudioToMotionConfig | None
    speech: dict[str, Tensor]
    sources: tuple[Source, ...]
    mapped: MappedTensors


def picture_config(settings: Mapping[str, Any]) -> Real3DConfig:
    """Sizes of the network that makes pictures, from the values of ``official_settings.PICTURE``."""
    depth = settings["triplane_depth"]
    return Real3DConfig(
        image_to_plane=ImageToPlaneConfig(depth=depth),
        motion_adapter=MotionAdapterConfig(depth=depth),
        plane_to_grid=PlaneToGridConfig(depth=depth) if settings["triplane_feature_type"] == "trigrid_v2" else None,
        marching=RayMarching(
            coarse_samples=settings["num_samples_coarse"],
            fine_samples=settings["num_samples_fine"],
            box_size=float(settings["box_warp"]),
        ),
        super_resolution=SuperResolutionConfig(threshold=float(settings["htbsr_head_threshold"])),
    )


def expected_tensors(model: str, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a network by their published names, with shapes and types but no contents."""
    with skeleton():
        network = Real3DNetwork(picture_config(settings)) if model == PICTURE else AudioToMotion(AudioToMotionConfig())
    return network.state_dict()


def load_real3d(path: Path) -> Real3DWeights:
    """Map an imported file into memory: its tensors take memory as they are used.

    Args:
        path: what ``limner import-real3d`` wrote.

    Raises:
        LimnerError: ``FILE_NOT_FOUND``, ``WEIGHTS_UNREADABLE``, ``WEIGHTS_TOO_NEW``.
    """
    remedy = "Import the official checkpoints again: limner import-real3d."
    if not path.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", remedy)
    try:
        mapped = map_tensors(path)
        metadata = mapped.metadata
        if metadata.get("format") != FORMAT:
            raise LimnerError("WEIGHTS_UNREADABLE", f"{path} was not written by limner import-real3d.", remedy)
        if int(metadata["format_version"]) > FORMAT_VERSION:
            raise LimnerError("WEIGHTS_TOO_NEW", f"{path} was written by a newer Limner.", "Update Limner.")
        settings = {
            name: official_settings.settings_of(values, SETTINGS[name], path)
            for name, values in json.loads(metadata["settings"]).items()
        }
        states = {name: _state(mapped.tensors, name, values) for name, values in settings.items()}
        sources = tuple(Source(**source) for source in json.loads(metadata["sources"]))
        config = picture_config(settings[PICTURE])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise LimnerError("WEIGHTS_UNREADABLE", f"{path} is not whole ({error}).", remedy) from error
    speech_config = AudioToMotionConfig() if SPEECH in states else None
    return Real3DWeights(config, states[PICTURE], speech_config, states.get(SPEECH, {}), sources, mapped)


def _state(tensors: Mapping[str, Tensor], model: str, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    state = {}
    for name, form in expected_tensors(model, settings).items():
        state[name] = tensor = tensors[PREFIXES[model] + name]
        if tensor.shape != form.shape or tensor.dtype != form.dtype:
            raise ValueError(f"{name} has another form")
    return state
