"""From one photograph to a person: fit the head, cut the layers, inflate what the head model lacks, colour the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, distance_transform_edt, gaussian_filter, maximum_filter

from backend.avatars.zera.appearance import skin_appearance
from backend.avatars.zera.data import NO_SURFACE, Canvas, Person
from backend.avatars.zera.lids import BLINKS, closing_lids
from backend.avatars.zera.outline import conformed
from backend.avatars.zera.relief import Shell, bind, inflate, shell
from backend.capture.detection import FaceLandmarks, detect_face
from backend.capture.fit import HeadFit, fit_heads
from backend.capture.image import Picture
from backend.capture.masks import Masks, segment
from backend.capture.masks_fill import background_plate, decontaminate, fill_layer
from backend.capture.rasteriser import Hits, rasteriser
from backend.head.model import EYE, GUM, MOUTH_CAVITY, TEETH, TONGUE, head_model
from shared.camera import Camera
from shared.progress import Progress, part, silent

MARGIN = 0.35  # of the face's side
CELLS_PER_FACE = 52  # grid cells of a shell along the face's side
RIM_BEHIND_EARS = 0.012  # metres: where the front and the back of hair meet
CHEST = 0.08  # metres: how far clothes stand before the shoulders' depth where nothing else tells
EAR_REACH = 0.05  # metres: how far an ear may lie from the head model's
NECK_SHARE = 0.97  # less of the head's motion than this is neck or torso
CHIN, SHOULDER = -0.125, -0.27  # metres: heights in the head frame between which hair passes from head to torso


@dataclass(frozen=True)
class _Scene:
    """What the steps share: everything on the canvas."""

    fit: HeadFit
    camera: Camera
    masks: Masks
    source: NDArray[np.float64]  # [V, 3] head frame
    world: NDArray[np.float64]  # [V, 3]
    hits: Hits  # the whole head model seen in the photograph
    metre: float  # pixels a metre at the head's distance
    depth: float  # of the head's origin


def build_person(picture: Picture, progress: Progress = silent) -> tuple[Person, dict[str, float]]:
    """Reconstruct the person on one photograph.

    Args:
        picture: the photograph.
        progress: told the stage.

    Returns:
        The person and its report: ``residual`` of the fit in face sides, ``face_pixels``, ``person_share``.

    Raises:
        LimnerError: ``FACE_NOT_FOUND``, ``FACE_TOO_SMALL``, ``GRAPHICS_UNAVAILABLE``.
    """
    progress(0.0, "finding the face")
    face = detect_face(picture.rgb)
    progress(0.1, "cutting out the person")
    masks = segment(picture.rgb, face, picture.alpha)
    progress(0.4, "fitting the head")
    height, width = picture.rgb.shape[:2]
    fit = fit_heads([face], [(width, height)])[0]
    person = lift(picture.rgb, face, masks, fit, part(progress, 0.45, 1.0))
    return person, {
        "residual": fit.residual,
        "face_pixels": float(face.side),
        "person_share": float(masks.person.mean()),
    }


def lift(rgb: NDArray[np.uint8], face: FaceLandmarks, masks: Masks, fit: HeadFit, progress: Progress) -> Person:
    """Make the layers and shells of a fitted photograph, [H, W, 3] uint8."""
    margin = int(MARGIN * face.side) // 2 * 2
    plate = _plate(rgb, masks.person)
    clean, masks = _explained(rgb, masks, plate)
    scene = _scene(masks, fit, margin)
    for _ in range(2):
        moved = conformed(fit, scene.world, scene.hits, scene.camera, scene.masks.face, scene.masks.person)
        fit = replace(fit, neutral=moved)
        scene = _scene(masks, fit, margin)
    progress(0.2, "inflating clothes")
    body, body_alpha, body_front = _body_shell(scene)
    progress(0.4, "inflating hair")
    hair, hair_alpha = _hair_shell(scene, body_front)
    progress(0.6, "filling what is hidden")
    # the farthest around: a bilinear look-up at an outline must not hide what is seen there
    depth = maximum_filter(np.where(np.isfinite(scene.hits.depth), scene.hits.depth, 0), 5) - scene.depth
    bodily = masks.clothes + masks.neck
    canvas = Canvas(
        camera=scene.camera,
        margin=margin,
        skin=_layer(clean, masks.face + masks.neck + _on_scalp(scene)[margin:-margin, margin:-margin], margin),
        hair=_with_alpha(_layer(clean, _unpadded(hair_alpha, margin), margin), hair_alpha),
        body=_with_alpha(_in_shadow(_layer(clean, bodily, margin), bodily, margin, scene.metre), body_alpha),
        plate=_padded(plate, margin),
        cut=_cut(scene),
        depth=np.where(depth > -scene.depth, depth, NO_SURFACE).astype(np.float16),
    )
    progress(0.85, "colouring the head")
    skin = skin_appearance(scene.source, scene.world, scene.hits, canvas, fit, face.points[:, :2] + margin, scene.masks)
    progress(1.0, "reconstructed")
    return Person(
        neutral=fit.neutral.astype(np.float32),
        coefficients=fit.coefficients.astype(np.float32),
        head_to_world=fit.head_to_world,
        canvas=canvas,
        skin=skin,
        hair=hair,
        body=body,
    )


def _scene(masks: Masks, fit: HeadFit, margin: int) -> _Scene:
    camera = fit.camera
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, 2] += margin
    camera = Camera(intrinsics, camera.world_to_camera, camera.width + 2 * margin, camera.height + 2 * margin)
    model = head_model()
    actions = model.actions.copy()
    actions[list(BLINKS)] = closing_lids(fit.neutral)
    source = model.expressed(fit.neutral, fit.coefficients, actions)
    world = source @ fit.head_to_world[:3, :3].T + fit.head_to_world[:3, 3]
    hits = rasteriser().draw(world, model.faces, camera)
    depth = float(camera.world_to_camera[2, 3])
    metre = float(intrinsics[0, 0]) / depth
    return _Scene(fit, camera, _continued(masks, margin, hits, model.head_share[model.faces].min(axis=1), metre),
                  source, world, hits, metre, depth)  # fmt: skip


def _continued(masks: Masks, margin: int, hits: Hits, face_share: NDArray[np.float32], metre: float) -> Masks:
    """The masks on the canvas: cut off by the picture's edge, a person goes on beyond it, but a head not for long."""
    padded = [np.pad(getattr(masks, name), margin, mode="edge") for name in ("hair", "face", "neck", "clothes")]
    height, width = masks.person.shape
    outside = np.ones(padded[0].shape, bool)
    outside[margin : margin + height, margin : margin + width] = False
    on_head = (hits.triangle >= 0) & (face_share[hits.triangle] > NECK_SHARE)
    near_head = np.clip(1.2 - distance_transform_edt(~on_head) / (0.035 * metre), 0, 1)
    for layer in padded[:2]:
        layer[outside] *= near_head[outside]
    total = sum(padded)
    return Masks(np.asarray(total, np.float32), *padded)


