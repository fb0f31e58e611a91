"""The canvas's layers: the photograph taken apart, every layer going on where another hides it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, maximum_filter

from backend.avatars.zera.scene import Scene
from backend.capture.masks import Masks
from backend.capture.masks_fill import decontaminate, fill_layer
from backend.head.model import EYE, IN_MOUTH, head_model

TEMPLES, BEHIND_CHEEKS = 0.02, -0.02  # metres in the head frame: a height, and a depth


def explained_mixture(
    rgb: NDArray[np.uint8], masks: Masks, plate: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], Masks]:
    """The person's colours and masks such that person over plate gives the photograph again.

    Where the matte is partial and the mixture misses the photograph, the share is measured anew along the line from the
    plate's colour to the person's; a pixel that no mixture explains belongs to the person as it is.

    Args:
        rgb: [H, W, 3] the photograph.
        masks: [H, W] each, as segmented.
        plate: [H, W, 3] the scene without the person.

    Returns:
        [H, W, 3] uint8 the person's colours without the background's, and the masks.
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
    solid = np.clip((unexplained - 0.03) / 0.08, 0, 1) * np.clip((alpha - 0.08) / 0.15, 0, 1)
    # a face's edge is smooth, and its skin must stay clean
    solid *= 1 - (masks.face / np.maximum(masks.person, 1e-4))[..., None]
    person = (better + solid * (1 - better))[..., 0]
    scale = person / np.maximum(masks.person, 1e-4)
    parts = [np.asarray(getattr(masks, name) * scale, np.float32) for name in ("hair", "face", "neck", "clothes")]
    colours = np.round((front + solid * (photo - front)) * 255).astype(np.uint8)
    return colours, Masks(np.asarray(sum(parts), np.float32), *parts)


def filled_layer(
    colours: NDArray[np.uint8], share: NDArray[np.float32], margin: int, reach: float, least: float = 0.0
) -> NDArray[np.uint8]:
    """A layer's colours on the canvas: the person's where the layer has a share in a pixel, continued elsewhere.

    Args:
        colours: [h, w, 3] the person's, of the photograph's size.
        share: [h, w] the layer's in each pixel, 0..1.
        margin: pixels that the canvas adds on every side.
        reach: pixels that it goes on as its own mirror image.
        least: share below which a pixel shows too much of others to be taken.

    Returns:
        [H, W, 3] uint8.
    """
    own = np.clip((maximum_filter(share, 3) - least) * 12, 0, 1)[..., None]
    continued = fill_layer(colours, share, reach)
    return padded(np.round(own * colours + (1 - own) * continued).astype(np.uint8), margin)


def scalp_hair(scene: Scene) -> NDArray[np.float32]:
    """[H, W] hair that may lie on the head model as well as in front of it: at the hairline, on scalp and temples."""
    to_skin = distance_transform_edt(scene.masks.face < 0.5) / scene.metre
    model = head_model()
    scalp = (model.mean[:, 2] > TEMPLES) | (model.mean[:, 1] > BEHIND_CHEEKS)
    on_scalp = (scene.hits.triangle >= 0) & scalp[model.faces].all(axis=1)[scene.hits.triangle]
    near = np.maximum(np.clip(1.5 - to_skin / 0.006, 0, 1), gaussian_filter(on_scalp.astype(np.float32), 2.0))
    return np.asarray(scene.masks.hair * near, np.float32)


def in_shadow(picture: NDArray[np.uint8], share: NDArray[np.float32], margin: int, metre: float) -> NDArray[np.uint8]:
    """A layer's colours, darker the further they are continued under what hides it.

    Args:
        picture: [H, W, 3] the layer on the canvas.
        share: [h, w] the layer's in each pixel of the photograph, 0..1.
        margin: pixels that the canvas adds on every side.
        metre: pixels a metre.

    Returns:
        [H, W, 3] uint8.
    """
    away = distance_transform_edt(np.pad(share, margin, mode="edge") < 0.3) / metre
    light = 0.5 + 0.5 * np.exp(-away / 0.035)
    return np.round(picture * light[..., None]).astype(np.uint8)


def cut_masks(scene: Scene) -> NDArray[np.uint8]:
    """[H, W, 5] the matte; where the photograph shows eyeballs, the inside of the mouth, clothes; the hull."""
    model = head_model()
    region = np.where(scene.hits.triangle >= 0, model.region[model.faces[scene.hits.triangle]].max(axis=-1), -1)
    eyes = gaussian_filter((region == EYE).astype(np.float32), 0.7)
    mouth = gaussian_filter(np.isin(region, IN_MOUTH).astype(np.float32), 0.7)
    reach = 0.006 * scene.metre
    hull = np.clip(1.5 - distance_transform_edt(scene.masks.person < 0.5) / reach, 0, 1)
    return np.stack([quantised(mask) for mask in (scene.masks.person, eyes, mouth, scene.masks.clothes, hull)], axis=-1)


def padded(picture: NDArray[np.uint8], margin: int) -> NDArray[np.uint8]:
    """[h, w, C] -> [H, W, C], the photograph's edge continued over the canvas's margin of so many pixels."""
    return np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge")


def photograph_share(alpha: NDArray[np.uint8], margin: int) -> NDArray[np.float32]:
    """[H, W] opacity on the canvas -> [h, w] 0..1 on the photograph alone."""
    return alpha[margin:-margin, margin:-margin].astype(np.float32) / 255


def with_alpha(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[H, W, 3] and [H, W] -> [H, W, 4] uint8."""
    return np.concatenate([rgb, alpha[..., None]], axis=-1)


def quantised(mask: NDArray[np.floating]) -> NDArray[np.uint8]:
    """0..1 of any shape -> uint8, rounded."""
    return np.round(np.clip(mask, 0, 1) * 255).astype(np.uint8)
