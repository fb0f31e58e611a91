"""Colours of the head model's surface: what the photograph shows, how well, and what stands in where it does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from backend.avatars.zera.data import EYE_PROFILE_REACH, Canvas, HeadCanvas, SkinAppearance
from backend.avatars.zera.mouth import FEW_TEETH, mouth_colours, seen_teeth, with_rims
from backend.capture.correspondence import correspondence
from backend.capture.fit import HeadFit
from backend.capture.lids import UPPER_LEFT, UPPER_RIGHT
from backend.capture.masks import Masks
from backend.capture.rasteriser import Hits
from backend.head.model import EYE, EYE_CAVITY, SKIN, TEETH, HeadModel, head_model
from backend.head.normals import cosines_of_view, vertex_normals
from backend.head.smooth import laplacian
from backend.nerf.images import smoothstep

PROFILE_BINS = 32
ORBIT = 0.008  # metres from the lids' rims within which the skin is shaded by brow and crease
MOUTH_REACH = 0.045  # metres around the teeth: skin there is in the mouth's light
OUTLINE_REACH = 0.004  # metres that colours of what stands in front, a nose, reach over its outline
STEEPEST = 6.0  # slope of a surface, from where on it counts as an outline
BESIDE_OUTLINE = (0.006, 0.014)  # metres from there back to what its colours do not belong to
SURFACE_TOLERANCE = 0.004  # metres: a vertex this far behind the visible surface still belongs to it


def skin_appearance(
    source: NDArray[np.float64],
    world: NDArray[np.float64],
    hits: Hits,
    canvas: Canvas,
    fit: HeadFit,
    landmarks: NDArray[np.float32],
    masks: Masks,
) -> SkinAppearance:
    """Measure the photograph on the fitted head.

    Args:
        source: [V, 3] the head in the photograph, head frame.
        world: [V, 3] the same in the world.
        hits: the head rasterised on the canvas.
        canvas: the layers.
        fit: the head's fit.
        landmarks: [478, 2] canvas pixels.
        masks: on the canvas.
    """
    model = head_model()
    pixels = canvas.camera.project(world)
    x = np.clip(pixels[:, 0], 0, canvas.camera.width - 1).astype(int)
    y = np.clip(pixels[:, 1], 0, canvas.camera.height - 1).astype(int)
    nearest = maximum_filter(np.where(np.isfinite(hits.depth), hits.depth, 0), 3)
    visible = pixels[:, 2] < nearest[y, x] + SURFACE_TOLERANCE
    cosine = cosines_of_view(world, vertex_normals(world, model.faces), canvas.camera)[:, 0]
    confidence = visible * smoothstep(0.12, 0.45, cosine) * smoothstep(0.4, 0.8, masks.person[y, x])
    skin = model.region == SKIN
    confidence *= np.where(skin, 1 - smoothstep(0.2, 0.7, masks.clothes[y, x]), 1.0)

    blur = 0.003 * canvas.camera.intrinsics[0, 0] / canvas.camera.world_to_camera[2, 3]  # 3 mm in pixels
    # lids and lips must not take the colours of what they close over
    inside = maximum_filter(canvas.cut[..., 1:3].max(axis=2), round(2 * blur / 3) * 2 + 1)
    weight = np.clip(1 - inside / 255, 1e-3, 1)[..., None].astype(np.float32)
    soft = gaussian_filter(canvas.skin * weight, (blur, blur, 0)) / gaussian_filter(weight, (blur, blur, 0)) / 255
    hair = gaussian_filter(canvas.hair[..., :3].astype(np.float32), (blur, blur, 0)) / 255
    hairy = masks.hair[y, x] > 0.5
    colour = np.where(hairy[:, None], hair[y, x], soft[y, x])
    # lids are filled mostly from the skin around the sockets: their own strip of photograph is crease, lashes and shade
    around = _on_upper_rims(model, ORBIT) == 0
    known = np.where(skin, confidence * np.where(around, 1.0, 0.05), 0.0)
    fallback = _stand_ins(model, colour, hairy, known, np.where(skin, confidence, 0.0))
    fallback[model.region == EYE_CAVITY] *= 0.6
    brightness = np.median(soft[y[skin & (confidence > 0.6)], x[skin & (confidence > 0.6)]], axis=0)
    teeth = model.region == TEETH
    to_mouth = np.linalg.norm(model.mean - model.mean[teeth][model.mean[teeth, 1].argmin()], axis=1)
    around_mouth = colour[skin & (confidence > 0.6) & (to_mouth < MOUTH_REACH)]
    light = np.percentile(around_mouth, 75, axis=0) if len(around_mouth) > 8 else brightness
    shown = visible & seen_teeth(colour, canvas.cut[y, x, 2] / 255, light)
    enamel = np.percentile(colour[shown], 80, axis=0) if shown.sum() > FEW_TEETH else None
    fallback, lips = with_rims(fallback, canvas.skin[y, x] / 255, np.where(skin, confidence, 0.0))
    fallback = mouth_colours(fallback, light, lips, enamel)
    iris, angle = _irises(model, fit, hits, landmarks, canvas)
    profile = _eye_profile(model, eye_directions(model, fit.neutral), iris, angle, hits, canvas)
    return SkinAppearance(
        cosine.astype(np.float32),
        fallback.astype(np.float32),
        soft[y, x].astype(np.float32),
        iris.astype(np.float32),
        angle,
        profile,
    )


def outlines_around(depth: NDArray[np.floating], canvas: HeadCanvas) -> NDArray[np.floating]:
    """[H, W] metres: the least depth within a few millimetres at the outlines of what stands before something else on
    the head, a nose before a cheek; infinite where there is none.

    Args:
        depth: [H, W] metres, of the head on the canvas, infinite off it.
        canvas: the layers.
    """
    metre = canvas.camera.intrinsics[0, 0] / canvas.camera.world_to_camera[2, 3]
    behind = maximum_filter(np.where(np.isfinite(depth), depth, -np.inf), 3)
    outline = np.where(behind - depth > max(BESIDE_OUTLINE[0], STEEPEST / metre), depth, np.inf)
    return minimum_filter(outline, 2 * round(OUTLINE_REACH * metre) + 1)


def _continued(model: HeadModel, colour: NDArray[np.floating], confidence: NDArray[np.floating]) -> NDArray[np.float64]:
    """[V, 3] colours carried over the mesh from where they are seen."""
    known, weight = colour, confidence
    graph = laplacian(model.faces, None, len(model.mean))
    system = splu((graph + sparse.diags(3.0 * weight + 1e-6)).tocsc())
    mean = (known * weight[:, None]).sum(axis=0) / (weight.sum() + 1e-9)
    return np.clip(system.solve(3.0 * weight[:, None] * known + 1e-6 * mean), 0, 1)


def _stand_ins(
    model: HeadModel,
    colour: NDArray[np.floating],
    hairy: NDArray[np.bool_],
    known: NDArray[np.floating],
    confidence: NDArray[np.floating],
) -> NDArray[np.float64]:
    """[V, 3] colours of skin and of hair, each carried on over the mesh from where it is seen.

    Args:
        model: the head model.
        colour: [V, 3] what the photograph shows.
        hairy: [V] whether that is hair, or what else covers the head.
        known: [V] how much of it to take.
        confidence: [V] how well it is seen, of skin.
    """
    bare, covered = (_continued(model, colour, known * side) for side in (~hairy, hairy))
    # on the side that is not seen, hair ends where it ends on the other
    by_mirror = confidence[model.mirror] * (1 - confidence) * (model.region == SKIN)
    ends = (known * hairy + by_mirror * hairy[model.mirror]) / (known + by_mirror + 1e-9)
    return np.asarray(bare + _continued(model, ends[:, None], known + by_mirror) * (covered - bare))


def eye_directions(model: HeadModel, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
    """[V, 3] Unit vectors from the eyeball's centre for vertices of the eyeballs, zero elsewhere."""
    out = np.zeros((len(vertices), 3))
    for ball in _balls(model):
        centre = (vertices[ball].min(axis=0) + vertices[ball].max(axis=0)) / 2
        direction = vertices[ball] - centre
        out[ball] = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return out


