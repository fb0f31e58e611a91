"""Radiance fields as functions: tensors in, tensors out, nothing remembered, deterministic."""
