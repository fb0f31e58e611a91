"""Without usable weights faces are parsed as before, and damaged ones are reported."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from backend import weights
from backend.capture.detection import detect_face
from backend.capture.face_parser import NAME, parsed, parsing_network
from backend.capture.masks import segment
from backend.networks.face_parsing import FaceParsing, FaceParsingConfig
from backend.weights import Weights, save_weights, weights_file, without_weights
from tests.capture.media import found


@pytest.fixture
def weights_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that weights are read from instead of Limner's own."""
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    return tmp_path


def test_absent_weights_are_no_fault(weights_from: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert parsing_network() is None
    assert not caplog.records


def test_weights_are_done_without_for_a_while() -> None:
    before = parsing_network()
    assert before is not None
    with without_weights():
        assert parsing_network() is None
    assert parsing_network() is before


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_damaged_weights_are_reported_and_not_needed(
    weights_from: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    path = weights_file(NAME, weights_from)
    if content is None:  # whole, but of another network
        save_weights(Weights({"widths": [4, 8]}, {}, {"stem": torch.zeros(3)}), path)
    else:
        path.write_bytes(content)
    rgb, face = found("astronaut")
    with caplog.at_level(logging.WARNING):
        parts = segment(rgb, face)
    assert any("WEIGHTS_UNREADABLE" in record.message and str(path) in record.message for record in caplog.records)
    assert parts.hair.sum() > 1000 and parts.clothes.sum() > 1000


def test_a_network_sees_the_picture_and_its_mirror_image() -> None:
    torch.manual_seed(0)
    network = FaceParsing(FaceParsingConfig(widths=(4, 8), depths=(0, 1), context=(), size=48)).eval()
    rgb, face = found("astronaut")
    person = np.ones(rgb.shape[:2], np.float32)
    shares = parsed(network, rgb, person, face.points, 120)
    assert shares.shape == (120, 120, 5) and np.allclose(shares.sum(axis=2), 1, atol=1e-5)
    points = face.points * [-1, 1, 1] + [rgb.shape[1], 0, 0]
    mirrored = parsed(network, np.ascontiguousarray(rgb[:, ::-1]), person, points.astype(np.float32), 120)[:, ::-1]
    assert np.abs(mirrored - shares).mean() < 0.01


def test_shipped_weights_parse_a_person_never_trained_on() -> None:
    from backend.people.person import make_person
    from backend.people.render import render
    from backend.people.studio import studio_shot
    from backend.training.parsing_crops import CLASS_NAMES, class_shares

    assert parsing_network() is not None
    common, either = np.zeros(len(CLASS_NAMES)), np.zeros(len(CLASS_NAMES))
    for seed, yaw in ((1_000_200, 0), (1_000_204, 25)):
        picture = render(make_person(seed), studio_shot(384, yaw))
        masks = segment(picture.rgb, detect_face(picture.rgb))
        shares = np.stack([1 - masks.person, masks.hair, masks.face, masks.neck, masks.clothes], axis=2)
        truth, seen = class_shares(picture).argmax(axis=2), shares.argmax(axis=2)
        for part in range(len(CLASS_NAMES)):
            common[part] += ((truth == part) & (seen == part)).sum()
            either[part] += ((truth == part) | (seen == part)).sum()
    assert (common / either).mean() > 0.8, dict(zip(CLASS_NAMES, common / either))
