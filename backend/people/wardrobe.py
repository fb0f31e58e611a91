"""How often people wear what: every frequency of clothes and accessories in one place."""

from __future__ import annotations

import numpy as np

from backend.people.scene import Array, Traits

# garment: weights of boys and girls under 13, men, women
GARMENTS: dict[str, tuple[float, float, float]] = {
    "t-shirt": (30, 20, 14),
    "v-neck": (4, 6, 9),
    "tank top": (4, 3, 6),
    "polo": (7, 7, 3),
    "shirt": (8, 13, 8),
    "open shirt": (4, 7, 7),
    "shirt and tie": (1, 5, 0.6),
    "suit": (1, 9, 2),
    "blazer": (1, 6, 9),
    "hoodie": (16, 9, 6),
    "turtleneck": (4, 4, 7),
    "sweater": (12, 10, 10),
    "blouse": (3, 0.5, 9),
    "dress": (3, 0.2, 6),
    "off-shoulder": (0.5, 0.1, 4),
    "ruff": (0.3, 0.7, 0.7),
    "armour": (0.2, 0.4, 0.2),
}
SCARF = 0.06
GLASSES, SUNGLASSES = 0.29, 0.06
HEADWEAR = 0.10
HATS_WORN = {
    "beanie": 24.0,
    "cap": 26,
    "brimmed hat": 14,
    "straw hat": 6,
    "bucket hat": 6,
    "beret": 8,
    "helmet": 5,
    "turban": 4,
    "bandana": 6,
}
HEADSCARF = 0.03
HAIR_BAND = 0.03
NECKLACE = (0.05, 0.08, 0.28)
EARRINGS = (0.08, 0.06, 0.45)
NOSE_STUD = 0.015


def group(traits: Traits, random: np.random.Generator) -> int:
    """0 for children, 1 for who dresses like a man, 2 like a woman; one in twenty dresses against the rule."""
    if traits.age < 13:
        return 0
    womanly = random.random() < (0.05 + 0.9 * np.clip((traits.female - 0.5) * 2.5 + 0.5, 0, 1))
    return 2 if womanly else 1


def chosen(random: np.random.Generator, weights: dict[str, float]) -> str:
    """One of the names, drawn by weight."""
    values = np.array(list(weights.values()))
    return str(random.choice(list(weights), p=values / values.sum()))


def cloth_colour(random: np.random.Generator, arbitrary: bool) -> Array:
    """[3] sRGB: a person's arbitrary colour, or one that people wear."""
    kind = random.random()
    if arbitrary:
        return random.uniform(0.03, 1, 3).astype(np.float32)
    if kind < 0.16:
        return np.clip(random.uniform(0.82, 0.97) + random.normal(0, 0.015, 3), 0, 1).astype(np.float32)
    if kind < 0.34:
        return np.clip(random.uniform(0.04, 0.14) + random.normal(0, 0.01, 3), 0, 1).astype(np.float32)
    if kind < 0.46:
        return np.clip(random.uniform(0.2, 0.7) + random.normal(0, 0.02, 3), 0, 1).astype(np.float32)
    if kind < 0.58:  # navy to denim
        depth = random.uniform(0.5, 1.6)
        return np.clip(np.array([0.12, 0.18, 0.34]) * depth, 0, 1).astype(np.float32)
    if kind < 0.68:  # beige to brown
        depth = random.uniform(0.35, 1.1)
        return np.clip(np.array([0.78, 0.66, 0.50]) * depth + random.normal(0, 0.03, 3), 0, 1).astype(np.float32)
    hue, strength, value = random.random(), random.beta(2.5, 2), random.uniform(0.25, 0.95)
    wheel = np.clip(np.abs(np.mod(hue * 6 + np.array([0, 4, 2]), 6) - 3) - 1, 0, 1)
    return np.asarray(value * (1 - strength * (1 - wheel)), np.float32)
