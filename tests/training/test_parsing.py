"""Learning to parse faces, on drawn heads: the loss falls, hints and shares stay together, measures count right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from backend.networks.face_parsing import FaceParsingConfig
from backend.training.augmentation import Chance
from backend.training.loop import Settings, train
from backend.training.parsing import ParsingTask, augmented, unchanged
from backend.training.parsing_crops import CHANNELS, FACE_MAP, PERSON, RGB, SHARES

SIDE = 64


def drawn(seed: int) -> np.ndarray:
    """Four pictures of a disc of a face on a block of clothes below a cap of hair, each in its own colour."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    crops = np.zeros((4, CHANNELS, SIDE, SIDE), np.uint8)
    for crop in crops:
        part = np.zeros((SIDE, SIDE), int)
        part[y > 0.7] = 4
        part[(np.hypot(x - 0.5, y - 0.45) < 0.25)] = 1
        part[(np.hypot(x - 0.5, y - 0.52) < 0.2)] = 2
        part[(abs(x - 0.5) < 0.08) & (y > 0.7) & (y < 0.8)] = 3
        colours = np.array([[90, 120, 90], [50, 30, 20], [220, 180, 150], [200, 160, 140], [30, 60, 160]])
        crop[RGB] = (colours[part] + random.normal(0, 8, (SIDE, SIDE, 3))).clip(0, 255).transpose(2, 0, 1)
        crop[SHARES] = 255 * (part == np.arange(5)[:, None, None])
        crop[PERSON] = 255 * (part > 0)
        crop[FACE_MAP] = (255 * np.clip(0.8 - 2 * np.hypot(x - 0.5, y - 0.5), 0, 1)).astype(np.uint8)
    return crops


def batch(count: int = 16) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([drawn(seed) for seed in range(count // 4)]))


def test_a_few_steps_teach_it_drawn_heads(tmp_path: Path) -> None:
    settings = Settings(steps=40, batch=8, learning_rate=2e-2, interval=40)
    sizes = FaceParsingConfig(widths=(8, 16), depths=(0, 1), context=(2,), size=32)
    task = ParsingTask(settings, tmp_path / "people", 8, sizes, drawn, held_out=2)
    before = task.measure(task.network(), torch.device("cpu"))["score"]
    outcome = train(task, settings, tmp_path, "cpu")
    measures = task.measure(outcome.network, torch.device("cpu"))
    assert measures["score"] > before + 0.15 and measures["iou_background"] > 0.5
    assert {f"iou_{name}" for name in ("background", "hair", "face", "neck", "clothes")} < set(measures)
    height, width, _ = task.strip(outcome.network, torch.device("cpu")).shape
    assert (height, width) == (3 * 32, 2 * 32)


def test_augmentation_repeats_and_keeps_shares() -> None:
    crops = batch()
    chance = [Chance(len(crops), crops.device, 1, 2, 3) for _ in range(2)]
    (picture, shares), (again, _) = (augmented(crops, 48, each) for each in chance)
    assert torch.equal(picture, again)
    other, _ = augmented(crops, 48, Chance(len(crops), crops.device, 1, 2, 4))
    assert not torch.equal(picture, other)
    assert picture.shape == (16, 6, 48, 48) and picture.min() >= -1 and picture.max() <= 1
    total = shares.sum(dim=1)
    assert total.max() < 1.01 and (total > 0.99).float().mean() > 0.6
    seen = picture[:, 5] > 0
    assert bool((picture[:, :3][~seen.unsqueeze(1).expand(-1, 3, -1, -1)] == -1).all())
    # the hint still lies on the face
    face = (picture[:, 3 + 1] * (shares[:, 2] > 0.9)).sum() / (shares[:, 2] > 0.9).sum()
    assert face > picture[:, 4][shares[:, 0] > 0.9].mean() + 0.4


def test_pictures_in_use_are_not_changed() -> None:
    crops = batch(4)
    picture, shares = unchanged(crops, SIDE)
    assert torch.allclose((picture[:, :3] + 1) / 2, crops[:, RGB].float() / 255, atol=1e-5)
    assert torch.allclose(shares, crops[:, SHARES].float() / 255, atol=1e-5)


def test_heads_of_people_are_cropped_with_their_truth() -> None:
    from backend.training.parsing_crops import CROP_SIDE, person_crops

    crops = person_crops(1_000_003)
    assert crops.shape == (4, CHANNELS, CROP_SIDE, CROP_SIDE)
    total = crops[:, SHARES].astype(int).sum(axis=1)
    assert (np.isin(total, range(253, 258)) | (total == 0)).mean() > 0.97
    believed = []
    for crop in crops:
        face = crop[SHARES][2] > 200
        assert face.sum() > 1500  # the frame is a face's
        assert crop[FACE_MAP][0][face].mean() > crop[FACE_MAP][0][crop[SHARES][0] > 200].mean() + 40
        believed.append(crop[PERSON][0][face].mean() > crop[PERSON][0][crop[SHARES][0] > 200].mean() + 60)
    assert sum(believed) >= 2  # the segmenter has its own opinion, but seldom the opposite
