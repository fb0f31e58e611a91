"""The published classes of a portrait's pixels, and which of them make the head and which the torso."""

from __future__ import annotations

BACKGROUND, HAIR, NECK, FACE, CLOTHES, OTHERS = range(6)  # "body skin" and "face skin" are what we call neck and face
CLASSES = 6
HEAD_CLASSES = (HAIR, FACE, OTHERS)
TORSO_CLASSES = (NECK, CLOTHES)
