"""Procedural people: seeded, endless, made on the fly, free of anybody's face."""
