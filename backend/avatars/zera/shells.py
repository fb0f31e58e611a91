"""What the head model lacks, inflated from the masks: the shell of hair (and ears), the shell of clothes and neck."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from backend.avatars.zera.layers import quantised
from backend.avatars.zera.relief import Shell, bind, inflate, shell, unprojected
from backend.avatars.zera.scene import NECK_SHARE, Scene
from backend.capture.masks import Masks
from backend.capture.rasteriser import rasteriser
from backend.head.model import head_model
from backend.nerf.images import smoothstep

CELLS_PER_FACE = 52  # grid cells of a shell along the face's side
RIM_BEHIND_EARS = 0.012  # metres: where the front and the back of hair meet
CHEST = 0.08  # metres: how far clothes stand before the shoulders' depth where nothing else tells
BODY_REACH = 0.03  # metres: how far clothes and skin go on under hair where the head model knows nothing of them
EAR_REACH = 0.05  # metres: how far an ear may lie from the head model's
CHIN, SHOULDER = -0.125, -0.27  # metres: heights in the head frame between which hair passes from head to torso
LYING, HANGING = 0.01, 0.08  # metres from the body: hair nearer lies on it, hair further hangs free
SMOOTH = 1.5  # grid cells over which a told depth is smoothed
LOOSE = 0.015  # metres before the body: hair that is told to be nearer to it lies on it
EDGE = 0.015  # metres within which hair comes down to the face
ROUND = 0.03  # metres from its outline within which hair on the head turns from front to back
FOLDED = 0.06  # metres from its outline within which the back of hair follows the front's depth there
HELD = 0.04  # metres from what lies on the head: hair nearer is held by it


def body_shell(scene: Scene) -> tuple[Shell, NDArray[np.uint8], NDArray[np.float64]]:
    """Clothes, neck and chest: what stays with the torso.

    Returns:
        The shell, its opacity on the canvas [H, W] uint8, and its front's depth at the grid's nodes, [h, w] metres
        along the camera's axis, NaN where it is not.
    """
    model, masks = head_model(), scene.masks
    step, pixels = _grid(scene)
    cell = step / scene.metre
    share = model.head_share[model.faces].max(axis=1)
    torso = model.faces[share < NECK_SHARE]
    front, back = _sheet_depths(scene, torso, pixels)
    clothes, neck = _mean_at(pixels, masks.clothes, step), _mean_at(pixels, masks.neck, step)
    person = _mean_at(pixels, masks.person, step)
    alpha = _going_on(scene, torso)
    domain = binary_dilation(_mean_at(pixels, alpha, step) > 0.04)
    outline = domain & binary_dilation(person < 0.35)
    shoulders = float(np.median(scene.world[model.head_share < 0.02][:, 1]))
    rim = np.full(front.shape, scene.depth + shoulders)
    # clothes lie on the model's skin, bare skin just behind it, so that the neck that bends is the one seen
    clearance = gaussian_filter(np.where(clothes > neck, 0.012, -0.006), 1.0)
    known = np.where(np.isfinite(front), rim - np.nan_to_num(front) + clearance, 0.0)
    known = np.where(np.isfinite(front), known, CHEST)
    trust = np.where(np.isfinite(front), 0.25, 0.01)
    height = inflate(domain, outline & ~np.isfinite(front), known, trust, cell, bulge=0.2)
    behind = np.where(np.isfinite(back), np.nan_to_num(back) - rim + 0.01, 0.0)
    height_back = inflate(domain, outline, behind, np.where(np.isfinite(back), 0.25, 0.0), cell, bulge=0.2)
    to_head = np.linalg.inv(scene.fit.head_to_world)
    vertices, faces = shell(domain, rim - height, rim + height_back, pixels, scene.camera, to_head)
    nearest, share = _on_torso(scene, vertices)
    still = np.zeros(len(vertices), np.float32)
    return (
        Shell(vertices, faces, share, nearest, still),
        quantised(alpha),
        np.where(domain, rim - height, np.nan),
    )


def _on_torso(scene: Scene, vertices: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """[N] the head model's vertices next to places on neck and torso [N, 3] in the head frame, and [N] how much of the
    head's motion the places take.
    """
    nearest, weight = bind(vertices, scene.source, 0.03)
    return nearest, np.minimum(head_model().head_share[nearest], 0.9) * weight


def near_body(masks: Masks, metre: float) -> NDArray[np.float32]:
    """[H, W] 1 on clothes, neck and chest and a little around them, falling to 0 ``BODY_REACH`` into hair.

    Args:
        masks: [H, W] each.
        metre: pixels a metre.
    """
    own = masks.clothes + masks.neck
    away = distance_transform_edt(own < 0.5) / metre
    return np.where(masks.hair > own, np.clip(1.5 * (1 - away / BODY_REACH), 0, 1), 1).astype(np.float32)


def _going_on(scene: Scene, torso: NDArray[np.int32]) -> NDArray[np.float32]:
    """[H, W] 0..1 the body shell's opacity: bare neck and clothes, and both going on behind what hides them.

    Two layers that share a pixel must not let the background through between them, nor open a gap as one moves.

    Args:
        scene: the photograph on its canvas.
        torso: [F, 3] the head model's faces that are not the head's: the neck is behind the chin, the chest under hair.
    """
    masks = scene.masks
    near, own = near_body(masks, scene.metre), masks.clothes + masks.neck
    modelled = np.isfinite(rasteriser().draw(scene.world, torso, scene.camera).depth)
    hidden = np.maximum(gaussian_filter(modelled.astype(np.float32), 2.0), near * (own + masks.hair))
    behind = hidden * np.clip((masks.person - 0.5) / 0.4, 0, 1)  # soft edges would become thicker
    return np.asarray(np.clip(np.maximum(np.minimum(own, near), behind), 0, 1), np.float32)


def hair_shell(
    scene: Scene, body_front: NDArray[np.float64], told: NDArray[np.float32] | None
) -> tuple[Shell, NDArray[np.uint8]]:
    """Hair and the skin that the head model does not cover: what moves with the head, unless it lies on the body.

    Args:
        scene: the photograph on its canvas.
        body_front: [h, w] metres, the body shell's front at the grid's nodes, NaN where it is not: hair may fall on it.
        told: [H, W] metres, how far away hair is, on the canvas; ``None`` where nothing tells it but its outline.

    Returns:
        The shell and its opacity on the canvas [H, W] uint8.
    """
    model, masks = head_model(), scene.masks
    step, pixels = _grid(scene)
    cell = step / scene.metre
    share = model.head_share[model.faces].min(axis=1)
    front, back = _sheet_depths(scene, model.faces[share > NECK_SHARE], pixels)
    rim = np.full(front.shape, scene.depth + RIM_BEHIND_EARS)
    # what the head model does not cover of the skin (ears, a jaw fitted too small) goes with the hair
    uncovered = _uncovered(scene)
    astray = (masks.clothes + masks.neck) * (1 - near_body(masks, scene.metre))  # shares in what is hair
    alpha = np.clip(masks.hair + uncovered + astray, 0, 1)
    matte, hair = _mean_at(pixels, alpha, step), _mean_at(pixels, masks.hair, step)
    person, face = _mean_at(pixels, masks.person, step), _mean_at(pixels, masks.face, step)
    domain = binary_dilation(matte > 0.04)
    outline = domain & binary_dilation(person < 0.35)
    on_mesh = np.isfinite(front) & (front < rim)
    # hair lies on the head as thick as it stands out at its outline, thinning towards the face
    to_face = distance_transform_edt(face < 0.5) * cell
    stands_out = distance_transform_edt(~np.isfinite(front)) * cell
    rims = outline & (hair > 0.2) & (stands_out > 0)
    thickness = float(np.clip(np.median(stands_out[rims]) if rims.any() else 0.005, 0.004, 0.03))
    clearance = np.minimum(thickness, 0.0006 + 0.25 * np.maximum(to_face - 0.004, 0))
    # where the head's surface turns away its depth says little about the grid's cell
    surface = np.where(on_mesh, rim - np.nan_to_num(front), 0.0)
    slope = np.hypot(*np.gradient(surface)) / cell
    known = np.where(on_mesh, surface + clearance, 0.0)
    trust = np.where(on_mesh, 0.8 / (1 + (slope / 1.2) ** 4), 0.0)
    in_front = np.isfinite(body_front) & (hair > 0.25) & ~on_mesh
    known = np.where(in_front, rim - np.nan_to_num(body_front) + 0.008, known)
    trust = np.where(in_front, 0.5, trust)
    height = inflate(domain, outline & ~on_mesh & ~in_front, known, trust, cell, bulge=0.5)
    seam = np.zeros(height.shape)  # how far before the rim front and back meet
    if told is not None:
        depth = _hair_depth(scene, told, pixels, step)
        tall = unprojected(pixels.reshape(-1, 2), rim.ravel(), scene.camera, np.linalg.inv(scene.fit.head_to_world))
        free = smoothstep(0.0, CHIN, tall[:, 2].reshape(rim.shape))
        before = rim - depth
        before = np.where(in_front, known + np.maximum(before - known - LOOSE, 0), before)
        height, seam = _as_told(height, before, hair, outline, free, to_face, cell)
    solid = on_mesh & (hair > 0.3) & (slope < 3)
    height = np.where(solid, np.maximum(height, surface + 0.0006), height)
    height = np.where(in_front, np.maximum(height, known - 0.004), height)
    on_back = np.isfinite(back) & (back > rim)
    behind = np.where(on_back, np.nan_to_num(back) - rim + 0.6 * thickness, 0.0)
    height_back = inflate(domain, outline & ~on_back, behind, np.where(on_back, 0.6, 0.0), cell, bulge=0.5)
    height_back = np.maximum(height_back - seam, np.where(on_back, behind, -height))
    to_head = np.linalg.inv(scene.fit.head_to_world)
    vertices, faces = shell(domain, rim - height, rim + height_back, pixels, scene.camera, to_head)
    nearest, weight = bind(vertices, scene.source, 0.012)
    lies_on = np.isfinite(body_front)
    body = unprojected(pixels[lies_on], body_front[lies_on], scene.camera, to_head)
    share = _hanging(vertices[: len(vertices) // 2], domain, on_mesh, cell, body, _on_torso(scene, body)[1])
    return Shell(vertices, faces, np.tile(share, 2), nearest, weight), quantised(alpha)


def _hair_depth(scene: Scene, told: NDArray[np.float32], pixels: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """[h, w] metres, a depth [H, W] of hair at the grid's nodes, smooth, and nothing but hair in it."""
    weight = scene.masks.hair**2
    total, share = (_mean_at(pixels, each, step) for each in (told * weight, weight))
    total, share = (gaussian_filter(each, SMOOTH) + 1e-3 * gaussian_filter(each, 8 * SMOOTH) for each in (total, share))
    return (total + 1e-9 * scene.depth) / (share + 1e-9)


