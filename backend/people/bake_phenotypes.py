"""Make ``phenotype.npz`` out of Anny: ``python -m backend.people.bake_phenotypes`` (needs ``anny``, a few minutes).

The head model's 80 coordinates carry no names. Bodies drawn with and without local changes of the face are projected
onto them; what the phenotypes explain becomes a regression, what the local changes add a covariance.
Data: MakeHuman's, CC0.
"""

from __future__ import annotations

import numpy as np
import torch

from backend.head.bake import head_and_shoulders, local_shapes
from backend.head.model import EYE, head_model
from backend.people.phenotype import FILE, Phenotype

SAMPLES, BATCH = 1500, 50


def bake(seed: int = 1) -> None:
    """Sample Anny, regress and write the file that ``backend.people.phenotype`` reads."""
    from anny.models.phenotype import Anny

    anny = Anny(local_changes="all", phenotypes="all", skinning_method="lbs")
    template = anny.template_vertices.numpy()
    _, used = head_and_shoulders(template, anny.faces.numpy())
    random = np.random.default_rng(seed)
    features, plain, local = [], [], []
    for _ in range(SAMPLES // BATCH):
        age, (female, muscle, weight, height, proportions) = random.uniform(0.1, 1, BATCH), random.random((5, BATCH))
        ancestry = random.dirichlet([0.5] * 3, BATCH)
        phenotype = Phenotype(age, female, muscle, weight, height, proportions, ancestry)
        features.append(phenotype.features())
        plain.append(_coordinates(anny, phenotype, {}, used))
        local.append(_coordinates(anny, phenotype, local_shapes(anny, random, BATCH), used) - plain[-1])
    design, target, residual = (np.concatenate(part) for part in (features, plain, local))
    regression = np.linalg.solve(design.T @ design + 1e-2 * np.eye(design.shape[1]), design.T @ target)
    error = (target - design @ regression).std()
    print(f"the phenotypes' regression leaves {error:.3f} of {target.std():.3f}; local shapes {residual.std():.3f}")
    values, vectors = np.linalg.eigh(np.cov(residual.T))
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    np.savez_compressed(FILE, regression=regression.astype(np.float16), local=root.astype(np.float16))


def _coordinates(
    anny: torch.nn.Module, phenotype: Phenotype, local: dict[str, torch.Tensor], used: np.ndarray
) -> np.ndarray:
    """[B, 80] the head model's coordinates of Anny's bodies."""
    names = {"gender": phenotype.female} | {
        name: getattr(phenotype, name) for name in ("age", "muscle", "weight", "height", "proportions")
    }
    names |= dict(zip(("african", "asian", "caucasian"), phenotype.ancestry.T, strict=True))
    with torch.no_grad():
        out = anny(
            phenotype_kwargs={name: torch.as_tensor(value.copy()) for name, value in names.items()},
            local_changes_kwargs=local,
        )
    bodies = out["rest_vertices"].numpy()[:, used]
    model, count = head_model(), int(used.sum())
    template = anny.template_vertices.numpy()[used]
    # the head frame, as backend.head.bake lays it
    ears = (np.abs(template[:, 0]) > 0.078) & (template[:, 2] > 0.66)
    bodies[..., 1] -= bodies[:, ears, 1].mean(axis=1)[:, None]
    bodies[..., 2] -= bodies[:, model.region[:count] == EYE, 2].mean(axis=1)[:, None]
    weight = np.where(template[:, 2] > 0.6, 1.0, 0.3)[:, None]
    rows = (model.identity[:, :count] * weight).reshape(len(model.identity), -1).astype(np.float64)
    flat = ((bodies - model.mean[:count]) * weight).reshape(len(bodies), -1)
    return np.linalg.solve(rows @ rows.T, rows @ flat.T).T


if __name__ == "__main__":
    bake()
