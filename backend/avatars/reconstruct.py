"""From references to an avatar, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.avatars.file import choose_device
from backend.avatars.interface import Avatar
from backend.capture.image import WORKING_SIDE, load_image
from shared.errors import LimnerError
from shared.progress import Progress, silent

# longer sides that a picture is scaled down to; the larger one, which takes more memory, where the face is small
WORKING_SIDES = (WORKING_SIDE, 3072)


def reconstruct(
    references: Sequence[Path],
    kind: str = "zera",
    references_kept: int = 4,
    progress: Progress = silent,
    device: str = "auto",
) -> tuple[Avatar, dict[str, Any]]:
    """Rebuild a person from pictures.

    Args:
        references: pictures of one person.
        kind: ``zera``.
        references_kept: at most so many of them are used.
        progress: told how far it is.
        device: ``auto``, ``cpu`` or ``cuda``: where the avatar will render.

    Returns:
        The avatar, and a report: for each reference whether it was kept and why, and the fit's numbers.

    Raises:
        LimnerError: what reading the pictures and finding the face raise; ``WRONG_USE`` for an unknown kind or no
            picture.
    """
    if kind != "zera":
        raise LimnerError("WRONG_USE", f"There is no avatar kind {kind!r}.", "Use --kind zera.")
    if not references:
        raise LimnerError("WRONG_USE", "No picture was given.", "Give at least one picture of the person.")
    from backend.avatars.zera.avatar import ZeraAvatar
    from backend.avatars.zera.build import build_person

    chosen = choose_device(device)
    progress(0.0, "reading the picture")
    for side in WORKING_SIDES:
        picture = load_image(references[0], side)
        try:
            person, measured = build_person(picture, progress)
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
    return ZeraAvatar(person, picture, chosen), report
