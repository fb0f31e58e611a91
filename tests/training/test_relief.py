"""Learning the relief of hair, on drawn heads: the error falls, and augmentation keeps pictures and depths together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.networks.face_parsing import FaceParsingConfig
from backend.networks.hair_relief import INPUTS, HairRelief
from backend.people.person import make_person
from backend.people.render import render
from backend.people.scene import Layer
from backend.people.shots import draw_shots
from backend.training.augmentation import Chance, misjudged_parts
from backend.training.loop import Settings, train
from backend.training.parsing_crops import BACKGROUND, FACE, HAIR
from backend.training.relief import ReliefTask, augmented, unpacked
from backend.training.relief_crops import (
    CHANNELS,
    DEEPEST,
    DEPTH,
    HEAD_DEPTH,
    HEAD_THERE,
    RGB,
    SHARES,
    SIDE,
    SPAN_UNIT,
    THERE,
    crop,
)  # fmt: skip

HEAD_AT, HAIR_AT = -0.1, -0.15  # depths of what is drawn


def drawn(seed: int) -> np.ndarray:
    """Four crops of a disc of a head; what is left and right of it is red hair, much nearer than the head."""
    random = np.random.default_rng(seed)
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    rows = []
    for _ in range(4):
        middle = random.uniform(0.45, 0.55)
        head = np.hypot(x - middle, y - 0.5) < 0.15
        hair = (np.hypot((x - middle) / 2, y - 0.5) < 0.15) & ~head
        maps = np.zeros((CHANNELS, SIDE, SIDE))
        maps[RGB] = 40
        maps[RGB, hair] = np.array([200, 30, 30])[:, None]
        maps[SHARES.start + HAIR], maps[SHARES.start + FACE] = 255 * hair, 255 * head
        maps[SHARES.start + BACKGROUND] = 255 * ~(hair | head)
        maps[HEAD_THERE], maps[THERE] = 255 * head, 255 * (head | hair)
        for place, depth in ((HEAD_DEPTH, HEAD_AT), (DEPTH, np.where(hair, HAIR_AT, HEAD_AT))):
            steps = np.broadcast_to(np.round((depth + DEEPEST) / (2 * DEEPEST) * 65535), (SIDE, SIDE))
            maps[place] = steps // 256, steps % 256
        rows.append(np.concatenate([maps.astype(np.uint8).reshape(-1), np.array([6000], np.uint16).view(np.uint8)]))
    return np.stack(rows)


def test_a_few_steps_teach_it_drawn_hair(tmp_path: Path) -> None:
    settings = Settings(steps=40, batch=4, learning_rate=1e-2, interval=40)
    sizes = FaceParsingConfig(INPUTS, 1, widths=(16, 16, 24), depths=(0, 1, 1), context=(), size=48)
    task = ReliefTask(settings, tmp_path / "people", 4, sizes, drawn, held_out=1)
    fresh = task.measure(task.network(), torch.device("cpu"))
    assert fresh["score"] == pytest.approx(0.0, abs=1e-6), "fresh weights tell what the head model alone does"
    assert fresh["trivial_mm"] == pytest.approx(1000 * (HEAD_AT - HAIR_AT) * 6000 * SPAN_UNIT, abs=2.0)
    outcome = train(task, settings, tmp_path, "cpu")
    learned = task.measure(outcome.network, torch.device("cpu"))
    assert learned["score"] > 0.6 and learned["error_mm"] < 0.4 * fresh["error_mm"]
    assert task.strip(outcome.network, torch.device("cpu")).shape == (5 * 48, 48, 3)


def test_a_fresh_network_continues_the_head() -> None:
    network = HairRelief(FaceParsingConfig(INPUTS, 1, size=48)).eval()
    heads = unpacked(torch.from_numpy(drawn(0)), 48)
    told = heads.told(network)
    assert (told - HEAD_AT).abs().max() < 1e-3


def test_augmentation_moves_pictures_and_depths_alike() -> None:
    heads = unpacked(torch.from_numpy(np.concatenate([drawn(seed) for seed in range(4)])), SIDE)
    device = torch.device("cpu")
    changed = augmented(heads, 96, Chance(16, device, 1, 2, 3))
    again = augmented(heads, 96, Chance(16, device, 1, 2, 3))
    assert torch.equal(changed.rgb, again.rgb) and torch.equal(changed.depth, again.depth)
    larger = []
    for index in range(16):
        hair = (changed.hair[index] > 0.99) & (changed.weight[index] > 0.5)
        depths = changed.depth[index][hair]
        assert depths.std() < 1e-3 and (depths.mean() / HAIR_AT - 1).abs() < 0.6
        # what appears larger is as much deeper
        area = float((changed.hair[index] > 0.5).sum() / (heads.hair[index] > 0.5).sum()) * 4
        larger.append((np.sqrt(area), float(depths.mean()) / HAIR_AT))
    assert np.corrcoef(np.array(larger).T)[0, 1] > 0.95


def test_misjudged_parts_are_still_shares() -> None:
    shares = unpacked(torch.from_numpy(drawn(0)), SIDE).shares
    told = misjudged_parts(shares, Chance(4, torch.device("cpu"), 5))
    assert torch.allclose(told.sum(dim=1), torch.ones(4, SIDE, SIDE), atol=1e-5) and told.min() >= 0
    assert ((told.argmax(dim=1) == shares.argmax(dim=1)).float().mean()) > 0.85


def test_crops_tell_the_distance_of_hair() -> None:
    """Against the picture itself: the median of hair, from the head's origin, in metres."""
    person = make_person(1_000_005)  # long hair
    shot = draw_shots(person, person.seed, 1, 128, same_light=False)[0]
    picture = render(person, shot)
    heads = unpacked(torch.from_numpy(crop(picture)[None]), SIDE)
    origin = (shot.camera.world_to_camera[:3, :3] @ shot.location + shot.camera.world_to_camera[:3, 3])[2]
    expected = np.median(picture.depth[picture.masks[Layer.HAIR] > 250]) - origin
    hair = (heads.hair > 0.98) & (heads.weight > 0.5)
    assert float(heads.depth[hair].median() * heads.span[0]) == pytest.approx(expected, abs=0.012)
    face = (heads.shares[:, FACE : FACE + 1] > 0.98) & (heads.head_there > 0)
    assert float((heads.depth - heads.head)[face].abs().median() * heads.span[0]) < 0.004, "the head model fits"
