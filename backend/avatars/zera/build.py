"""From one photograph to a person: fit the head, cut the layers, inflate what the head model lacks, colour the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

from backend.avatars.zera.appearance import skin_appearance
from backend.avatars.zera.closed_lids import closed_lids
from backend.avatars.zera.data import NO_SURFACE, Canvas, HeadCanvas, Person, Reference
from backend.avatars.zera.hair_depth import relief_network, told_depth
from backend.avatars.zera.layers import (
    cut_masks,
    explained_mixture,
    filled_layer,
    in_shadow,
    padded,
    photograph_share,
    quantised,
    scalp_hair,
    with_alpha,
)
from backend.avatars.zera.outline import conformed
from backend.avatars.zera.scene import NECK_SHARE, Scene
from backend.avatars.zera.shells import body_shell, hair_shell
from backend.capture.detection import FaceLandmarks
from backend.capture.fit import HeadFit, fit_heads
from backend.capture.lids import fitted_actions, shut
from backend.capture.masks import Masks, segment
from backend.capture.masks_fill import background_plate
from backend.capture.rasteriser import Hits, rasteriser
from backend.capture.references import Portrayed, expression_distance
from backend.head.clearance import clear_of_lips
from backend.head.model import NECK_BEGINS, head_model
from shared.camera import Camera
from shared.progress import Progress, part, silent

MARGIN = 0.35  # of the face's side
PLATE_REACH = 0.12  # of the face's side: how far the scene goes on behind the person as its mirror image
LAYER_REACH = 0.02  # metres: the same of layers behind others
DOUBTFUL, SLIT = 0.003, 0.0015  # metres from outlines, and to both sides of a mouth hardly open: nothing to lend there
RIM = 4  # pixels around the head of what another photograph lends


@dataclass(frozen=True, eq=False)
class Seen:
    """What was found in a photograph.

    Args:
        rgb: [H, W, 3] uint8 the photograph.
        face: its landmarks.
        masks: [H, W] each, on the photograph.
        fit: the head's fit.
    """

    rgb: NDArray[np.uint8]
    face: FaceLandmarks
    masks: Masks
    fit: HeadFit


def look(references: Sequence[Portrayed], progress: Progress = silent) -> list[Seen]:
    """Find the person in photographs of them, the main one first.

    Raises:
        LimnerError: ``GRAPHICS_UNAVAILABLE``.
    """
    masks = []
    for index, each in enumerate(references):
        progress(0.9 * index / len(references), "cutting out the person")
        masks.append(segment(each.picture.rgb, each.face, each.picture.alpha))
    progress(0.9, "fitting the head")
    return [
        Seen(each.picture.rgb, each.face, own, fit)
        for each, own, fit in zip(references, masks, _fitted(references), strict=True)
    ]


def build_person(seen: Sequence[Seen], progress: Progress = silent) -> tuple[Person, dict[str, float]]:
    """Reconstruct the person on photographs.

    Args:
        seen: photographs of one person; the first gives everything that it shows, the others what it does not.
        progress: told the stage.

    Returns:
        The person and the report on the first photograph: ``residual`` of the fit in face sides, ``face_pixels``,
        ``person_share``.

    Raises:
        LimnerError: ``GRAPHICS_UNAVAILABLE``.
    """
    share = 1 / len(seen)  # of the work
    main = seen[0]
    person = lift(main.rgb, main.face, main.masks, main.fit, part(progress, 0.0, share))
    lenders = []
    for index, each in enumerate(seen[1:], start=1):
        progress(index * share, "looking what another picture lends")
        lenders.append(lend(each.rgb, each.face, each.masks, each.fit))
    progress(1.0, "reconstructed")
    return replace(person, lenders=tuple(lenders)), {
        "residual": main.fit.residual,
        "face_pixels": float(main.face.side),
        "person_share": float(main.masks.person.mean()),
    }


def _fitted(references: Sequence[Portrayed]) -> list[HeadFit]:
    """The head on every picture: one identity, that of the pictures with the first one's expression.

    What lips and cheeks do in a shout goes into the identity in part, and would show in the face at rest.
    """
    alike = [
        each for each in references if each is references[0] or expression_distance(references[0].fit, each.fit) < 1
    ]
    fits = dict(zip(alike, _one_identity(alike), strict=True))
    if len(alike) < len(references):
        fits = dict(zip(references, _one_identity(references), strict=True)) | fits
    return [fits[each] for each in references]


def _one_identity(references: Sequence[Portrayed]) -> list[HeadFit]:
    sizes = [(each.picture.rgb.shape[1], each.picture.rgb.shape[0]) for each in references]
    return fit_heads([each.face for each in references], sizes)


def lift(rgb: NDArray[np.uint8], face: FaceLandmarks, masks: Masks, fit: HeadFit, progress: Progress) -> Person:
    """Make the layers and shells of a fitted photograph.

    Args:
        rgb: [H, W, 3] uint8 the photograph.
        face: its landmarks.
        masks: [H, W] each, on the photograph.
        fit: the head's fit.
        progress: told the stage.
    """
    margin = _margin(face)
    progress(0.0, "filling the background")
    plate = background_plate(rgb, masks.person, PLATE_REACH * face.side)
    progress(0.06, "measuring the outline")
    colours, masks = explained_mixture(rgb, masks, plate)
    progress(0.1, "fitting the outline")
    scene = _outlined(masks, fit, margin)
    fit = scene.fit
    progress(0.2, "inflating clothes")
    body, body_alpha, body_front = body_shell(scene)
    progress(0.4, "inflating hair")
    relief = relief_network()
    told = told_depth(relief, rgb, scene) if relief else None
    hair, hair_alpha = hair_shell(scene, body_front, told)
    progress(0.6, "filling what is hidden")
    skinned = masks.face + masks.neck + scalp_hair(scene)[margin:-margin, margin:-margin]
    bodily, reach = masks.clothes + masks.neck, LAYER_REACH * scene.metre
    covered = in_shadow(filled_layer(colours, bodily, margin, reach), bodily, margin, scene.metre)
    progress(0.67, "filling what is hidden")
    skin_layer = filled_layer(colours, skinned, margin, reach, least=0.1)
    progress(0.74, "filling what is hidden")
    hair_layer = filled_layer(colours, photograph_share(hair_alpha, margin), margin, reach)
    progress(0.8, "shutting the lids")
    landmarks = face.points[:, :2] + margin
    closed = head_model().expressed(fit.neutral, shut(fit.coefficients), fitted_actions(fit.neutral))
    lids = closed_lids(scene, closed, skin_layer, landmarks)
    canvas = Canvas(
        camera=scene.camera,
        margin=margin,
        skin=skin_layer,
        hair=with_alpha(hair_layer, hair_alpha),
        body=with_alpha(covered, body_alpha),
        plate=padded(plate, margin),
        cut=cut_masks(scene),
        depth=_depth_map(scene),
        lids=lids,
    )
    progress(0.85, "colouring the head")
    skin = skin_appearance(scene.source, scene.world, scene.hits, canvas, fit, landmarks, scene.masks)
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


def lend(rgb: NDArray[np.uint8], face: FaceLandmarks, masks: Masks, fit: HeadFit) -> Reference:
    """Make what a further photograph shows of the head's surface, and nothing else of it.

    Args:
        rgb: [H, W, 3] uint8 the photograph.
        face: its landmarks.
        masks: [H, W] each, on the photograph.
        fit: the head's fit.
    """
    margin = _margin(face)
    scene = _outlined(masks, fit, margin)
    skinned = masks.face + masks.neck + scalp_hair(scene)[margin:-margin, margin:-margin]
    skin = filled_layer(rgb, skinned, margin, LAYER_REACH * scene.metre, least=0.1)
    cut = cut_masks(scene)
    # hair hides skin, there is nothing beyond the photograph's edge, and what is near either is doubtful
    cut[..., 0] = minimum_filter(np.minimum(cut[..., 0], np.pad(quantised(skinned), margin)), _wide(DOUBTFUL, scene))
    cut[..., 2] = minimum_filter(cut[..., 2], _wide(SLIT, scene))
    model = head_model()
    pixels = scene.camera.project(scene.world[model.head_share > NECK_BEGINS])[:, :2]
    size = (scene.camera.width, scene.camera.height)
    left, top = (int(v) for v in np.clip(pixels.min(axis=0) - RIM, 0, None))
    right, bottom = (int(v) for v in np.clip(pixels.max(axis=0) + RIM, 0, size))
    intrinsics = scene.camera.intrinsics.copy()
    intrinsics[:2, 2] -= left, top
    window = (slice(top, bottom), slice(left, right))
    return Reference(
        neutral=scene.fit.neutral.astype(np.float32),
        coefficients=fit.coefficients.astype(np.float32),
        head_to_world=fit.head_to_world,
        canvas=HeadCanvas(
            camera=Camera(intrinsics, scene.camera.world_to_camera, right - left, bottom - top),
            skin=skin[window],
            cut=cut[window],
            depth=_depth_map(scene)[window],
        ),
    )


def _wide(metres: float, scene: Scene) -> int:
    """An odd number of pixels, that wide to both sides."""
    return 2 * max(1, round(metres * scene.metre)) + 1


def _margin(face: FaceLandmarks) -> int:
    """Pixels that the canvas adds on every side."""
    return int(MARGIN * face.side) // 2 * 2


def _depth_map(scene: Scene) -> NDArray[np.float16]:
    """[H, W] as in ``HeadCanvas``."""
    # the farthest around: a bilinear look-up at an outline must not hide what is seen there
    depth = maximum_filter(np.where(np.isfinite(scene.hits.depth), scene.hits.depth, 0), 5) - scene.depth
    return np.where(depth > -scene.depth, depth, NO_SURFACE).astype(np.float16)


def _outlined(masks: Masks, fit: HeadFit, margin: int) -> Scene:
    """Everything on the canvas, the head fitted to the person's outline."""
    scene = _scene(masks, fit, margin)
    for _ in range(2):
        moved = conformed(scene.fit, scene.world, scene.hits, scene.camera, scene.masks.face, scene.masks.person)
        scene = _scene(masks, replace(scene.fit, neutral=moved), margin)
    return scene


