"""Stage 5: the audio-to-motion network against what the published one gave."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from backend.motion.audio_to_motion import AudioToMotion, AudioToMotionConfig
from backend.motion.pitch import coarse_pitch
from tests.parity.fixtures import Parity

STAGE = "s5_audio2secc"


@pytest.fixture(scope="module")
def network(parity: Parity) -> AudioToMotion:
    network = AudioToMotion(AudioToMotionConfig())
    network.load_state_dict(parity.parameters("audio2secc"), strict=True)
    return network.eval()


def test_the_table_of_pitches(parity: Parity) -> None:
    table = torch.from_numpy(parity.arrays(STAGE)["f0_table_hz"])
    parity.check(STAGE, "f0_table_coarse", coarse_pitch(table), 0)


@torch.inference_mode()
def test_every_array_of_the_stage(parity: Parity, network: AudioToMotion) -> None:
    stored = {name: torch.from_numpy(np.asarray(value)) for name, value in parity.arrays(STAGE).items()}
    assert bool((stored["y_mask"] == 1).all())  # nothing is masked: the network pads instead
    heard: dict[str, Tensor] = {}
    for name, module in (
        ("mel_encoder_out_BCT", network.mel_encoder),
        ("pitch_encoder_out_BCT", network.pitch_encoder),
        ("g_sqz_BCT", network.vae.g_pre_net),
        ("decoder_pre_net_BCT", network.vae.decoder.pre_net),
    ):
        module.register_forward_hook(lambda _module, _given, made, name=name: heard.__setitem__(name, made))

    speech = (parity.audio(), stored["f0"], stored["blink"][..., 0].long(), stored["mouth_amp"][:, 0])
    noise = stored["z"] * stored["temperature"]
    heard["exp_pred_BTC"] = network(*speech, noise)
    condition = network.condition(*speech)
    heard["cond_feat_BTC"] = condition.transpose(1, 2)
    heard["z_after_flow_BTC"] = network.vae.prior_flow.inverse(noise, network.vae.g_pre_net(condition)).transpose(1, 2)
    heard["f0_coarse_of_downsampled"] = coarse_pitch(stored["f0"][:, ::2])

    outputs = {name for name, entry in parity.index[STAGE].items() if entry["role"] == "output"}
    assert outputs == {*heard, "f0_table_coarse"}
    for name, made in heard.items():
        parity.check(STAGE, name, made)