def _as_told(
    height: NDArray[np.float64],
    told: NDArray[np.float64],
    hair: NDArray[np.float64],
    outline: NDArray[np.bool_],
    free: NDArray[np.float64],
    to_face: NDArray[np.float64],
    cell: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[h, w] the front sheet as told where hair is, round at its edges; and how far before the rim the back follows.

    At the outline both meet at the rim beside the head; hair that hangs free meets where it is told to be. At the face
    hair comes down to it: nothing is seen through between them.

    Args:
        height: [h, w] metres before the rim that it has otherwise. told: [h, w] those that hair has.
        hair: [h, w] its share.
        outline: [h, w] where front and back meet.
        free: [h, w] how far hair hangs free there, rather than going around the head.
        to_face: [h, w] metres from the face that is seen.
        cell: side of a grid cell, metres.
    """
    # a quarter of a circle where it comes down to the face
    down = np.clip((to_face - cell) / EDGE, 0, 1)
    share = smoothstep(0.0, 0.5, gaussian_filter(hair, 1.0)) * np.sqrt(down * (2 - down))
    if not outline.any():
        return height + share * (told - height), np.zeros(height.shape)
    away, nearest = distance_transform_edt(~outline, return_indices=True)
    seam = gaussian_filter((share * free * told)[tuple(nearest)], 2.0) * (1 - smoothstep(0.0, FOLDED, away * cell))
    share *= free + (1 - free) * smoothstep(0.0, ROUND, gaussian_filter(away, 2.0) * cell)
    return height + share * (told - height), seam


def _hanging(
    front: NDArray[np.float32],
    domain: NDArray[np.bool_],
    on_head: NDArray[np.bool_],
    cell: float,
    body: NDArray[np.float32],
    body_share: NDArray[np.float32],
) -> NDArray[np.float32]:
    """[N] how much of the head's motion hair takes: what lies on the body stays with it, what lies on the head goes
    along, and between them it hangs.

    Args:
        front: [N, 3] metres, the hair's front sheet, head frame.
        domain: [h, w] the N nodes of the grid that it stands at.
        on_head: [h, w] where it lies on the head model's head.
        cell: side of a grid cell, metres.
        body: [M, 3] metres, places on the body's front, head frame.
        body_share: [M] how much of the head's motion they take.
    """
    share = smoothstep(SHOULDER, CHIN, front[:, 2])
    if len(body):
        away, nearest = cKDTree(body).query(front)
        lain_on = body_share[nearest]
        share = np.minimum(share, lain_on + (1 - lain_on) * smoothstep(LYING, HANGING, away))
    held = np.zeros(len(front))
    if on_head.any():
        held = 1 - smoothstep(0.0, HELD, distance_transform_edt(~on_head)[domain] * cell)
    # neighbours that lie on neck and shoulder do not part
    width = HELD / 4 / cell
    shares = np.zeros(domain.shape)
    shares[domain] = np.maximum(share, held)
    near = gaussian_filter(domain.astype(float), width)[domain]
    return np.maximum(gaussian_filter(shares, width)[domain] / near, held).astype(np.float32)


def _uncovered(scene: Scene) -> NDArray[np.float32]:
    """[H, W] 0..1 skin beyond the head model near its ears, but for seams: ears, or the rims of larger ones."""
    masks = scene.masks
    beyond = np.clip(1.5 - 2 * gaussian_filter(np.isfinite(scene.hits.depth).astype(np.float32), 1.0), 0, 1)
    wide = binary_opening(masks.face * beyond > 0.3, iterations=max(1, round(0.001 * scene.metre)))
    ears = (np.abs(head_model().mean[:, 0]) > 0.075) & (head_model().mean[:, 1] > -0.03)
    column, row = np.clip(scene.camera.project(scene.world[ears])[:, :2].T, 0, np.array(wide.shape[::-1])[:, None] - 1)
    near_ears = np.ones(wide.shape, bool)
    near_ears[row.astype(int), column.astype(int)] = False
    wide &= distance_transform_edt(near_ears) < EAR_REACH * scene.metre
    own = binary_dilation(wide, iterations=max(4, round(0.01 * scene.metre))) | (masks.hair > 0.15)
    rest = (masks.person - masks.neck - masks.clothes - masks.hair).clip(0, 1)
    over_ears = binary_dilation(wide, iterations=2) | (beyond > 0.5)
    return np.asarray(rest * gaussian_filter((own & over_ears).astype(np.float32), 1.0), np.float32)


def _grid(scene: Scene) -> tuple[int, NDArray[np.float64]]:
    """The shells' grid: its step in pixels and its nodes' places [h, w, 2] on the canvas."""
    step = max(1, round(0.185 * scene.metre / CELLS_PER_FACE))
    rows = np.arange(0, scene.camera.height + step, step)
    columns = np.arange(0, scene.camera.width + step, step)
    return step, np.stack(np.meshgrid(columns, rows), axis=-1).astype(np.float64)


def _mean_at(pixels: NDArray[np.float64], picture: NDArray[np.floating], step: int) -> NDArray[np.float64]:
    """[h, w] mean of a picture [H, W] over a cell around each of the grid's nodes [h, w, 2]."""
    smooth = cv2.blur(np.asarray(picture, np.float32), (step, step), borderType=cv2.BORDER_REPLICATE)
    x = np.clip(pixels[..., 0], 0, picture.shape[1] - 1).astype(int)
    y = np.clip(pixels[..., 1], 0, picture.shape[0] - 1).astype(int)
    return smooth[y, x].astype(np.float64)


def _sheet_depths(scene: Scene, faces: NDArray[np.int32], pixels: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """[h, w] front and back depth in metres of some of the head model's faces at the nodes, NaN where they are not."""
    depths = []
    for oriented in (faces, faces[:, ::-1]):
        hits = rasteriser().draw(scene.world, oriented, scene.camera)
        x = np.clip(pixels[..., 0], 0, scene.camera.width - 1).astype(int)
        y = np.clip(pixels[..., 1], 0, scene.camera.height - 1).astype(int)
        depth = hits.depth[y, x].astype(np.float64)
        depths.append(np.where(np.isfinite(depth), depth, np.nan))
    return depths[0], depths[1]
