"""The person's soft outline: what the networks believe, sharpened by the picture's own colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.capture.detection import FaceLandmarks
from backend.capture.detection_models import person_probability
from backend.capture.face_parser import parsed, parsing_network
from backend.capture.head_frame import HeadFrame
from backend.capture.masks_colours import Colours, settle
from backend.capture.masks_fill import spread

CROPS = (2.3, 3.4, 5.0)  # sides of the crops around the head given to the segmenter, in sides of the face
CHIN = 152
SENSOR_NOISE = 60.0  # variance of a pixel's colour along any direction, 8-bit units
FRAME_SIDE = 360  # pixels of the head frame in which the parsing network advises
OUTLINE_FACE = 110  # side of the face, in pixels, at which the outline is corrected


def person_belief(rgb: NDArray[np.uint8], face: FaceLandmarks, scale: float = 1.0) -> NDArray[np.float32]:
    """[H, W] in [0, 1]: the segmenter's opinion, fused over crops of several sizes and their mirror images, because
    its 256 px see outlines finely only in small crops and know what a body is only in large ones.
    """
    height, width = rgb.shape[:2]
    votes = np.zeros((height, width), np.float32)
    weights = np.full((height, width), 1e-6, np.float32)
    side = face.side * scale
    x = (face.box[0] + face.box[2]) / 2 * scale
    y = (face.box[1] + face.box[3]) / 2 * scale + 0.2 * side
    boxes = [(0, 0, width, height)]
    for factor in CROPS:
        half = factor * side / 2
        left, right = max(0, int(x - half)), min(width, int(x + half))
        top, bottom = max(0, int(y - half)), min(height, int(y + half))
        if (right - left) * (bottom - top) < 0.9 * width * height:
            boxes.append((left, top, right, bottom))
    for left, top, right, bottom in boxes:
        crop = rgb[top:bottom, left:right]
        shrink = min(1.0, 640 / max(crop.shape[:2]))
        small = cv2.resize(crop, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else crop
        belief = person_probability(small)
        mirrored = person_probability(np.ascontiguousarray(small[:, ::-1]))[:, ::-1]
        belief = cv2.resize((belief + mirrored) / 2, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        odds = _odds(belief)
        # near a cut through the picture the segmenter guesses
        taper = np.ones_like(belief)
        reach = 0.35 * (right - left)
        columns = np.arange(right - left, dtype=np.float32)
        rows = np.arange(bottom - top, dtype=np.float32)[:, None]
        if left > 0:
            taper = np.minimum(taper, columns / reach)
        if right < width:
            taper = np.minimum(taper, columns[::-1] / reach)
        if top > 0:
            taper = np.minimum(taper, rows / reach)
        if bottom < height:
            taper = np.minimum(taper, rows[::-1] / reach)
        weight = taper * (max(width, height) / max(right - left, bottom - top))
        votes[top:bottom, left:right] += weight * odds
        weights[top:bottom, left:right] += weight
    return np.asarray(1 / (1 + np.exp(-votes / weights)), np.float32)


def person_matte(rgb: NDArray[np.uint8], face: FaceLandmarks) -> NDArray[np.float32]:
    """[H, W] in [0, 1], soft on hair. Where foreground and background colours near the outline differ, they decide;
    elsewhere the segmenter does.
    """
    height, width = rgb.shape[:2]
    shrink = min(1.0, 1024 / max(height, width))
    size = (round(width * shrink), round(height * shrink))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if shrink < 1 else rgb
    belief = person_belief(small, face, shrink)
    if network := parsing_network():
        shares = parsed(network, small, belief, face.points * shrink, FRAME_SIDE)
        belief = _advised(belief, 1 - shares[..., 0], face, shrink)
    belief = _corrected(small, belief, face, shrink)
    belief = _one_piece(belief, face.points[CHIN, :2] * shrink, face, shrink)
    matte = _refine(small, belief, face, shrink)
    if shrink < 1:
        matte = cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR)
        guided = cv2.ximgproc.guidedFilter(rgb, matte, max(2, round(2 / shrink)), 20.0)
        matte = np.where((matte > 0.02) & (matte < 0.98), np.clip(guided, 0, 1), matte)
    return np.asarray(matte, np.float32)


def _advised(
    belief: NDArray[np.float32], advice: NDArray[np.float32], face: FaceLandmarks, shrink: float
) -> NDArray[np.float32]:
    """The segmenter's belief [H, W] and the parsing network's in the head frame [S, S], as equals; the latter fades at
    its frame's edge, where it guesses.
    """
    height, width = belief.shape
    frame = HeadFrame.of(face.points * shrink, FRAME_SIDE)
    edge = np.minimum(np.arange(FRAME_SIDE), np.arange(FRAME_SIDE)[::-1]).astype(np.float32)
    taper = np.clip(np.minimum(edge[:, None], edge) / (0.1 * FRAME_SIDE), 0, 1)
    weight = 0.5 * frame.give_back(taper, width, height, 0.0)
    odds = (1 - weight) * _odds(belief) + weight * _odds(frame.give_back(advice, width, height, 0.5))
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def _odds(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms of odds."""
    return np.asarray(np.log(np.clip(probability, 0.01, 0.99) / np.clip(1 - probability, 0.01, 0.99)), np.float32)


