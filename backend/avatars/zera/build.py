"""From one photograph to a person: fit the head, cut the layers, inflate what the head model lacks, colour the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter

from backend.avatars.zera.appearance import skin_appearance
from backend.avatars.zera.closed_lids import closed_lids
from backend.avatars.zera.data import NO_SURFACE, Canvas, Person
from backend.avatars.zera.layers import (
    cut_masks,
    explained_mixture,
    filled_layer,
    in_shadow,
    padded,
    photograph_share,
    scalp_hair,
    with_alpha,
)
from backend.avatars.zera.outline import conformed
from backend.avatars.zera.scene import NECK_SHARE, Scene
from backend.avatars.zera.shells import body_shell, hair_shell
from backend.capture.detection import FaceLandmarks, detect_face
from backend.capture.fit import HeadFit, fit_heads
from backend.capture.image import Picture
from backend.capture.lids import fitted_actions, shut
from backend.capture.masks import Masks, segment
from backend.capture.masks_fill import background_plate
from backend.capture.rasteriser import Hits, rasteriser
from backend.head.clearance import clear_of_lips
from backend.head.model import head_model
from shared.camera import Camera
from shared.progress import Progress, part, silent

MARGIN = 0.35  # of the face's side
PLATE_REACH = 0.12  # of the face's side: how far the scene goes on behind the person as its mirror image
LAYER_REACH = 0.02  # metres: the same of layers behind others


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
    """Make the layers and shells of a fitted photograph.

    Args:
        rgb: [H, W, 3] uint8 the photograph.
        face: its landmarks.
        masks: [H, W] each, on the photograph.
        fit: the head's fit.
        progress: told the stage.
    """
    margin = int(MARGIN * face.side) // 2 * 2
    progress(0.0, "filling the background")
    plate = background_plate(rgb, masks.person, PLATE_REACH * face.side)
    progress(0.06, "measuring the outline")
    colours, masks = explained_mixture(rgb, masks, plate)
    scene = _scene(masks, fit, margin)
    for turn in range(2):
        progress(0.1 + 0.05 * turn, "fitting the outline")
        moved = conformed(fit, scene.world, scene.hits, scene.camera, scene.masks.face, scene.masks.person)
        fit = replace(fit, neutral=moved)
        scene = _scene(masks, fit, margin)
    progress(0.2, "inflating clothes")
    body, body_alpha, body_front = body_shell(scene)
    progress(0.4, "inflating hair")
    hair, hair_alpha = hair_shell(scene, body_front)
    progress(0.6, "filling what is hidden")
    # the farthest around: a bilinear look-up at an outline must not hide what is seen there
    depth = maximum_filter(np.where(np.isfinite(scene.hits.depth), scene.hits.depth, 0), 5) - scene.depth
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
        depth=np.where(depth > -scene.depth, depth, NO_SURFACE).astype(np.float16),
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