def _scene(masks: Masks, fit: HeadFit, margin: int) -> Scene:
    """Everything on the canvas: the photograph with a margin of so many pixels all round."""
    camera = fit.camera
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, 2] += margin
    camera = Camera(intrinsics, camera.world_to_camera, camera.width + 2 * margin, camera.height + 2 * margin)
    model = head_model()
    source = clear_of_lips(model.expressed(fit.neutral, fit.coefficients, fitted_actions(fit.neutral)))
    world = source @ fit.head_to_world[:3, :3].T + fit.head_to_world[:3, 3]
    hits = rasteriser().draw(world, model.faces, camera)
    depth = float(camera.world_to_camera[2, 3])
    metre = float(intrinsics[0, 0]) / depth
    return Scene(fit, camera, _continued(masks, margin, hits, model.head_share[model.faces].min(axis=1), metre),
                  source, world, hits, metre, depth)  # fmt: skip


def _continued(masks: Masks, margin: int, hits: Hits, face_share: NDArray[np.float32], metre: float) -> Masks:
    """The masks on the canvas: cut off by the picture's edge, a person goes on beyond it, but a head not for long.

    Args:
        masks: [h, w] each, on the photograph.
        margin: pixels that the canvas adds on every side.
        hits: the head model seen on the canvas.
        face_share: [F] how much of the head's motion the head model's faces take.
        metre: pixels a metre.
    """
    layers = [np.pad(getattr(masks, name), margin, mode="edge") for name in ("hair", "face", "neck", "clothes")]
    height, width = masks.person.shape
    outside = np.ones(layers[0].shape, bool)
    outside[margin : margin + height, margin : margin + width] = False
    on_head = (hits.triangle >= 0) & (face_share[hits.triangle] > NECK_SHARE)
    near_head = np.clip(1.2 - distance_transform_edt(~on_head) / (0.035 * metre), 0, 1)
    for layer in layers[:2]:  # hair and face
        layer[outside] *= near_head[outside]
    total = sum(layers)
    return Masks(np.asarray(total, np.float32), *layers)