def _on_upper_rims(model: HeadModel, reach: float) -> NDArray[np.float64]:
    """[V] 1 on the rims of the upper lids, falling to 0 at one and a half times ``reach`` metres from them."""
    places = correspondence().on(model.mean)
    rims = np.concatenate([places[UPPER_LEFT], places[UPPER_RIGHT]])
    distance, _ = cKDTree(rims).query(model.mean)
    return np.where(model.region == SKIN, np.clip(1.5 - distance / reach, 0, 1), 0.0)


def _balls(model: HeadModel) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Vertices of the right and the left eyeball."""
    eye = model.region == EYE
    return np.flatnonzero(eye & (model.mean[:, 0] < 0)), np.flatnonzero(eye & (model.mean[:, 0] > 0))


def _irises(
    model: HeadModel, fit: HeadFit, hits: Hits, landmarks: NDArray[np.float32], canvas: Canvas
) -> tuple[NDArray[np.float64], float]:
    """Where on each eyeball the iris sits, and how large it is."""
    directions = eye_directions(model, fit.neutral)
    irises, angles = [], []
    for ball, ring in zip(_balls(model), (slice(468, 473), slice(473, 478)), strict=True):
        centre = landmarks[ring][0]
        direction = np.array([0.0, -1.0, 0.0])
        column, row = int(centre[0]), int(centre[1])
        if 0 <= row < hits.depth.shape[0] and 0 <= column < hits.depth.shape[1]:
            corners = model.faces[hits.triangle[row, column]]
            if hits.triangle[row, column] >= 0 and np.isin(corners, ball).all():
                direction = directions[corners].T @ hits.barycentric[row, column]
        irises.append(direction / np.linalg.norm(direction))
        radius = np.linalg.norm(landmarks[ring][1:] - centre, axis=1).mean()
        metres = radius / canvas.camera.intrinsics[0, 0] * canvas.camera.world_to_camera[2, 3]
        ball_radius = np.ptp(fit.neutral[ball], axis=0).mean() / 2
        angles.append(np.arcsin(np.clip(metres / ball_radius, 0.3, 0.7)))
    return np.stack(irises), float(np.mean(angles))


def _eye_profile(
    model: HeadModel,
    directions: NDArray[np.float64],
    irises: NDArray[np.float64],
    angle: float,
    hits: Hits,
    canvas: Canvas,
) -> NDArray[np.float32]:
    """[PROFILE_BINS, 3] Median colour of the visible eyes by distance from the iris's centre, in iris radii."""
    distance, colours = [], []
    for ball, iris in zip(_balls(model), irises, strict=True):
        on_ball = (hits.triangle >= 0) & np.isin(model.faces[hits.triangle], ball).all(axis=-1)
        on_ball &= canvas.cut[..., 1] > 235
        direction = np.einsum("nkc,nk->nc", directions[model.faces[hits.triangle[on_ball]]], hits.barycentric[on_ball])
        direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-9
        distance.append(np.arccos(np.clip(direction @ iris, -1, 1)) / angle)
        colours.append(canvas.skin[on_ball] / 255)
    radius, colour = np.concatenate(distance), np.concatenate(colours)
    centres = (np.arange(PROFILE_BINS) + 0.5) * EYE_PROFILE_REACH / PROFILE_BINS
    profile = np.full((PROFILE_BINS, 3), np.nan)
    for index, middle in enumerate(centres):
        near = np.abs(radius - middle) < EYE_PROFILE_REACH / PROFILE_BINS
        if near.sum() >= 4:
            # outside the iris lids and lashes darken many pixels: take the brighter ones
            profile[index] = np.percentile(colour[near], 50 if middle < 1.05 else 70, axis=0)
    known = np.isfinite(profile[:, 0])
    if known.sum() < 4:
        return np.where(centres[:, None] < 1, 0.15, 0.8).repeat(3, axis=1).astype(np.float32)
    filled = np.stack([np.interp(centres, centres[known], profile[known, axis]) for axis in range(3)], axis=1)
    return filled.astype(np.float32)
