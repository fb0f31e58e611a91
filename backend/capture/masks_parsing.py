"""Divides the person into hair, face, neck and clothes without a parsing network.

Each part starts from places that are sure by the geometry of the landmarks, learns its colours there, and the
boundaries settle where neighbouring pixels differ (a random walk with priors, solved for all parts at once).
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import cg

HAIR, FACE, NECK, CLOTHES = range(4)
GRID = 288  # longer side of the grid on which the boundaries are found, in pixels; guided refinement follows
ROUNDS = 3

FACE_OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
JAW = [454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234]
BROWS = [46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336]
EYES_AND_MOUTH = [
    [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
    [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146],
]


def parse(
    rgb: NDArray[np.uint8], person: NDArray[np.float32], points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Shares of the four parts.

    Args:
        rgb: [H, W, 3] uint8. person: [H, W] matte. points: [478, 2] landmarks in its pixels.

    Returns:
        [H, W, 4] in [0, 1], summing to one: hair, face, neck, clothes. Meaningful where the person is.
    """
    height, width = person.shape
    shrink = min(1.0, GRID / max(height, width))
    size = (round(width * shrink), round(height * shrink))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(person, size, interpolation=cv2.INTER_AREA) > 0.3
    marks = points * shrink
    prior, sure = _geometry(inside, marks)
    colours = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    features = np.concatenate([colours * np.array([0.6, 1.6, 1.6], np.float32), _texture(colours)], axis=2)
    shares = _normalised(prior * inside[..., None])
    edges = _Edges(inside, cv2.GaussianBlur(features[..., :3], (0, 0), 0.7))
    for _ in range(ROUNDS):
        likelihood = _likelihood(features, shares, inside, sure)
        evidence = _normalised(prior * likelihood)
        shares = edges.settle(evidence, sure)
    shares = np.where(inside[..., None], shares, 0)
    shares = _extended(shares, inside)
    full = cv2.resize(shares.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    radius = max(2, round(1.5 / shrink))
    refined = cv2.ximgproc.guidedFilter(rgb, full, radius, 40.0)
    return _normalised(np.clip(refined, 1e-4, 1))


def _normalised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values / np.maximum(values.sum(axis=2, keepdims=True), 1e-9), np.float32)