def _corrected(
    rgb: NDArray[np.uint8], belief: NDArray[np.float32], face: FaceLandmarks, shrink: float
) -> NDArray[np.float32]:
    """The belief moved, within a band around its outline, to where the picture has edges and the colours change from
    the scene's to the person's: the segmenter takes whole pieces of background between strands for hair.
    """
    factor = min(1.0, OUTLINE_FACE / (face.side * shrink))
    size = (round(rgb.shape[1] * factor), round(rgb.shape[0] * factor))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(belief, size, interpolation=cv2.INTER_AREA)
    side = face.side * shrink * factor
    inside = coarse > 0.5
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5) / side
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5) / side
    skin = np.zeros(inside.shape, np.uint8)
    cv2.fillConvexPoly(skin, cv2.convexHull((face.points[:468, :2] * shrink * factor).astype(np.int32)), 1)
    headness = _headness(inside.shape, face, shrink * factor)
    band = (depth < 0.1 + 0.2 * headness) & (away < 0.3) & (skin == 0)
    sure = np.full(inside.shape, -1, np.int8)
    sure[((depth > 0.06 + 0.16 * headness) & (coarse > 0.85)) | (skin > 0)] = 0
    sure[(away > 0.2) & (coarse < 0.3)] = 1
    colours = Colours(small, band | ((depth > 0) & (depth < 0.6)) | ((away > 0) & (away < 0.7)))
    known_person = (depth > 0.12) & (coarse > 0.8) & (depth < 0.6)
    known_scene = (away > 0.06) & (coarse < 0.2) & (away < 0.7)
    person, scene = colours.mixture(known_person), colours.mixture(known_scene)
    if person is None or scene is None or not band.any():
        return belief
    floor = 1e-6
    ratio = np.log((colours.density(person) + floor) / (colours.density(scene) + floor))
    # dark hair before a dark wall: where known person nearby looks like scene, looking like scene tells nothing
    ratio = np.where(ratio < 0, ratio * _telling(ratio < -1, known_person), ratio * _telling(ratio > 1, known_scene))
    odds = _odds(coarse)
    likely = 1 / (1 + np.exp(-(0.7 * odds + np.clip(0.6 * ratio, -3, 3))))
    colours = Colours(small, band)
    settled = settle(colours, np.stack([likely, 1 - likely], axis=2).astype(np.float32), sure, trust=0.2)[..., 0]
    moved = np.where(band, settled, coarse)
    change = cv2.resize((moved - coarse).astype(np.float32), belief.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(belief + change, 0, 1), np.float32)


