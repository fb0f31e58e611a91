"""From one photograph to a portrait that the published networks can be asked about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

from backend.allocator import give_back_freed_memory
from backend.avatars.real3d.avatar import Real3DAvatar
from backend.avatars.real3d.bfm import LANDMARKS, BaselModel
from backend.avatars.real3d.bfm_fit import fit_basel
from backend.avatars.real3d.face import AnnyFace
from backend.avatars.real3d.network import PICTURE_SIZE
from backend.avatars.real3d.portrait import BaselPortrait, Portrait
from backend.avatars.real3d.preparation import Preparation, prepare
from backend.avatars.real3d.renderer import PlaneLifting
from backend.avatars.real3d.weights import PortraitWeights
from backend.avatars.zera.avatar import ZeraAvatar
from backend.avatars.zera.build import lift
from backend.capture.detection import detect_face
from backend.capture.fit import fit_heads
from backend.capture.image import Picture
from backend.capture.masks import segment
from shared.progress import Progress, part, silent


def build_portrait(
    picture: Picture, size: int, progress: Progress = silent, basel: BaselModel | None = None
) -> tuple[Portrait, dict[str, float]]:
    """Find, fit, crop and take apart the person on a photograph.

    Args:
        picture: the photograph.
        size: pixels a side of the crop.
        progress: told the stage.
        basel: the user's Basel Face Model, fitted too if given.

    Returns:
        The portrait and its report: ``residual`` of the fit in face sides, ``face_pixels``, ``person_share``.

    Raises:
        LimnerError: ``FACE_NOT_FOUND``, ``FACE_TOO_SMALL``, ``GRAPHICS_UNAVAILABLE``.
    """
    progress(0.0, "finding the face")
    face = detect_face(picture.rgb)
    progress(0.1, "cutting out the person")
    masks = segment(picture.rgb, face, picture.alpha)
    progress(0.3, "fitting the head")
    height, width = picture.rgb.shape[:2]
    fit = fit_heads([face], [(width, height)])[0]
    # the texture of the head mesh is the lifted photograph's, whatever draws the frames
    person = lift(picture.rgb, face, masks, fit, part(progress, 0.35, 0.9))
    texture = ZeraAvatar(person, None, torch.device("cpu")).head_mesh().texture
    progress(0.95, "taking the picture apart")
    prepared: Preparation = prepare(picture.rgb, face, masks, size)
    camera = prepared.crop.camera(fit.camera)
    if basel is not None:
        own = AnnyFace(person.neutral, person.coefficients, person.head_to_world, camera)
        seen = prepared.crop.to_canvas(face.points[:LANDMARKS, :2])
        fitted = BaselPortrait(basel.folder, fit_basel(basel, seen, own.head.photographed))
    portrait = Portrait(
        reference=prepared.picture,
        head=prepared.head,
        torso=prepared.torso,
        background=prepared.background,
        labels=prepared.labels,
        camera=camera,
        neutral=person.neutral,
        coefficients=person.coefficients,
        head_to_world=person.head_to_world,
        texture=texture,
        basel=None if basel is None else fitted,
    )
    progress(1.0, "reconstructed")
    return portrait, {
        "residual": fit.residual,
        "face_pixels": float(face.side),
        "person_share": float(masks.person.mean()),
    }


def build_avatar(
    picture: Picture,
    weights: PortraitWeights,
    device: torch.device,
    progress: Progress = silent,
    basel: BaselModel | None = None,
) -> tuple[Real3DAvatar, dict[str, float]]:
    """Rebuild a person from one photograph with the published networks.

    Args:
        picture: the photograph.
        weights: imported.
        device: where the networks run.
        progress: told the stage.
        basel: the user's Basel Face Model, to be used instead of Limner's head.

    Returns:
        The avatar and the report of :func:`build_portrait`.

    Raises:
        LimnerError: what :func:`build_portrait` and reading the weights raise.
    """
    with ThreadPoolExecutor(1) as beside:  # the network is laid out for the processor while the face is found
        lifting = beside.submit(_lifting, weights, device)
        portrait, report = build_portrait(picture, PICTURE_SIZE, part(progress, 0.0, 0.6), basel)
        progress(0.6, "lifting the picture into planes")
        planes = lifting.result()(portrait.head)
    del lifting  # most of what this has taken; frames take less
    give_back_freed_memory()
    progress(1.0, "reconstructed")
    return Real3DAvatar(portrait, planes, weights, device), report


def _lifting(weights: PortraitWeights, device: torch.device) -> PlaneLifting:
    with weights.network(device) as network:
        return PlaneLifting(network)