def _extended(shares: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The shares of the nearest inside pixel, outside."""
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    order = np.zeros(int(labels.max()) + 1, np.intp)
    order[labels[inside]] = np.flatnonzero(inside)
    return np.asarray(shares.reshape(-1, shares.shape[2])[order[labels]], np.float32)


def _texture(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """[H, W, 1]: local contrast of lightness: hair and cloth have it, skin has little."""
    light = lab[..., 0]
    mean = cv2.GaussianBlur(light, (0, 0), 2.0)
    deviation = np.sqrt(np.maximum(cv2.GaussianBlur(light**2, (0, 0), 2.0) - mean**2, 0))
    return np.minimum(deviation, 20)[..., None] * 0.5


def _filled(shape: tuple[int, ...], polygon: NDArray[np.float32]) -> NDArray[np.bool_]:
    canvas = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(canvas, [np.round(polygon - 0.5).astype(np.int32)], 1)
    return canvas > 0


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Pixels to the outline, positive outside."""
    out = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(out - cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _step(values: NDArray[np.float32], at: float, width: float) -> NDArray[np.float32]:
    """Rises from 0 to 1 around ``at``."""
    return np.asarray(1 / (1 + np.exp(-np.clip((values - at) / width, -30, 30))), np.float32)


def _geometry(
    inside: NDArray[np.bool_], marks: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Prior of each part [H, W, 4] and the pixels whose part is sure (-1 elsewhere) [H, W], from the landmarks."""
    height, width = inside.shape
    top, chin = marks[10], marks[152]
    down = (chin - top) / max(float(np.linalg.norm(chin - top)), 1e-6)
    across = np.array([-down[1], down[0]]) * -1.0  # to the picture's right
    tall = float(np.linalg.norm(chin - top))
    oval_marks = marks[FACE_OVAL]
    wide = float(np.ptp(oval_marks @ across))
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5)
    middle = oval_marks.mean(axis=0)
    v = ((columns - chin[0]) * down[0] + (rows - chin[1]) * down[1]) / tall  # 0 at the chin, -1 at the hair line
    u = np.abs((columns - middle[0]) * across[0] + (rows - middle[1]) * across[1]) / wide  # 0.5 at the cheeks
    oval = _filled((height, width), oval_marks)
    outside_oval = _signed_distance(oval) / tall
    brows_v = float(np.median(((marks[BROWS] - chin) @ down) / tall))

    # distance below the jaw line, for what lies under it
    jaw = marks[JAW]
    jaw_u = (jaw - middle) @ across / wide
    order = np.argsort(jaw_u)
    jaw_v = ((jaw - chin) @ down) / tall
    signed_u = ((columns - middle[0]) * across[0] + (rows - middle[1]) * across[1]) / wide
    under_jaw = v - np.interp(signed_u, jaw_u[order], jaw_v[order]).astype(np.float32)

    ears = _step(-np.abs(v + 0.55), -0.22, 0.04) * _step(-outside_oval, -0.14, 0.03)
    face = np.maximum(_step(-outside_oval, -0.02, 0.015), 0.5 * ears)
    face = np.maximum(face, 0.25 * _step(-outside_oval, -0.12, 0.04) * _step(-v, 0.75, 0.05))  # bald heads
    neck = _step(under_jaw, 0.015, 0.012) * _step(v, -0.25, 0.05) * _step(-u, -0.75, 0.12) * _step(-v, -1.3, 0.15)
    neck = np.maximum(neck * (1 - _step(u, 0.62, 0.05) * _step(-v, -0.3, 0.05)), 1e-4)
    hair = _step(outside_oval, -0.05, 0.03) * (0.9 - 0.75 * _step(v, 0.35, 0.25)) + 0.02
    forehead = oval & (v < brows_v - 0.02)
    hair = np.where(forehead, np.maximum(hair, 0.25), hair)
    hair = hair * (1 - 0.9 * _step(under_jaw, 0.0, 0.02) * _step(-u, -0.33, 0.05) * _step(v, -0.1, 0.03))
    clothes = _step(v, 0.15, 0.08) + 0.3 * _step(under_jaw, 0.05, 0.03) * _step(v, 0.0, 0.04) + 1e-4
    prior = np.stack([hair, face, neck, clothes], axis=2).astype(np.float32)

    sure = np.full((height, width), -1, np.int8)
    sure[oval & (outside_oval < -0.05) & (v > brows_v + 0.02)] = FACE
    sure[(v < -1.3) & inside & (outside_oval > 0.25)] = HAIR
    sure[(v > 1.6) & inside & (u < 0.6)] = CLOTHES
    sure[~inside] = -1
    return _normalised(prior), sure


def _likelihood(
    features: NDArray[np.float32], shares: NDArray[np.float32], inside: NDArray[np.bool_], sure: NDArray[np.int8]
) -> NDArray[np.float32]:
    """[H, W, 4]: how well each part's colours, learnt from where it is most likely, explain each pixel."""
    flat = features[inside]
    density = np.zeros((len(flat), 4))
    for part in range(4):
        weight = shares[..., part][inside] ** 2 * (shares[..., part][inside] > 0.5)
        weight = np.maximum(weight, (sure[inside] == part).astype(np.float32))
        if weight.sum() < 12:
            density[:, part] = 1e-7
            continue
        density[:, part] = _mixture_density(flat, weight)
    density = density + 2e-6  # a floor: colours never seen anywhere decide nothing
    likelihood = np.zeros((*inside.shape, 4), np.float32)
    likelihood[inside] = (density / density.sum(axis=1, keepdims=True)) ** 0.7
    return likelihood


def _mixture_density(points: NDArray[np.float32], weight: NDArray[np.float32], components: int = 5) -> NDArray[np.float64]:
    """Density of a Gaussian mixture fitted to the weighted points, at every point."""
    chosen = np.flatnonzero(weight > 0.1)
    chosen = chosen[:: max(1, len(chosen) // 4000)]
    samples = points[chosen]
    components = int(min(components, max(1, len(samples) // 30)))
    cv2.setRNGSeed(11)  # k-means starts alike every time
    _, labels, _ = cv2.kmeans(
        samples, components, np.empty(0), (cv2.TERM_CRITERIA_MAX_ITER, 12, 0), 1, cv2.KMEANS_PP_CENTERS
    )
    total = np.zeros(len(points))
    dimension = points.shape[1]
    for component in range(components):
        member = labels[:, 0] == component
        if member.sum() < 4:
            continue
        share = weight[chosen][member].sum() / weight[chosen].sum()
        mean = np.average(samples[member], axis=0, weights=weight[chosen][member])
        covariance = np.cov(samples[member].T, aweights=weight[chosen][member]) + 6.0 * np.eye(dimension)
        offset = points - mean
        distance = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset)
        scale = np.sqrt((2 * np.pi) ** dimension * np.linalg.det(covariance))
        total += share * np.exp(-0.5 * distance) / scale
    return total


class _Edges:
    """The graph of neighbouring person pixels; strong links between alike colours."""

    def __init__(self, inside: NDArray[np.bool_], colours: NDArray[np.float32]) -> None:
        self.inside = inside
        count = int(inside.sum())
        number = np.full(inside.shape, -1)
        number[inside] = np.arange(count)
        heads, tails, weights = [], [], []
        for rows, columns, length in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.4142), (1, -1, 1.4142)):
            height, width = inside.shape
            a = (slice(0, height - rows), slice(max(0, -columns), width - max(0, columns)))
            b = (slice(rows, height), slice(max(0, columns), width + min(0, columns)))
            both = inside[a] & inside[b]
            difference = ((colours[a] - colours[b]) ** 2).sum(axis=2)[both]
            heads.append(number[a][both])
            tails.append(number[b][both])
            weights.append(np.exp(-difference / 60.0) / length + 0.005)
        head, tail, weight = np.concatenate(heads), np.concatenate(tails), np.concatenate(weights)
        links = sparse.coo_matrix((weight, (head, tail)), shape=(count, count))
        self.links = (links + links.T).tocsr()
        self.degree = np.asarray(self.links.sum(axis=1)).ravel()

    def settle(self, evidence: NDArray[np.float32], sure: NDArray[np.int8], trust: float = 0.06) -> NDArray[np.float32]:
        """The shares that agree with the evidence and change only across edges, [H, W, 4]."""
        known = sure[self.inside]
        data = np.where(known >= 0, 50.0, trust)
        target = evidence[self.inside].astype(np.float64)
        target[known >= 0] = np.eye(4)[known[known >= 0]]
        matrix = sparse.diags(self.degree + data) - self.links
        precondition = sparse.diags(1 / (self.degree + data))
        shares = np.zeros((*self.inside.shape, 4), np.float32)
        solved = np.empty_like(target)
        for part in range(4):
            solved[:, part], _ = cg(matrix, data * target[:, part], x0=target[:, part], rtol=1e-4, maxiter=150, M=precondition)
        shares[self.inside] = np.clip(solved, 0, 1)
        return _normalised(shares)
