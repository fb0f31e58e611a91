"""Colour models of the person's parts, and boundaries that follow the picture's edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import cg

COMPONENTS = 5
LEAST_SAMPLES = 25
SHADES = (1.3, 1.0, 0.75, 0.55)  # a part in more light and in its own shadow: its colour times this, in linear light


@dataclass(frozen=True)
class Mixture:
    """Gaussians over colour features: shares [K], means [K, 4], inverse covariances [K, 4, 4], peak densities [K]."""

    share: NDArray[np.float64]
    mean: NDArray[np.float64]
    inverse: NDArray[np.float64]
    peak: NDArray[np.float64]


class Colours:
    """Colour features of a picture's person, [N, 4]: lightness (weighing less), a, b and local contrast."""

    def __init__(self, rgb: NDArray[np.uint8], inside: NDArray[np.bool_]) -> None:
        self.inside = inside
        self.linear = (rgb.astype(np.float32) / 255) ** 2.2
        lab = _lab(self.linear)
        light = lab[..., 0]
        mean = cv2.GaussianBlur(light, (0, 0), 2.0)
        contrast = np.sqrt(np.maximum(cv2.GaussianBlur(light**2, (0, 0), 2.0) - mean**2, 0))
        self.contrast = 0.6 * np.minimum(contrast, 20)
        self.features = _features(lab, self.contrast)
        self.edges = _graph(inside, cv2.GaussianBlur(lab, (0, 0), 0.8))

    def mixture(self, where: NDArray[np.bool_], shade: bool = False) -> Mixture | None:
        """The model of the pixels in ``where``; with ``shade``, of the same in shadow too; None for too few."""
        count = int(where.sum())
        if count < LEAST_SAMPLES:
            return None
        step = max(1, count // 3000)
        if shade:
            linear, contrast = self.linear[where][::step], self.contrast[where][::step]
            samples = np.concatenate(
                [_features(_lab(linear[None] * factor)[0], contrast * factor) for factor in SHADES]
            )
        else:
            samples = self.features[where][::step]
        return _fit(samples)

    def distance(self, model: Mixture | None) -> NDArray[np.float32]:
        """[H, W] Mahalanobis distance to the nearest Gaussian; infinite outside the person or without a model."""
        result = np.full(self.inside.shape, np.inf, np.float32)
        if model is not None:
            result[self.inside] = np.sqrt(_squared(self.features[self.inside], model).min(axis=1))
        elif self.inside.any():
            result[self.inside] = 1e3
        return result

    def density(self, model: Mixture | None) -> NDArray[np.float64]:
        """[H, W] probability density of the features; zero outside the person or without a model."""
        result = np.zeros(self.inside.shape)
        if model is not None:
            gaussians = np.exp(-0.5 * _squared(self.features[self.inside], model))
            result[self.inside] = gaussians @ (model.share * model.peak)
        return result


def _lab(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(np.clip(linear, 0, 1) ** np.float32(1 / 2.2), cv2.COLOR_RGB2LAB), np.float32)


def _features(lab: NDArray[np.float32], contrast: NDArray[np.float32]) -> NDArray[np.float32]:
    weighted = lab * np.array([0.6, 1.5, 1.5], np.float32)
    return np.concatenate([weighted, contrast[..., None]], axis=-1)


def _fit(samples: NDArray[np.float32]) -> Mixture:
    """Gaussians of clusters found by k-means, which is enough here and starts alike every time."""
    count = int(min(COMPONENTS, max(1, len(samples) // LEAST_SAMPLES)))
    cv2.setRNGSeed(11)
    ending = (cv2.TERM_CRITERIA_MAX_ITER, 12, 0)
    _, labels, _ = cv2.kmeans(
        np.ascontiguousarray(samples), count, np.empty(0, np.int32), ending, 1, cv2.KMEANS_PP_CENTERS
    )
    shares, means, inverses, peaks = [], [], [], []
    size = samples.shape[1]
    for cluster in range(count):
        member = samples[labels[:, 0] == cluster].astype(np.float64)
        if len(member) < 4:
            continue
        covariance = np.cov(member.T) + 5.0 * np.eye(size)
        shares.append(len(member) / len(samples))
        means.append(member.mean(axis=0))
        inverses.append(np.linalg.inv(covariance))
        peaks.append(1 / np.sqrt((2 * np.pi) ** size * np.linalg.det(covariance)))
    return Mixture(np.array(shares), np.array(means), np.array(inverses), np.array(peaks))


def _squared(features: NDArray[np.float32], model: Mixture) -> NDArray[np.float64]:
    """[N, K] squared Mahalanobis distances."""
    result = np.empty((len(features), len(model.share)))
    for k in range(len(model.share)):
        offset = features - model.mean[k]
        result[:, k] = ((offset @ model.inverse[k]) * offset).sum(axis=1)
    return result


def _graph(inside: NDArray[np.bool_], lab: NDArray[np.float32]) -> sparse.csr_matrix:
    """[N, N] links between neighbouring person pixels, strong where their colours are alike."""
    count = int(inside.sum())
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(count)
    heads, tails, differences, lengths = [], [], [], []
    height, width = inside.shape
    for rows, columns in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = (slice(0, height - rows), slice(max(0, -columns), width - max(0, columns)))
        b = (slice(rows, height), slice(max(0, columns), width + min(0, columns)))
        both = inside[a] & inside[b]
        heads.append(number[a][both])
        tails.append(number[b][both])
        differences.append(((lab[a] - lab[b]) ** 2).sum(axis=2)[both])
        lengths.append(np.full(len(heads[-1]), np.hypot(rows, columns)))
    difference = np.concatenate(differences)
    typical = max(float(difference.mean()) if len(difference) else 1.0, 4.0)
    weight = np.exp(-difference / (2 * typical)) / np.concatenate(lengths) + 0.004
    links = sparse.coo_matrix((weight, (np.concatenate(heads), np.concatenate(tails))), shape=(count, count)).tocsr()
    return (links + links.T).tocsr()


def settle(
    colours: Colours, evidence: NDArray[np.float32], sure: NDArray[np.int8], trust: float = 0.25
) -> NDArray[np.float32]:
    """The shares [H, W, C] that agree with the evidence [H, W, C] and change only across the picture's edges.

    ``sure`` [H, W] names the part of pixels that are not in question, -1 elsewhere; ``trust`` is the weight of one
    pixel's evidence against one link to its neighbour.
    """
    inside = colours.inside
    parts = evidence.shape[2]
    known = sure[inside]
    degree = np.asarray(colours.edges.sum(axis=1)).ravel()
    data = np.where(known >= 0, 50.0, trust)
    target = evidence[inside].astype(np.float64)
    target[known >= 0] = np.eye(parts)[known[known >= 0]]
    matrix = (sparse.diags(degree + data) - colours.edges).tocsr()
    precondition = sparse.diags(1 / (degree + data))
    solved = np.empty_like(target)
    for part in range(parts):
        solved[:, part], _ = cg(
            matrix, data * target[:, part], x0=target[:, part], rtol=1e-3, maxiter=80, M=precondition
        )
    shares = np.zeros(evidence.shape, np.float32)
    shares[inside] = np.clip(solved, 0, 1)
    return np.asarray(shares / np.maximum(shares.sum(axis=2, keepdims=True), 1e-9), np.float32)
