"""Camera labels from poses and the smoothing of sequences, against the published ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.avatars.real3d.camera import camera_labels, mirrored_index, smoothed_labels, smoothed_landmarks
from tests.parity.fixtures import Parity


def test_labels_of_poses(parity: Parity) -> None:
    stored = parity.arrays("camera")
    labels = torch.from_numpy(camera_labels(stored["euler"], stored["trans"]))
    parity.check("camera", "camera25", labels)
    parity.check("camera", "c2w", labels[:, :16].reshape(-1, 4, 4))
    parity.check("camera", "intrinsics", labels[:, 16:].reshape(-1, 3, 3))
    one = camera_labels(stored["euler"][3], stored["trans"][3])
    np.testing.assert_array_equal(one, labels[3].numpy())


def test_smoothing(parity: Parity) -> None:
    stored = parity.arrays("camera")
    parity.check("camera", "camera25_smoothed_k7", torch.from_numpy(smoothed_labels(stored["camera25"])))
    parity.check("camera", "kp_seq_smoothed_k7", torch.from_numpy(smoothed_landmarks(stored["kp_seq"])))


def test_mirrored_index(parity: Parity) -> None:
    expected = parity.arrays("camera")["mirror_index_len5_first20"]
    assert [mirrored_index(frame, 5) for frame in range(20)] == expected.tolist()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_sequences(parity: Parity, length: int) -> None:
    stored = parity.arrays("camera")
    still = np.repeat(stored["camera25"][:1], length, axis=0)
    np.testing.assert_allclose(smoothed_labels(still), still, atol=1e-6)
    points = np.repeat(stored["kp_seq"][:1], length, axis=0)
    np.testing.assert_allclose(smoothed_landmarks(points), points, atol=1e-6)
    assert max(mirrored_index(frame, length) for frame in range(9)) == length - 1
