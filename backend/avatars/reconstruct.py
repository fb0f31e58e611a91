"""From references to an avatar, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from backend.avatars.file import choose_device
from backend.avatars.interface import Avatar
from backend.capture.references import Portrayed, coarse_filter
from shared.errors import LimnerError
from shared.progress import Progress, part, silent

# pictures of a person, the main one first, to an avatar and its report
Builder = Callable[[Sequence[Portrayed], Progress], tuple[Avatar, dict[str, float]]]
LOOKING = 0.1  # of the progress


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
        references: pictures of one person; the first that can be used gives everything that it shows.
        kind: ``zera`` or ``real3d``, which uses one picture.
        references_kept: at most so many of them are used.
        progress: told how far it is.
        device: ``auto``, ``cpu`` or ``cuda``: where the avatar will render.
        weights: what ``limner import-real3d`` wrote; ``real3d`` needs it.
        bfm: the folder of the user's Basel Face Model, which ``real3d`` then uses.

    Returns:
        The avatar, and a report: for each reference its score, whether it was kept and why, and the fit's numbers.

    Raises:
        LimnerError: what reading the weights raises, and reading and finding the face where no picture can be used;
            ``WRONG_USE`` for an unknown
            kind, no picture, or no weights where they are needed.
    """
    if kind not in BUILDERS:
        raise LimnerError("WRONG_USE", f"There is no avatar kind {kind!r}.", f"Use one of {', '.join(BUILDERS)}.")
    if not references:
        raise LimnerError("WRONG_USE", "No picture was given.", "Give at least one picture of the person.")
    build = BUILDERS[kind](choose_device(device), weights, bfm)
    most = references_kept if kind == "zera" else 1
    kept, verdicts = coarse_filter(references, most, part(progress, 0.0, LOOKING))
    avatar, measured = build(kept, part(progress, LOOKING, 1.0))
    return avatar, {"kind": kind, "references": [verdict.to_json() for verdict in verdicts], **measured}


def _zera(device: torch.device, weights: Path | None, bfm: Path | None) -> Builder:
    """The builder of the default kind."""
    from backend.avatars.zera.avatar import ZeraAvatar
    from backend.avatars.zera.build import build_person
    from backend.avatars.zera.completion import completion_network

    if weights is not None or bfm is not None:
        what = "Weights are" if weights else "A Basel Face Model is"
        raise LimnerError("WRONG_USE", f"{what} for the kind real3d only.", "Leave it out, or use --kind real3d.")

    def build(references: Sequence[Portrayed], progress: Progress) -> tuple[Avatar, dict[str, float]]:
        person, measured = build_person(references, progress)
        return ZeraAvatar(person, references[0].picture, device, completion_network()), measured

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
    return lambda references, progress: build_avatar(references[0].picture, imported, device, progress, basel)


BUILDERS: dict[str, Callable[[torch.device, Path | None, Path | None], Builder]] = {"zera": _zera, "real3d": _real3d}
