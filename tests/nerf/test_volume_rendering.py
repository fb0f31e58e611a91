"""Volume rendering against the integrals and loops that define it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.nerf.volume_rendering import composite, surface_opacity


def by_hand(opacity: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Weights of samples, ray by ray, front to back."""
    weights = np.zeros_like(opacity)
    for ray in range(len(opacity)):
        transmittance = 1.0
        for sample in sorted(range(opacity.shape[1]), key=lambda s: depth[ray, s]):
            weights[ray, sample] = transmittance * opacity[ray, sample]
            transmittance *= 1 - opacity[ray, sample]
    return weights


def rays(count: int = 200, samples: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random opacities and distinct depths, some samples missing."""
    random = np.random.default_rng(seed)
    opacity = random.uniform(0, 1, (count, samples))
    opacity[random.random((count, samples)) < 0.1] = 1.0
    depth = random.uniform(0.3, 2, (count, samples))
    missing = random.random((count, samples)) < 0.3
    opacity[missing], depth[missing] = 0.0, np.inf
    return torch.tensor(opacity), torch.tensor(depth)


def test_composite_is_the_loop_along_every_ray() -> None:
    opacity, depth = rays()
    np.testing.assert_allclose(composite(opacity, depth).numpy(), by_hand(opacity.numpy(), depth.numpy()), atol=1e-12)


def test_composite_does_not_care_for_the_order() -> None:
    opacity, depth = rays()
    shuffle = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    shuffled = composite(opacity[:, shuffle], depth[:, shuffle])
    torch.testing.assert_close(shuffled, composite(opacity, depth)[:, shuffle], rtol=0, atol=1e-14)


def test_weights_sum_to_what_is_not_let_through() -> None:
    opacity, depth = rays()
    weights = composite(opacity, depth)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(dim=1), 1 - torch.prod(1 - opacity, dim=1))


def test_an_opaque_sample_hides_what_is_behind_it_and_nothing_before_it() -> None:
    weights = composite(torch.tensor([[0.5, 1.0, 0.7]]), torch.tensor([[1.0, 2.0, 0.5]]))
    torch.testing.assert_close(weights, torch.tensor([[0.15, 0.15, 0.7]]))


@pytest.mark.parametrize("shape", [(0, 3), (4, 1), (1, 1)])
def test_few_rays_and_single_samples(shape: tuple[int, int]) -> None:
    opacity = torch.full(shape, 0.25)
    weights = composite(opacity, torch.ones(shape))
    assert weights.shape == shape and (weights[:, :1] == 0.25).all()


def test_samples_at_the_same_depth_share_one_order() -> None:
    opacity, depth = torch.tensor([[0.5, 0.5]]), torch.ones(1, 2)
    assert torch.equal(composite(opacity, depth), composite(opacity, depth))
    assert composite(opacity, depth).sum() == 0.75


def test_composite_has_gradients() -> None:
    opacity, depth = rays(5, 4, seed=1)
    opacity = opacity.clamp(0.05, 0.95).requires_grad_()
    depth = depth.nan_to_num(posinf=3.0)
    assert torch.autograd.gradcheck(lambda values: composite(values, depth), opacity)


@pytest.mark.parametrize("band", [3.0, 6.0, 12.0])
def test_surface_opacity_is_the_integral_of_the_logistic_density(band: float) -> None:
    """March through the band in many small steps: NeuS's density is -(d/dt S(d)) / S(d), S the logistic function."""
    for cosine in (0.02, 0.1, 0.3, 0.7, 1.0):
        steps = 20_000
        length = 2 * band  # a ray that stays so long in the band, whatever the angle; d runs from +b cos to -b cos
        t = (np.arange(steps) + 0.5) / steps * length
        distance = band * cosine - cosine * t
        logistic = 1 / (1 + np.exp(-distance))
        density = cosine * logistic * (1 - logistic) / logistic
        marched = 1 - np.exp(-(density * length / steps).sum())
        assert float(surface_opacity(torch.tensor(cosine), band)) == pytest.approx(marched, abs=2e-4)


def test_surface_opacity_fades_towards_the_outline() -> None:
    opacity = surface_opacity(torch.linspace(0, 1, 50))
    assert opacity[0] == 0 and opacity[-1] > 0.99 and opacity.max() < 1
    assert (opacity.diff() > 0).all()
    assert surface_opacity(torch.tensor(-0.3)) == 0  # seen from behind
    assert surface_opacity(torch.tensor(1.5)) == opacity[-1]
    assert (surface_opacity(torch.tensor(0.2), 12.0) > surface_opacity(torch.tensor(0.2), 6.0)).all()
