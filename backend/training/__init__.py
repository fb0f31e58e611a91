"""Training of the networks that Limner ships weights for: one loop, and for every network what is special to it."""
