"""The flow undoes itself, the posterior trains, and a decoded frame depends on no more than is said."""

from __future__ import annotations

import math

import pytest
import torch

from backend.networks.flow_vae import FlowVae, FlowVaeConfig

SMALL = FlowVaeConfig(
    channels=6, condition=8, latent=4, hidden=16, posterior_layers=2, decoder_layers=2, couplings=2,
    coupling_hidden=8, coupling_layers=2,
)  # fmt: skip


@pytest.fixture
def vae() -> FlowVae:
    torch.manual_seed(0)
    return FlowVae(SMALL)


@torch.no_grad()
def test_the_flow_and_its_inverse_cancel_and_keep_volumes(vae: FlowVae) -> None:
    noise, condition = torch.randn(1, 4, 3, dtype=torch.float64), torch.randn(1, 8, 12, dtype=torch.float64)
    vae.double()
    told = vae.g_pre_net(condition)
    latent = vae.prior_flow.inverse(noise, told)
    assert (latent - noise).abs().max() > 0.01
    torch.testing.assert_close(vae.whitened(latent, condition), noise)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: vae.prior_flow(x.view(1, 4, 3), told).ravel(), noise.ravel()
    )
    assert math.isclose(abs(float(torch.linalg.det(jacobian))), 1.0, rel_tol=1e-9)


def test_training_reaches_every_parameter_and_learns(vae: FlowVae) -> None:
    torch.manual_seed(1)
    condition = torch.randn(4, 8, 16)
    x = torch.tanh(condition[:, :6].cumsum(2) / 2)
    optimiser = torch.optim.Adam(vae.parameters(), 8e-3)
    losses = []
    for _ in range(25):
        mean, log_deviation = vae.posterior(x, condition)
        latent = mean + torch.randn_like(mean) * log_deviation.exp()
        # the divergence from the prior, by one sample: log q(latent) - log p(latent), constants dropped
        divergence = (vae.whitened(latent, condition) ** 2 / 2 - log_deviation).mean()
        loss = ((vae.decoder(latent, condition) - x) ** 2).mean() + 0.02 * divergence
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    idle = [name for name, p in vae.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert not idle
    assert losses[-1] < 0.7 * losses[0]


@torch.no_grad()
def test_reach_bounds_what_a_frame_depends_on(vae: FlowVae) -> None:
    frames = 8 * SMALL.reach
    noise, condition = torch.randn(1, 4, frames // 4), torch.randn(1, 8, frames)
    changed = condition.clone()
    changed[..., frames // 2] += 1
    moved = (vae.sample(noise, changed) - vae.sample(noise, condition)).abs().amax((0, 1)).nonzero()[:, 0]
    assert moved.min() >= frames // 2 - SMALL.reach
    assert moved.max() <= frames // 2 + SMALL.reach
    assert moved.max() - moved.min() > SMALL.reach  # and is no idle number
