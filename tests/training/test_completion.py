"""Learning to complete layers, on drawn views: the error falls, and augmentation keeps views and truths together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from backend.networks.layer_completion import CANONICAL, CHANNELS, HEAD, NORMAL, TRUST, LayerCompletionConfig
from backend.people.studio import studio_shot
from backend.training.augmentation import Chance
from backend.training.completion import CompletionTask, augmented, decibels, over, unpacked
from backend.training.completion_views import SIDE, SOURCE_SIDE, draw_moved, orbited, restored, stored
from backend.training.loop import Settings, train


def drawn(seed: int) -> np.ndarray:
    """Eight views of a disc whose right half the photograph did not show: it is as the left half, only darker."""
    random = np.random.default_rng(seed)
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    rows = []
    for _ in range(8):
        middle = random.uniform(0.45, 0.55)
        disc = np.hypot(x - middle, y - 0.5) < 0.3
        seen = disc & (x < middle)
        colour = random.uniform(0.5, 0.9, 3)
        view = np.zeros((CHANNELS, SIDE, SIDE), np.float32)
        view[HEAD] = np.concatenate([colour[:, None, None] * seen, seen[None]])
        view[TRUST] = seen
        view[CANONICAL.start], view[NORMAL.start] = (x - middle) * disc, (x - middle) * disc * 3
        shade = np.where(x < middle, 1.0, 0.5)
        truth = np.concatenate([colour[:, None, None] * disc * shade, disc[None]])
        own = torch.from_numpy(view)[:, ::2, ::2]
        assert own.shape[1] == SOURCE_SIDE
        parts = (stored(torch.from_numpy(view)), 255 * truth, stored(own), np.array([255]))
        rows.append(np.concatenate([part.reshape(-1) for part in parts]).astype(np.uint8))
    return np.stack(rows)


def test_a_few_steps_teach_it_drawn_halves(tmp_path: Path) -> None:
    settings = Settings(steps=30, batch=4, learning_rate=3e-2, interval=30)
    sizes = LayerCompletionConfig(widths=(16, 16, 24), depths=(0, 1, 1))
    task = CompletionTask(settings, tmp_path / "people", 4, sizes, drawn, held_out=1)
    fresh = task.measure(task.network(), torch.device("cpu"))
    assert fresh["gain"] == pytest.approx(0.0, abs=1e-6)
    outcome = train(task, settings, tmp_path, "cpu")
    learned = task.measure(outcome.network, torch.device("cpu"))
    assert learned["gain"] > 3 and learned["lifted"] == pytest.approx(fresh["score"])
    assert task.strip(outcome.network, torch.device("cpu")).shape == (4 * SIDE, SIDE, 3)


def test_stored_views_come_back() -> None:
    view = torch.rand(CHANNELS, 16, 16) * 2 - 1
    view[:10].clamp_(0, 1)
    back = restored(torch.from_numpy(stored(view))[None])[0]
    assert (back - view).abs().max() < 0.005
    assert not restored(torch.from_numpy(stored(torch.zeros(CHANNELS, 8, 8)))[None]).any(), "nothing stays nothing"


def test_augmentation_moves_views_and_truths_alike() -> None:
    moment = unpacked(torch.from_numpy(np.concatenate([drawn(seed) for seed in range(4)])))
    changed = augmented(moment, Chance(32, torch.device("cpu"), 1, 2, 3))
    again = augmented(moment, Chance(32, torch.device("cpu"), 1, 2, 3))
    assert torch.equal(changed.view, again.view) and torch.equal(changed.truth, again.truth)
    seen = changed.view[:, TRUST] > 0.9999
    assert (changed.view[:, HEAD] - changed.truth).abs()[:, :3].permute(0, 2, 3, 1)[seen].max() < 0.01
    left, mirrored = [], 0
    for view, source in zip(changed.view, changed.source, strict=True):
        # what lies to the left of the middle looks to the left, whichever way the picture is turned
        columns = torch.arange(view.shape[2]).float()
        inside = view[NORMAL.start].abs() > 0.05
        slope = torch.corrcoef(torch.stack([columns.expand_as(view[0])[inside], view[NORMAL.start][inside]]))[0, 1]
        left.append(float(slope))
        mirrored += int((view[TRUST] * (columns - columns[inside.any(dim=0)].mean())).sum() > 0)
        half = torch.nn.functional.avg_pool2d(view[None, HEAD], 2)[0]
        assert (half - source[HEAD]).abs().mean() < 0.02
    assert min(left) > 0.9 and 4 < mirrored < 28


def test_decibels_count_the_person_only() -> None:
    truth = torch.zeros(1, 4, 8, 8)
    truth[:, :, :4] = torch.tensor([0.5, 0.4, 0.3, 1.0]).view(1, 4, 1, 1)
    shown = truth.clone()
    shown[:, 3, 4:] = 1  # beside the person
    shown[:, :3, :4] += 0.1
    assert float(decibels(shown, truth)) == pytest.approx(20.0, abs=1e-3)
    assert torch.allclose(over(truth, 0.5)[0, :, 7, 7], torch.full((3,), 0.5))


def test_moments_stay_within_what_necks_do() -> None:
    source = studio_shot(64)
    turns = []
    for seed in range(60):
        shot, turn = draw_moved(source, np.random.default_rng(seed))
        turns.append(np.linalg.norm(shot.rotation))
        if turn is not None:
            assert not shot.rotation.any() and not np.allclose(turn, np.eye(3))
    assert 0.4 < max(turns) < 0.75 and min(turns) == 0


def test_an_orbiting_camera_keeps_its_aim() -> None:
    camera = studio_shot(64).camera
    centre = np.array([0.01, -0.02, 0.05])
    turn = Rotation.from_euler("xyz", [0.1, 0.5, -0.2]).as_matrix()
    there = orbited(camera, turn, centre)
    assert np.allclose(there.project(centre[None]), camera.project(centre[None]))
    assert np.allclose(there.world_to_camera[:3, :3], turn @ camera.world_to_camera[:3, :3])
