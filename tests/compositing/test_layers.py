"""Layers against a pixel-by-pixel reckoning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.compositing.layers import Layers, Samples, cover, merge, merge_apart, over, to_bytes

PIXELS = 50


def surface(seed: int, covered: int = 30) -> Samples:
    """A surface over some of the pixels, in no order."""
    random = np.random.default_rng(seed)
    return Samples(
        torch.tensor(random.permutation(PIXELS)[:covered]),
        torch.tensor(random.uniform(0.5, 2, covered), dtype=torch.float32),
        torch.tensor(random.uniform(0, 1, (covered, 3)), dtype=torch.float32),
        torch.tensor(random.uniform(0, 1, covered), dtype=torch.float32),
    )


def by_hand(surfaces: list[Samples], pixel: int) -> tuple[np.ndarray, float, float]:
    """Premultiplied colour, alpha and mean depth of one pixel."""
    samples = []
    for one in surfaces:
        for index in np.flatnonzero(one.pixel.numpy() == pixel):
            samples.append((float(one.depth[index]), one.colour[index].numpy(), float(one.opacity[index])))
    rgb, alpha, depth, through = np.zeros(3), 0.0, 0.0, 1.0
    for distance, colour, opacity in sorted(samples, key=lambda sample: sample[0]):
        weight = through * opacity
        rgb, alpha, depth = rgb + weight * colour, alpha + weight, depth + weight * distance
        through *= 1 - opacity
    return rgb, alpha, depth / alpha if alpha >= 0.5 else np.inf


def test_merge_is_the_reckoning_of_every_pixel() -> None:
    surfaces = [surface(0), surface(1, 10), surface(2), surface(3, 1)]
    layers = merge(surfaces, PIXELS)
    for pixel in range(PIXELS):
        rgb, alpha, depth = by_hand(surfaces, pixel)
        np.testing.assert_allclose(layers.rgb[pixel], rgb, atol=1e-5)
        assert float(layers.alpha[pixel]) == pytest.approx(alpha, abs=1e-5)
        assert float(layers.depth[pixel]) == pytest.approx(depth, rel=1e-4)


def test_parts_hide_each_other_and_add_up_to_the_whole() -> None:
    parts = [[surface(0), surface(1, 10)], [surface(2), surface(3, 1)]]
    whole, *layers = merge_apart(parts, PIXELS)
    assert torch.equal(whole.rgb, merge(parts[0] + parts[1], PIXELS).rgb) and len(layers) == 2
    for part, layer in zip(parts, layers, strict=True):
        # what is black hides without being seen itself
        others = [replace(each, colour=0 * each.colour) for other in parts if other is not part for each in other]
        torch.testing.assert_close(layer.rgb, merge(part + others, PIXELS).rgb)
        white = [replace(each, colour=torch.ones_like(each.colour)) for each in part]
        torch.testing.assert_close(layer.alpha, merge(white + others, PIXELS).rgb[:, 0])
    torch.testing.assert_close(layers[0].rgb + layers[1].rgb, whole.rgb)
    torch.testing.assert_close(layers[0].alpha + layers[1].alpha, whole.alpha)


def test_the_order_of_surfaces_does_not_matter() -> None:
    surfaces = [surface(seed) for seed in range(4)]
    forwards, backwards = merge(surfaces, PIXELS), merge(surfaces[::-1], PIXELS)
    for name in ("rgb", "alpha", "depth"):
        torch.testing.assert_close(getattr(forwards, name), getattr(backwards, name))


def test_nothing_to_see_is_an_empty_picture() -> None:
    empty = surface(0, 0)
    layers = merge([empty, empty], PIXELS)
    assert not layers.alpha.any() and not layers.rgb.any() and torch.isinf(layers.depth).all()
    assert not to_bytes(over(layers, None), 5, 10).any()


def test_the_nearer_of_two_opaque_surfaces_is_seen() -> None:
    pixel, opaque = torch.tensor([7]), torch.ones(1)
    near = Samples(pixel, torch.tensor([1.0]), torch.tensor([[1.0, 0, 0]]), opaque)
    far = Samples(pixel, torch.tensor([1.001]), torch.tensor([[0.0, 1, 0]]), opaque)
    layers = merge([far, near], PIXELS)
    assert layers.rgb[7].tolist() == [1, 0, 0] and float(layers.depth[7]) == 1.0


def test_over_a_backdrop_is_opaque_and_mixes_by_alpha() -> None:
    person = Layers(torch.tensor([[0.2, 0.1, 0.0]]), torch.tensor([0.4]), torch.tensor([1.0]))
    rgba = over(person, torch.tensor([[0.5, 0.5, 1.0]]))
    torch.testing.assert_close(rgba, torch.tensor([[0.5, 0.4, 0.6, 1.0]]))


def test_alone_it_has_straight_alpha() -> None:
    person = Layers(torch.tensor([[0.2, 0.1, 0.0]]), torch.tensor([0.4]), torch.tensor([1.0]))
    torch.testing.assert_close(over(person, None), torch.tensor([[0.5, 0.25, 0.0, 0.4]]))


def test_straight_alpha_over_a_backdrop_is_the_same_as_at_once() -> None:
    layers = merge([surface(0), surface(1)], PIXELS)
    backdrop = torch.rand(PIXELS, 3, generator=torch.Generator().manual_seed(0))
    alone = over(layers, None)
    later = alone[:, :3] * alone[:, 3:] + backdrop * (1 - alone[:, 3:])
    torch.testing.assert_close(later, over(layers, backdrop)[:, :3], rtol=0, atol=1e-3)


def test_bytes_are_rounded_and_rows_kept() -> None:
    values = torch.tensor([[-0.2], [0.0], [0.5 / 255 + 1e-4], [0.4999 / 255], [1.0], [1.7]])
    assert to_bytes(values, 2, 3)[..., 0].tolist() == [[0, 0, 1], [0, 255, 255]]
    every = torch.arange(256)[:, None] / 255
    assert to_bytes(every, 16, 16).ravel().tolist() == list(range(256))


@pytest.mark.parametrize(
    ("source", "target"), [((40, 60), (30, 30)), ((60, 40), (31, 90)), ((8, 8), (64, 20)), ((33, 77), (33, 77)),
                           ((1, 1), (4, 6)), ((500, 3), (10, 10))]
)  # fmt: skip
def test_cover_fills_any_size(source: tuple[int, int], target: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*source, 3), dtype=np.uint8)
    covered = cover(picture, *target)
    assert covered.shape == (*target, 3) and covered.dtype == np.uint8
    if source == target:
        assert np.array_equal(covered, picture)


def test_cover_keeps_the_aspect_and_the_middle() -> None:
    y, x = np.mgrid[:200, :300]
    disc = np.where((x - 150) ** 2 + (y - 100) ** 2 < 60**2, 255, 0).astype(np.uint8)
    covered = cover(np.stack([disc] * 3, axis=2), 100, 80)[..., 0] > 127
    rows, columns = np.nonzero(covered)
    assert rows.mean() == pytest.approx(49.5, abs=0.6) and columns.mean() == pytest.approx(39.5, abs=0.6)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1) and np.ptp(rows) == pytest.approx(59, abs=2)
