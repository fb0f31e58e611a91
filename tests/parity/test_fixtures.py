"""The fill rule as written here gives the parameters that the fixtures were made with."""

from __future__ import annotations

import numpy as np
import pytest

from tests.parity.fixtures import Parity


@pytest.mark.parametrize(
    ("model", "prefix"),
    [
        ("secc2plane_torso", "decoder."),
        ("secc2plane_torso", "secc_img2plane_backbone."),
        ("secc2plane_torso", "superresolution.torso_model.deform_based_generator."),
        ("audio2secc", ""),
    ],
)
def test_the_fill_rule_gives_the_published_checksums(parity: Parity, model: str, prefix: str) -> None:
    made = parity.parameters(model, prefix)
    assert made
    for key, value in made.items():
        rule = parity.keys[model][prefix + key]
        assert list(value.shape) == rule["shape"], key
        flat = value.double().numpy().ravel()
        assert np.allclose(flat[: len(rule["first"])], rule["first"], rtol=1e-6, atol=1e-9), key
        assert np.isclose((flat**2).sum(), rule["sumsq"], rtol=1e-6, atol=1e-9), key


def test_inputs_are_those_of_the_fixtures(parity: Parity) -> None:
    parity.check("s3_render_a", "planes_in", parity.planes(), 1e-6)
    parity.check("s4a_sr_vanilla", "feature_in", parity.feature_image(), 1e-6)
    parity.check("s4c_sr_torso_bg", "weights_in", parity.weights_image(), 1e-6)
    parity.check("s5_audio2secc", "audio", parity.audio(), 1e-6)
