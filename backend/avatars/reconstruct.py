"""From references to an avatar, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from backend.avatars.file import choose_device
from backend.avatars.interface import Avatar
from backend.capture.image import WORKING_SIDE, Picture, load_image
from shared.errors import LimnerError
from shared.progress import Progress, silent

# longer sides that a picture is scaled down to; the larger one, which takes more memory, where the face is small
WORKING_SIDES = (WORKING_SIDE, 3072)

# a picture to an avatar and its report
Builder = Callable[[Picture, Progress], tuple[Avatar, dict[str, float]]]


def reconstruct(
    references: Sequence[Path],
    kind: str = "zera",
    references_kept: int = 4,
    progress: Progress = silent,
    device: str = "auto",
    weights: Path | None = None,
    bfm: Path | None = None,
) -> tuple[Avatar, dict[str, Any]]:
    """Rebuild a person from pictures.

    Args:
        references: pictures of one person.
        kind: ``zera`` or ``real3d``.
        references_kept: at most so many of them are used.
        progress: told how far it is.
        device: ``auto``, ``cpu`` or ``cuda``: where the avatar will render.
        weights: what ``limner import-real3d`` wrote; ``real3d`` needs it.
        bfm: the folder of the user's Basel Face Model, which ``real3d`` then uses.

    Returns:
        The avatar, and a report: for each reference whether it was kept and why, and the fit's numbers.

    Raises:
        LimnerError: what reading the pictures, the weights and finding the face raise; ``WRONG_USE`` for an unknown
            kind, no picture, or no weights where they are needed.
    """
    if kind not in BUILDERS:
        raise LimnerError("WRONG_USE", f"There is no avatar kind {kind!r}.", f"Use one of {', '.join(BUILDERS)}.")
    if not references:
        raise LimnerError("WRONG_USE", "No picture was given.", "Give at least one picture of the person.")
    build = BUILDERS[kind](choose_device(device), weights, bfm)
    progress(0.0, "reading the picture")
    for side in WORKING_SIDES:
        picture = load_image(references[0], side)
        try:
            avatar, measured = build(picture, progress)
            break
        except LimnerError as error:
            scaled_down = error.code == "FACE_TOO_SMALL" and picture.scale < 1
            if scaled_down and side != WORKING_SIDES[-1]:
                continue
            # whoever measures pixels does not know which file they are from
            raise LimnerError(
                error.code,
                f"{references[0]}{f', scaled down to {side} pixels' if scaled_down else ''}: {error.cause}",
                "Crop the picture around the person." if scaled_down else error.remedy,
            ) from error
    report = {
        "kind": kind,
        "references": [
            {
                "path": str(path),
                "kept": index == 0,
                "reason": "used" if index == 0 else "only the first picture is used",
            }
            for index, path in enumerate(references)
        ],
        **measured,
    }
    return avatar, report


def _zera(device: torch.device, weights: Path | None, bfm: Path | None) -> Builder:
    """The builder of the default kind."""
    from backend.avatars.zera.avatar import ZeraAvatar
    from backend.avatars.zera.build import build_person
    from backend.avatars.zera.completion import completion_network

    if weights is not None or bfm is not None:
        what = "Weights are" if weights else "A Basel Face Model is"
        raise LimnerError("WRONG_USE", f"{what} for the kind real3d only.", "Leave it out, or use --kind real3d.")

    def build(picture: Picture, progress: Progress) -> tuple[Avatar, dict[str, float]]:
        person, measured = build_person(picture, progress)
        return ZeraAvatar(person, picture, device, completion_network()), measured

    return build


def _real3d(device: torch.device, weights: Path | None, bfm: Path | None) -> Builder:
    """The builder of the published networks' kind."""
    from backend.avatars.real3d.bfm import load_basel_model
    from backend.avatars.real3d.build import build_avatar
    from backend.avatars.real3d.weights import PortraitWeights

    if weights is None:
        raise LimnerError(
            "WRONG_USE",
            "The kind real3d needs Real3D-Portrait's weights.",
            "Run `limner import-real3d` on your checkpoint and give its file with --weights.",
        )
    imported = PortraitWeights(weights)
    _ = imported.loaded  # a file that cannot be used is refused before the picture is looked at
    basel = load_basel_model(bfm) if bfm else None
    return lambda picture, progress: build_avatar(picture, imported, device, progress, basel)


BUILDERS: dict[str, Callable[[torch.device, Path | None, Path | None], Builder]] = {"zera": _zera, "real3d": _real3d}
