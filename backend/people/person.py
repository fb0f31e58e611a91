"""A seed makes a person."""

from __future__ import annotations

import numpy as np

from backend.head.model import head_model
from backend.people.phenotype import draw_identity, draw_traits
from backend.people.scene import Layer, Person, Surface


def make_person(seed: int) -> Person:
    """The person of that seed: same seed, same person. (Thin first version: a grey head.)"""
    traits = draw_traits(seed)
    identity = draw_identity(seed, traits)
    model = head_model()
    neutral = model.neutral(identity).astype(np.float32)
    index = np.arange(len(neutral), dtype=np.int32)
    head = Surface(
        neutral,
        model.faces,
        np.full((len(neutral), 3), 0.7, np.float32),
        Layer.FACE,
        model.head_share.astype(np.float32),
        carriers=np.stack([index] * 3, axis=1),
        carrier_weights=np.tile(np.array([1, 0, 0], np.float32), (len(neutral), 1)),
    )
    return Person(seed, traits, identity, neutral, (head,), ())
