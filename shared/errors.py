"""Typed refusals: every error a user can meet has a code, a cause and a remedy."""

from __future__ import annotations

from dataclasses import dataclass

EXIT_DONE = 0
EXIT_WRONG_USE = 2
EXIT_INPUT_REFUSED = 3
EXIT_BACKEND_FAILED = 4
EXIT_INTERRUPTED = 130

# code -> exit status of the command line that met it
ERROR_CODES: dict[str, int] = {
    "WRONG_USE": EXIT_WRONG_USE,
    "FILE_NOT_FOUND": EXIT_INPUT_REFUSED,
    "IMAGE_UNREADABLE": EXIT_INPUT_REFUSED,
    "IMAGE_TOO_SMALL": EXIT_INPUT_REFUSED,
    "IMAGE_TOO_LARGE": EXIT_INPUT_REFUSED,
    "FACE_NOT_FOUND": EXIT_INPUT_REFUSED,
    "FACE_TOO_SMALL": EXIT_INPUT_REFUSED,
    "SPEECH_UNREADABLE": EXIT_INPUT_REFUSED,
    "SPEECH_EMPTY": EXIT_INPUT_REFUSED,
    "SPEECH_SILENT": EXIT_INPUT_REFUSED,
    "VIDEO_UNREADABLE": EXIT_INPUT_REFUSED,
    "MOTION_UNREADABLE": EXIT_INPUT_REFUSED,
    "AVATAR_UNREADABLE": EXIT_INPUT_REFUSED,
    "CAMERA_UNREADABLE": EXIT_INPUT_REFUSED,
    "AVATAR_TOO_NEW": EXIT_INPUT_REFUSED,
    "WEIGHTS_UNREADABLE": EXIT_INPUT_REFUSED,
    "WEIGHTS_UNSUITABLE": EXIT_INPUT_REFUSED,
    "WEIGHTS_TOO_NEW": EXIT_INPUT_REFUSED,
    "FORMAT_UNKNOWN": EXIT_WRONG_USE,
    "OUTPUT_NOT_WRITABLE": EXIT_INPUT_REFUSED,
    "DISK_FULL": EXIT_BACKEND_FAILED,
    "OUT_OF_MEMORY": EXIT_BACKEND_FAILED,
    "DEVICE_UNAVAILABLE": EXIT_BACKEND_FAILED,
    "GRAPHICS_UNAVAILABLE": EXIT_BACKEND_FAILED,
    "BACKEND_NOT_INSTALLED": EXIT_BACKEND_FAILED,
    "BACKEND_START_FAILED": EXIT_BACKEND_FAILED,
    "BACKEND_LOST": EXIT_BACKEND_FAILED,
    "VERSION_MISMATCH": EXIT_BACKEND_FAILED,
    "MESSAGE_INVALID": EXIT_BACKEND_FAILED,
    "JOB_UNKNOWN": EXIT_BACKEND_FAILED,
    "CONNECTION_FILE_INVALID": EXIT_BACKEND_FAILED,
    "TRANSFER_FAILED": EXIT_BACKEND_FAILED,
    "INTERNAL": EXIT_BACKEND_FAILED,
}


@dataclass(eq=False)
class LimnerError(Exception):
    """A refusal with a machine-readable code, what went wrong, and what the user can do about it.

    Args:
        code: a key of ``ERROR_CODES``.
        cause: one sentence, naming the file or value concerned.
        remedy: one sentence telling what to do.
    """

    code: str
    cause: str
    remedy: str

    def __post_init__(self) -> None:
        if self.code not in ERROR_CODES:
            raise ValueError(f"unknown error code {self.code!r}")
        super().__init__(self.code, self.cause, self.remedy)

    def __str__(self) -> str:
        return f"{self.code}: {self.cause} {self.remedy}"

    @property
    def exit_status(self) -> int:
        """Exit status of a command that ends with this error."""
        return ERROR_CODES[self.code]

    def to_json(self) -> dict[str, str]:
        """The error as the wire carries it."""
        return {"code": self.code, "cause": self.cause, "remedy": self.remedy}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> LimnerError:
        """The inverse of :meth:`to_json`; an unknown code of a newer peer becomes ``INTERNAL``."""
        code = data.get("code", "INTERNAL")
        return cls(code if code in ERROR_CODES else "INTERNAL", data.get("cause", ""), data.get("remedy", ""))


class Cancelled(Exception):
    """The user asked a running job to stop; not an error."""