def _telling(misled: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[H, W] in [0, 1]: how far colour can be believed, by how rarely it is wrong at the nearest known pixels."""
    wrong = spread(misled.astype(np.float32)[..., None], known.astype(np.float32))[..., 0]
    return np.clip(1.2 - 3 * wrong, 0, 1)


def _headness(shape: tuple[int, ...], face: FaceLandmarks, scale: float) -> NDArray[np.float32]:
    """[H, 1]: one around the head, zero from the chest down: strands fly around the head, not around the coat."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    below = (rows - face.points[CHIN, 1] * scale) / (face.side * scale)
    return np.asarray(1 / (1 + np.exp(np.clip((below - 0.5) / 0.1, -30, 30))), np.float32)


def _one_piece(
    belief: NDArray[np.float32], chin: NDArray[np.float32], face: FaceLandmarks, shrink: float
) -> NDArray[np.float32]:
    """The belief without other people: only what hangs together with the face, which is the person for certain."""
    skin = np.zeros(belief.shape, np.uint8)
    cv2.fillConvexPoly(skin, cv2.convexHull((face.points[:468, :2] * shrink).astype(np.int32)), 1)
    reach = cv2.distanceTransform(skin, cv2.DIST_L2, 5)
    belief = np.where(reach > 0.04 * face.side * shrink, np.maximum(belief, 0.98), belief)
    inside = (belief > 0.4).astype(np.uint8) | skin
    _, labels = cv2.connectedComponents(inside, connectivity=4)
    row, column = np.clip(chin[::-1].astype(int) - 2, 0, np.array(inside.shape) - 1)
    mine = labels == labels[row, column]
    near = cv2.dilate(mine.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return np.where(near, belief, np.minimum(belief, 0.02)).astype(np.float32)


def _refine(
    rgb: NDArray[np.uint8], belief: NDArray[np.float32], face: FaceLandmarks, shrink: float
) -> NDArray[np.float32]:
    """Alpha in the uncertain band around the outline from local colours, smoothed along the picture's edges."""
    side = face.side * shrink
    image = rgb.astype(np.float32)
    inside, outside = belief > 0.5, belief <= 0.5
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    away = cv2.distanceTransform(outside.astype(np.uint8), cv2.DIST_L2, 5)
    headness = _headness(rgb.shape, face, shrink)
    band_out = (0.025 + 0.115 * headness) * side
    band_in = (0.02 + 0.02 * headness) * side
    deep = depth > (0.1 + 0.3 * headness) * side  # what the segmenter doubts here is a dark fold, not the scene
    sure_person = (depth > band_in) & ((belief > 0.9) | deep)
    sure_scene = (away > band_out) & (belief < 0.15)
    unknown = ~(sure_person | sure_scene)
    near = cv2.dilate(unknown.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(2, round(0.12 * side))) > 0
    front, front_spread = _local(image, (sure_person & near).astype(np.float32))
    back, back_spread = _local(image, (sure_scene & near).astype(np.float32))
    apart = front - back
    contrast = np.maximum(_dot(apart, apart), 1.0)
    by_colour = np.clip(_dot(image - back, apart) / contrast, 0, 1)
    # the estimate's variance: what front and back vary along the line between them, and the picture's noise
    front_variance = _along(front_spread, apart) / contrast
    back_variance = _along(back_spread, apart) / contrast
    doubt = (1 - by_colour) ** 2 * back_variance + by_colour**2 * front_variance + SENSOR_NOISE / contrast
    # the segmenter errs by a quarter at its outline, less far from it
    off = away + depth * 0.7
    prior_doubt = (0.06 + 0.22 * np.exp(-((off / (0.05 * side)) ** 2))) ** 2
    weight = prior_doubt / (prior_doubt + doubt)
    alpha = np.where(unknown, weight * by_colour + (1 - weight) * belief, sure_person.astype(np.float32))
    alpha = alpha.astype(np.float32)
    smooth = cv2.ximgproc.guidedFilter(rgb, alpha, max(2, round(0.02 * side)), 30.0)
    alpha = np.where(unknown, np.clip((smooth - 0.04) / 0.92, 0, 1), alpha)
    return np.asarray(alpha, np.float32)


def _local(image: NDArray[np.float32], weight: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean colour [H, W, 3] and covariance [H, W, 6] (rr, gg, bb, rg, rb, gb) of the nearest weighted pixels."""
    if not weight.any():
        return image, np.full((*image.shape[:2], 6), 1e4, np.float32)
    pairs = image[..., [0, 1, 2, 0, 0, 1]] * image[..., [0, 1, 2, 1, 2, 2]]
    both = spread(np.concatenate([image, pairs], axis=2), weight)
    mean = both[..., :3]
    return mean, both[..., 3:] - mean[..., [0, 1, 2, 0, 0, 1]] * mean[..., [0, 1, 2, 1, 2, 2]]


def _along(covariance: NDArray[np.float32], direction: NDArray[np.float32]) -> NDArray[np.float32]:
    """[H, W] variance along the direction [H, W, 3], of any length."""
    r, g, b = direction[..., 0], direction[..., 1], direction[..., 2]
    products = np.stack([r * r, g * g, b * b, 2 * r * g, 2 * r * b, 2 * g * b], axis=2)
    length = np.maximum(_dot(direction, direction), 1e-6)
    return np.asarray(np.maximum(_dot(covariance, products) / length, 0), np.float32)


def _dot(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("hwc,hwc->hw", a, b), np.float32)
