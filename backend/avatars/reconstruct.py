"""From references to an avatar, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from backend.avatars.file import choose_device
from backend.avatars.interface import Avatar
from backend.capture.references import Portrayed, coarse_filter
from shared.errors import LimnerError
from shared.progress import Progress, part, silent

if TYPE_CHECKING:
    from backend.avatars.zera.build import Seen
    from backend.avatars.zera.completion import Refinement
    from backend.avatars.zera.data import Person
    from backend.networks.layer_completion import LayerCompletion

# pictures of a person, the main one first, and steps of refining to an avatar and its report
Builder = Callable[[Sequence[Portrayed], int, Progress], tuple[Avatar, dict[str, Any]]]
LOOKING, FOUND, BUILT = 0.1, 0.4, 0.3  # shares of the progress: of all; of building; the same if refining follows


def reconstruct(
    references: Sequence[Path],
    kind: str = "zera",
    references_kept: int = 4,
    progress: Progress = silent,
    device: str = "auto",
    weights: Path | None = None,
    bfm: Path | None = None,
    refine: int = 0,
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
        refine: steps in which completion learns this person from several pictures; ``zera`` only.

    Returns:
        The avatar, and a report: for each reference its score, whether it was kept and why, and the fit's numbers; with
        ``refine`` also ``refined``, whether it is, and if not ``not_refined``, why.

    Raises:
        LimnerError: what reading the weights raises, and reading and finding the face where no picture can be used;
            ``WRONG_USE`` for an unknown
            kind, no picture, no weights where they are needed, or what the kind cannot do.
    """
    if kind not in BUILDERS:
        raise LimnerError("WRONG_USE", f"There is no avatar kind {kind!r}.", f"Use one of {', '.join(BUILDERS)}.")
    if not references:
        raise LimnerError("WRONG_USE", "No picture was given.", "Give at least one picture of the person.")
    if refine < 0 or (refine and kind != "zera"):
        what = "Only avatars of the kind zera can be refined." if refine > 0 else f"{refine} is no number of steps."
        raise LimnerError("WRONG_USE", what, "Leave refining out, or use the kind zera and 100 steps or so.")
    build = BUILDERS[kind](choose_device(device), weights, bfm)
    most = references_kept if kind == "zera" else 1
    kept, verdicts = coarse_filter(references, most, part(progress, 0.0, LOOKING))
    avatar, measured = build(kept, refine, part(progress, LOOKING, 1.0))
    return avatar, {"kind": kind, "references": [verdict.to_json() for verdict in verdicts], **measured}


def _zera(device: torch.device, weights: Path | None, bfm: Path | None) -> Builder:
    """The builder of the default kind."""
    from backend.avatars.zera.avatar import ZeraAvatar
    from backend.avatars.zera.build import build_person, look
    from backend.avatars.zera.completion import completion_network

    if weights is not None or bfm is not None:
        what = "Weights are" if weights else "A Basel Face Model is"
        raise LimnerError("WRONG_USE", f"{what} for the kind real3d only.", "Leave it out, or use --kind real3d.")

    def build(references: Sequence[Portrayed], refine: int, progress: Progress) -> tuple[Avatar, dict[str, Any]]:
        building = part(progress, 0.0, BUILT if refine else 1.0)
        seen = look(references, part(building, 0.0, FOUND))
        person, measured = build_person(seen, part(building, FOUND, 1.0))
        network, refinement = completion_network(), None
        report: dict[str, Any] = dict(measured)
        if refine:
            refinement, told = _refined(person, seen, network, refine, device, part(progress, BUILT, 1.0))
            report |= told
        return ZeraAvatar(person, references[0].picture, device, network, refinement), report

    return build


def _refined(
    person: Person,
    seen: Sequence[Seen],
    network: LayerCompletion | None,
    steps: int,
    device: torch.device,
    progress: Progress,
) -> tuple[Refinement | None, dict[str, Any]]:
    """What completion learns of the person, and what to report; where it cannot, the avatar is as without."""
    from backend.avatars.zera.refine import refine

    if network is None or len(seen) == 1:
        progress(1.0, "not refined")
        reason = "only one picture is used" if network else "there are no weights to refine"
        return None, {"refined": False, "not_refined": reason}
    refinement, orders = refine(person, seen, network, steps, device, progress)
    told = {} if refinement else {"not_refined": "the pictures were no better met than before"}
    return refinement, {"refined": refinement is not None, **told, **orders}


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
    return lambda references, refine, progress: build_avatar(references[0].picture, imported, device, progress, basel)


BUILDERS: dict[str, Callable[[torch.device, Path | None, Path | None], Builder]] = {"zera": _zera, "real3d": _real3d}
