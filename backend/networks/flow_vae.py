"""Variational auto-encoder of a sequence whose prior is a normalising flow, both told a condition.

The flow is made of mean-only affine couplings (NICE, Dinh et al. 2014; conditioned as in VITS, Kim et al. 2021), the
posterior and the decoder of gated convolutions. The latent runs at a fraction of the sequence's rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .gated_convolution import GatedStack


@dataclass(frozen=True)
class FlowVaeConfig:
    """Sizes; the defaults are those of the published audio-to-motion network.

    Args:
        channels: of the sequence.
        condition: channels of the condition.
        latent: channels of the latent, even.
        stride: frames of the sequence for one of the latent, even.
        hidden: channels inside posterior and decoder.
        kernel: frames of their gated convolutions.
        posterior_layers: of them in the posterior.
        decoder_layers: of them in the decoder.
        couplings: in the flow.
        coupling_hidden: channels inside a coupling.
        coupling_kernel: frames of a coupling's gated convolutions.
        coupling_layers: of them in a coupling.
    """

    channels: int = 64
    condition: int = 128
    latent: int = 16
    stride: int = 4
    hidden: int = 256
    kernel: int = 5
    posterior_layers: int = 8
    decoder_layers: int = 4
    couplings: int = 4
    coupling_hidden: int = 64
    coupling_kernel: int = 3
    coupling_layers: int = 4

    @property
    def reach(self) -> int:
        """Frames of the condition to either side that a decoded frame can depend on, at most."""
        latents = self.couplings * self.coupling_layers * (self.coupling_kernel // 2)
        return self.decoder_layers * (self.kernel // 2) + self.stride * (latents + 2)


def _squeeze(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """A convolution that keeps one frame in ``stride`` and hears half a stride to either side."""
    return nn.Sequential(nn.Conv1d(inputs, outputs, 2 * stride, stride, padding=stride // 2))


class Coupling(nn.Module):
    """Adds to the second half of the channels a mean told by the first half and the condition."""

    def __init__(self, config: FlowVaeConfig) -> None:
        super().__init__()
        half = config.latent // 2
        self.pre = nn.Conv1d(half, config.coupling_hidden, 1)
        self.enc = GatedStack(
            config.coupling_hidden, config.condition, config.coupling_kernel, config.coupling_layers
        )  # fmt: skip
        self.post = nn.Conv1d(config.coupling_hidden, half, 1)

    def forward(self, x: Tensor, condition: Tensor, sign: int = 1) -> Tensor:
        """[B, latent, T], [B, condition, T] -> [B, latent, T]; ``sign`` -1 undoes 1."""
        told, moved = x.chunk(2, 1)
        mean = self.post(self.enc(self.pre(told), condition))
        return torch.cat([told, moved + sign * mean], 1)


class PriorFlow(nn.Module):
    """Couplings with the order of the channels turned round after each; volume-preserving."""

    def __init__(self, config: FlowVaeConfig) -> None:
        super().__init__()
        # the published list counts the turns between the couplings too
        self.flows = nn.ModuleList(
            Coupling(config) if place % 2 == 0 else nn.Identity() for place in range(2 * config.couplings)
        )

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        """[B, latent, T], [B, condition, T] -> [B, latent, T] what is standard normal under the prior."""
        for coupling in self.flows[::2]:
            latent = coupling(latent, condition).flip(1)
        return latent

    def inverse(self, noise: Tensor, condition: Tensor) -> Tensor:
        """[B, latent, T] standard normal, [B, condition, T] -> [B, latent, T] a latent."""
        for coupling in reversed(self.flows[::2]):
            noise = coupling(noise.flip(1), condition, -1)
        return noise


class Posterior(nn.Module):
    """A sequence to the Gaussian of its latent."""

    def __init__(self, config: FlowVaeConfig) -> None:
        super().__init__()
        self.pre_net = _squeeze(config.channels, config.hidden, config.stride)
        self.wn = GatedStack(config.hidden, config.condition, config.kernel, config.posterior_layers)
        self.out_proj = nn.Conv1d(config.hidden, 2 * config.latent, 1)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """[B, channels, T], [B, condition, T / stride] -> mean and log deviation, each [B, latent, T / stride]."""
        mean, log_deviation = self.out_proj(self.wn(self.pre_net(x), condition)).chunk(2, 1)
        return mean, log_deviation


class Decoder(nn.Module):
    """A latent to the sequence."""

    def __init__(self, config: FlowVaeConfig) -> None:
        super().__init__()
        self.pre_net = nn.Sequential(nn.ConvTranspose1d(config.latent, config.hidden, config.stride, config.stride))
        self.wn = GatedStack(config.hidden, config.condition, config.kernel, config.decoder_layers)
        self.out_proj = nn.Conv1d(config.hidden, config.channels, 1)

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        """[B, latent, T / stride], [B, condition, T] -> [B, channels, T]."""
        return self.out_proj(self.wn(self.pre_net(latent), condition))


class FlowVae(nn.Module):
    """The whole; T is a multiple of the stride everywhere."""

    def __init__(self, config: FlowVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.g_pre_net = _squeeze(config.condition, config.condition, config.stride)
        self.encoder = Posterior(config)
        self.prior_flow = PriorFlow(config)
        self.decoder = Decoder(config)

    def sample(self, noise: Tensor, condition: Tensor) -> Tensor:
        """[B, latent, T / stride] normal, [B, condition, T] -> [B, channels, T] a sequence of the learned kind."""
        return self.decoder(self.prior_flow.inverse(noise, self.g_pre_net(condition)), condition)

    def posterior(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """[B, channels, T], [B, condition, T] -> mean and log deviation, each [B, latent, T / stride]."""
        return self.encoder(x, self.g_pre_net(condition))

    def whitened(self, latent: Tensor, condition: Tensor) -> Tensor:
        """[B, latent, T / stride], [B, condition, T] -> the latent as the prior's flow sees it.

        The prior's log density of the latent is the standard normal's of this: the flow keeps volumes.
        """
        return self.prior_flow(latent, self.g_pre_net(condition))