def _grid(scene: _Scene) -> tuple[int, NDArray[np.float64]]:
    """Step in pixels and the nodes' places [h, w, 2]."""
    step = max(1, round(0.185 * scene.metre / CELLS_PER_FACE))
    rows = np.arange(0, scene.camera.height + step, step)
    columns = np.arange(0, scene.camera.width + step, step)
    return step, np.stack(np.meshgrid(columns, rows), axis=-1).astype(np.float64)


def _at(pixels: NDArray[np.float64], picture: NDArray[np.floating], step: int) -> NDArray[np.float64]:
    """A picture's mean around the grid's nodes."""
    smooth = cv2.blur(np.asarray(picture, np.float32), (step, step), borderType=cv2.BORDER_REPLICATE)
    x = np.clip(pixels[..., 0], 0, picture.shape[1] - 1).astype(int)
    y = np.clip(pixels[..., 1], 0, picture.shape[0] - 1).astype(int)
    return smooth[y, x].astype(np.float64)


def _sheet_depths(scene: _Scene, faces: NDArray[np.int32], pixels: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Front and back depth of some of the head model's faces at the grid's nodes, NaN where they are not."""
    depths = []
    for oriented in (faces, faces[:, ::-1]):
        hits = rasteriser().draw(scene.world, oriented, scene.camera)
        x = np.clip(pixels[..., 0], 0, scene.camera.width - 1).astype(int)
        y = np.clip(pixels[..., 1], 0, scene.camera.height - 1).astype(int)
        depth = hits.depth[y, x].astype(np.float64)
        depths.append(np.where(np.isfinite(depth), depth, np.nan))
    return depths[0], depths[1]


def _hair_shell(scene: _Scene, body_front: NDArray[np.float64]) -> tuple[Shell, NDArray[np.uint8]]:
    model, masks = head_model(), scene.masks
    step, pixels = _grid(scene)
    cell = step / scene.metre
    share = model.head_share[model.faces].min(axis=1)
    front, back = _sheet_depths(scene, model.faces[share > NECK_SHARE], pixels)
    rim = np.full(front.shape, scene.depth + RIM_BEHIND_EARS)
    # what the head model does not cover of the skin (ears, a jaw fitted too small) goes with the hair
    uncovered = _uncovered(scene)
    alpha = np.clip(masks.hair + uncovered, 0, 1)
    matte, hair = _at(pixels, alpha, step), _at(pixels, masks.hair, step)
    person, face = _at(pixels, masks.person, step), _at(pixels, masks.face, step)
    domain = binary_dilation(matte > 0.04)
    outline = domain & binary_dilation(person < 0.35)
    on_mesh = np.isfinite(front) & (front < rim)
    # hair lies on the head as thick as it stands out at its outline, thinning towards the face
    to_face = distance_transform_edt(face < 0.5) * cell
    stands_out = distance_transform_edt(~np.isfinite(front)) * cell
    rims = outline & (hair > 0.2) & (stands_out > 0)
    thickness = float(np.clip(np.median(stands_out[rims]) if rims.any() else 0.005, 0.004, 0.03))
    lift_ = np.minimum(thickness, 0.0006 + 0.25 * np.maximum(to_face - 0.004, 0))
    # where the head's surface turns away its depth says little about the grid's cell
    surface = np.where(on_mesh, rim - np.nan_to_num(front), 0.0)
    slope = np.hypot(*np.gradient(surface)) / cell
    known = np.where(on_mesh, surface + lift_, 0.0)
    trust = np.where(on_mesh, 0.8 / (1 + (slope / 1.2) ** 4), 0.0)
    in_front = np.isfinite(body_front) & (hair > 0.25) & ~on_mesh
    known = np.where(in_front, rim - np.nan_to_num(body_front) + 0.008, known)
    trust = np.where(in_front, 0.5, trust)
    height = inflate(domain, outline & ~on_mesh & ~in_front, rim, known, trust, cell, bulge=0.5)
    solid = on_mesh & (hair > 0.3) & (slope < 3)
    height = np.where(solid, np.maximum(height, surface + 0.0006), height)
    height = np.where(in_front, np.maximum(height, known - 0.004), height)
    on_back = np.isfinite(back) & (back > rim)
    behind = np.where(on_back, np.nan_to_num(back) - rim + 0.6 * thickness, 0.0)
    height_back = inflate(domain, outline & ~on_back, rim, behind, np.where(on_back, 0.6, 0.0), cell, bulge=0.5)
    to_head = np.linalg.inv(scene.fit.head_to_world)
    vertices, faces = shell(domain, rim - height, rim + height_back, pixels, scene.camera, to_head)
    nearest, weight = bind(vertices, scene.source, 0.012)
    fall = np.clip((vertices[:, 2] - SHOULDER) / (CHIN - SHOULDER), 0, 1)
    return Shell(vertices, faces, (fall * fall * (3 - 2 * fall)).astype(np.float32), nearest, weight), _bytes(alpha)


def _uncovered(scene: _Scene) -> NDArray[np.float32]:
    """[H, W] skin that the head model does not cover and that is wide enough to be a thing of its own: ears mostly."""
    masks = scene.masks
    beyond = np.clip(1.5 - 2 * gaussian_filter(np.isfinite(scene.hits.depth).astype(np.float32), 1.0), 0, 1)
    wide = binary_opening(masks.face * beyond > 0.3, iterations=max(3, round(0.007 * scene.metre)))
    ears = (np.abs(head_model().mean[:, 0]) > 0.075) & (head_model().mean[:, 1] > -0.03)
    column, row = np.clip(scene.camera.project(scene.world[ears])[:, :2].T, 0, np.array(wide.shape[::-1])[:, None] - 1)
    near_ears = np.ones(wide.shape, bool)
    near_ears[row.astype(int), column.astype(int)] = False
    wide &= distance_transform_edt(near_ears) < EAR_REACH * scene.metre
    own = binary_dilation(wide, iterations=max(4, round(0.01 * scene.metre))) | (masks.hair > 0.15)
    rest = (masks.person - masks.neck - masks.clothes - masks.hair).clip(0, 1)
    over_ears = binary_dilation(wide, iterations=2) | (beyond > 0.5)
    return np.asarray(rest * gaussian_filter((own & over_ears).astype(np.float32), 1.0), np.float32)


def _body_shell(scene: _Scene) -> tuple[Shell, NDArray[np.uint8], NDArray[np.float64]]:
    """The shell, its opacity on the canvas, and its front's depth at the grid's nodes (NaN where it is not)."""
    model, masks = head_model(), scene.masks
    step, pixels = _grid(scene)
    cell = step / scene.metre
    share = model.head_share[model.faces].max(axis=1)
    front, back = _sheet_depths(scene, model.faces[share < NECK_SHARE], pixels)
    clothes, neck = _at(pixels, masks.clothes, step), _at(pixels, masks.neck, step)
    person = _at(pixels, masks.person, step)
    under = np.isfinite(front) & (person > 0.5)  # the neck goes on behind the chin, the chest under long hair
    domain = binary_dilation((clothes + neck > 0.04) | under)
    outline = domain & binary_dilation(person < 0.35)
    shoulders = float(np.median(scene.world[model.head_share < 0.02][:, 1]))
    rim = np.full(front.shape, scene.depth + shoulders)
    # clothes lie on the model's skin, bare skin just behind it, so that the neck that bends is the one seen
    lift_ = gaussian_filter(np.where(clothes > neck, 0.012, -0.006), 1.0)
    known = np.where(np.isfinite(front), rim - np.nan_to_num(front) + lift_, 0.0)
    known = np.where(np.isfinite(front), known, CHEST)
    trust = np.where(np.isfinite(front), 0.25, 0.01)
    height = inflate(domain, outline & ~np.isfinite(front), rim, known, trust, cell, bulge=0.2)
    behind = np.where(np.isfinite(back), np.nan_to_num(back) - rim + 0.01, 0.0)
    height_back = inflate(domain, outline, rim, behind, np.where(np.isfinite(back), 0.25, 0.0), cell, bulge=0.2)
    to_head = np.linalg.inv(scene.fit.head_to_world)
    vertices, faces = shell(domain, rim - height, rim + height_back, pixels, scene.camera, to_head)
    nearest, weight = bind(vertices, scene.source, 0.03)
    share = np.minimum(model.head_share[nearest], 0.9) * weight
    alpha = np.clip(masks.clothes + masks.neck, 0, 1)
    filled = cv2.resize(under.astype(np.float32), None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
    filled = np.pad(filled, ((0, step), (0, step)), mode="edge")[: alpha.shape[0], : alpha.shape[1]]
    alpha = np.maximum(alpha, np.minimum(filled, masks.person))
    still = np.zeros(len(vertices), np.float32)
    return (
        Shell(vertices, faces, share.astype(np.float32), nearest, still),
        _bytes(alpha),
        np.where(domain, rim - height, np.nan),
    )


def _cut(scene: _Scene) -> NDArray[np.uint8]:
    """[H, W, 5] the matte, where the photograph shows eyeballs, the inside of the mouth, clothes, and the hull."""
    model = head_model()
    region = np.where(scene.hits.triangle >= 0, model.region[model.faces[scene.hits.triangle]].max(axis=-1), -1)
    eyes = gaussian_filter((region == EYE).astype(np.float32), 0.7)
    mouth = gaussian_filter(np.isin(region, (MOUTH_CAVITY, TONGUE, TEETH, GUM)).astype(np.float32), 0.7)
    reach = 0.006 * scene.metre
    hull = np.clip(1.5 - distance_transform_edt(scene.masks.person < 0.5) / reach, 0, 1)
    return np.stack([_bytes(m) for m in (scene.masks.person, eyes, mouth, scene.masks.clothes, hull)], axis=-1)


def _layer(clean: NDArray[np.uint8], share: NDArray[np.float32], margin: int) -> NDArray[np.uint8]:
    """A layer's colours on the canvas: the photograph where the layer has a share in a pixel, continued elsewhere."""
    own = np.clip(maximum_filter(share, 3) * 12, 0, 1)[..., None]
    continued = fill_layer(clean, share)
    return _padded(np.round(own * clean + (1 - own) * continued).astype(np.uint8), margin)


def _on_scalp(scene: _Scene) -> NDArray[np.float32]:
    """[H, W] hair that may lie on the head model as well as in front of it: at the hairline, and all of the scalp's."""
    to_skin = distance_transform_edt(scene.masks.face < 0.5) / scene.metre
    model = head_model()
    scalp = (model.mean[:, 2] > 0.06) | (model.mean[:, 1] > -0.02)
    on_scalp = (scene.hits.triangle >= 0) & scalp[model.faces].all(axis=1)[scene.hits.triangle]
    near = np.maximum(np.clip(1.5 - to_skin / 0.006, 0, 1), gaussian_filter(on_scalp.astype(np.float32), 2.0))
    return np.asarray(scene.masks.hair * near, np.float32)


def _in_shadow(picture: NDArray[np.uint8], share: NDArray[np.float32], margin: int, metre: float) -> NDArray[np.uint8]:
    """A layer's colours, darker the further they are continued under what hides it."""
    away = distance_transform_edt(np.pad(share, margin, mode="edge") < 0.3) / metre
    light = 0.5 + 0.5 * np.exp(-away / 0.035)
    return np.round(picture * light[..., None]).astype(np.uint8)


def _explained(rgb: NDArray[np.uint8], masks: Masks, plate: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Masks]:
    """The person's colours and masks such that person over plate gives the photograph again.

    Where the matte is partial and the mixture misses the photograph, the share is measured anew along the line from the
    plate's colour to the person's; a pixel that no mixture explains belongs to the person as it is.
    """
    clean = decontaminate(rgb, masks.person)
    photo, front, behind = (picture.astype(np.float32) / 255 for picture in (rgb, clean, plate))
    alpha = masks.person[..., None]
    missed = np.abs(alpha * front + (1 - alpha) * behind - photo).max(axis=2, keepdims=True)
    apart = front - behind
    measured = ((photo - behind) * apart).sum(axis=2, keepdims=True) / ((apart**2).sum(axis=2, keepdims=True) + 1e-3)
    measured = np.clip(measured, 0, 1)
    doubt = np.clip((missed - 0.06) / 0.1, 0, 1) * (alpha > 0.02)
    better = alpha + doubt * (measured - alpha)
    unexplained = np.abs(better * front + (1 - better) * behind - photo).max(axis=2, keepdims=True)
    solid = np.clip((unexplained - 0.08) / 0.12, 0, 1) * np.clip((alpha - 0.25) / 0.25, 0, 1)
    person = (better + solid * (1 - better))[..., 0]
    scale = person / np.maximum(masks.person, 1e-4)
    parts = [np.asarray(getattr(masks, name) * scale, np.float32) for name in ("hair", "face", "neck", "clothes")]
    colours = np.round((front + solid * (photo - front)) * 255).astype(np.uint8)
    return colours, Masks(np.asarray(sum(parts), np.float32), *parts)


def _plate(rgb: NDArray[np.uint8], person: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The scene without the person; the photograph itself up to a few pixels from them."""
    reach = max(2, round(0.004 * max(person.shape)))
    hidden = np.clip(gaussian_filter(maximum_filter((person > 0.02).astype(np.float32), 2 * reach + 1), 0.7), 0, 1)
    filled = background_plate(rgb, person)
    return np.round(hidden[..., None] * filled + (1 - hidden[..., None]) * rgb).astype(np.uint8)


def _padded(picture: NDArray[np.uint8], margin: int) -> NDArray[np.uint8]:
    return np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge")


def _unpadded(picture: NDArray[np.uint8], margin: int) -> NDArray[np.float32]:
    return picture[margin:-margin, margin:-margin].astype(np.float32) / 255


def _with_alpha(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([rgb, alpha[..., None]], axis=-1)


def _bytes(mask: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.round(np.clip(mask, 0, 1) * 255).astype(np.uint8)
