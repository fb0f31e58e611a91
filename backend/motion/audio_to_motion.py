"""Speech features to expression coefficients: the published audio-to-motion network.

Audio features (HuBERT's), pitch and blinks at 50 frames a second condition a flow-VAE of the coefficients at 25. Facts:
``shared/reference/seed_systems.md`` section 1.9; attribute names follow the published state dict.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from backend.networks.flow_vae import FlowVae, FlowVaeConfig

from .pitch import coarse_pitch

AUDIO_PER_MOTION = 2  # audio frames for one of motion


@dataclass(frozen=True)
class AudioToMotionConfig:
    """Sizes; the defaults are the published ones.

    Args:
        audio: channels of the audio features.
        pitches: rows of the table of pitches; more than there are coarse pitches.
        vae: of the coefficients; its ``condition`` is the width of every encoder here.
    """

    audio: int = 1024
    pitches: int = 300
    vae: FlowVaeConfig = field(default_factory=FlowVaeConfig)

    @property
    def multiple(self) -> int:
        """What the number of audio frames is a multiple of."""
        return AUDIO_PER_MOTION * self.vae.stride

    @property
    def reach(self) -> int:
        """Audio frames to either side that a motion frame can depend on, a multiple of ``multiple``."""
        frames = AUDIO_PER_MOTION * (self.vae.reach + 2)  # two convolutions of three frames before the VAE
        return -(-frames // self.multiple) * self.multiple


def _encoder(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, width, 3, padding=1, bias=False),
        nn.BatchNorm1d(width),
        nn.GELU(),
        nn.Conv1d(width, width, 3, padding=1, bias=False),
    )


class AudioToMotion(nn.Module):
    """The network; in ``vae`` are the posterior and the prior that training needs."""

    def __init__(self, config: AudioToMotionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.vae.condition
        self.mel_encoder = _encoder(config.audio, width)
        self.pitch_embed = nn.Embedding(config.pitches, width)
        self.pitch_encoder = _encoder(width, width)
        self.blink_embed = nn.Embedding(2, width)
        self.mouth_amp_embed = nn.Parameter(torch.randn(width))
        self.cond_proj = nn.Linear(4 * width, width)
        self.vae = FlowVae(config.vae)

    def condition(self, audio: Tensor, pitch: Tensor, blink: Tensor, mouth_amplitude: Tensor) -> Tensor:
        """What the VAE is told of the speech.

        Args:
            audio: [B, 2 T, audio] features; T a multiple of the VAE's stride.
            pitch: [B, 2 T] Hz, 0 where nothing is voiced.
            blink: [B, 2 T] int64, 1 while the eyes close and open.
            mouth_amplitude: [B] how far the mouth moves; 0.45 is natural.

        Returns:
            [B, condition, T].
        """
        # every other frame, before anything looks at neighbours, is the published order
        audio, pitch, blink = (x[:, ::AUDIO_PER_MOTION] for x in (audio, pitch, blink))
        heard = self.mel_encoder(audio.transpose(1, 2)).transpose(1, 2)
        tone = self.pitch_encoder(self.pitch_embed(coarse_pitch(pitch)).transpose(1, 2)).transpose(1, 2)
        mouth = (mouth_amplitude[:, None] * self.mouth_amp_embed)[:, None].expand_as(heard)
        return self.cond_proj(torch.cat([heard, tone, self.blink_embed(blink), mouth], 2)).transpose(1, 2)

    def forward(self, audio: Tensor, pitch: Tensor, blink: Tensor, mouth_amplitude: Tensor, noise: Tensor) -> Tensor:
        """[B, T, channels] coefficients at 25 frames a second.

        Args:
            audio: as of :meth:`condition`, as the three that follow.
            pitch: Hz.
            blink: 0 or 1.
            mouth_amplitude: of each in the batch.
            noise: [B, latent, T / stride] standard normal times the temperature (0.2 is natural).
        """
        return self.vae.sample(noise, self.condition(audio, pitch, blink, mouth_amplitude)).transpose(1, 2)
