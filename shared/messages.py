"""The wire's messages: UTF-8 JSON headers described by frozen dataclasses, arrays as raw parts behind them.

One message is a list of frames ``[b"LMNR", header, part, part, ...]``. The header is a JSON object: ``type`` (the
class's name), the class's fields, and ``parts``, one ``{name, dtype, shape}`` for each raw part. Unknown fields are
ignored, so a newer peer may add some; everything else that does not fit is refused with ``MESSAGE_INVALID``. Nothing is
ever unpickled.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import PurePath
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from .errors import LimnerError

PROTOCOL_VERSION = 1
PROGRAM_VERSION = "0.1.0"
MAGIC = b"LMNR"
MAXIMUM_HEADER = 16 * 2**20
MAXIMUM_PARTS = 64
CHUNK = 2**20  # bytes of a file in one message: small enough that nothing else waits behind it
_DTYPES = frozenset({"|u1", "|i1", "|b1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"})

Parts = dict[str, np.ndarray]
JobState = Literal["queued", "running", "cancelling", "done", "error", "cancelled"]
BackendState = Literal["loading", "ready", "failed"]


# ---- control: answered at once, whatever the GPU does ----------------------------------------------------------------


@dataclass(frozen=True)
class Hello:
    """The first message of a client, on the control channel; answered by ``Welcome`` or ``Refusal``."""

    protocol: int = PROTOCOL_VERSION
    program: str = PROGRAM_VERSION
    client: str = ""  # in words, for logs: "Blender 4.5.3"


@dataclass(frozen=True)
class Welcome:
    """What the backend is. ``session`` is new whenever the backend starts: jobs of another session are gone."""

    session: str
    protocol: int
    program: str
    state: BackendState
    device: str = ""  # "cpu", "cuda:0 NVIDIA H200"; empty while loading
    kinds: tuple[str, ...] = ()  # job kinds it can run; empty while loading
    features: tuple[str, ...] = ()  # "view", "upload", "download", ...
    error: dict[str, str] | None = None  # why it failed to load


@dataclass(frozen=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True)
class Pong:
    """Yes; and this is how the backend does."""

    state: BackendState
    device: str = ""
    kinds: tuple[str, ...] = ()
    running: str = ""  # the job that runs now
    queued: int = 0
    error: dict[str, str] | None = None


@dataclass(frozen=True)
class CancelJob:
    """Stop this job; answered by ``JobInfo``, and the job itself ends with ``JobCancelled`` unless it ended before."""

    job: str


@dataclass(frozen=True)
class JobInfo:
    """One job in a list."""

    job: str
    kind: str
    state: JobState
    fraction: float = 0.0
    stage: str = ""
    acknowledged: bool = False  # a client has seen its end


@dataclass(frozen=True)
class ListJobs:
    """Which jobs do you know? Answered by ``JobList``."""


@dataclass(frozen=True)
class JobList:
    """The jobs of this session, oldest first; long finished ones are forgotten."""

    session: str
    jobs: tuple[JobInfo, ...]


@dataclass(frozen=True)
class Shutdown:
    """End the backend now; running jobs are cancelled. Answered by ``Goodbye``."""


@dataclass(frozen=True)
class Goodbye:
    """The backend ends."""

    reason: str


@dataclass(frozen=True)
class Refusal:
    """A message was not understood or not allowed. ``subject`` is what it was about: a job, a hash, a message type."""

    subject: str
    error: dict[str, str]


# ---- jobs: every job ends in exactly one of Done, Failed, JobCancelled ----------------------------------------------


@dataclass(frozen=True)
class Submit:
    """Do this. The client chooses ``job`` (a UUID), so that sending it again cannot start it again.

    ``parameters`` is described by the kind's class in ``messages_jobs``; arrays travel as parts.
    """

    job: str
    kind: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Attach:
    """Tell me about this job from the event after ``after``; its end comes again if it already ended."""

    job: str
    after: int = 0


@dataclass(frozen=True)
class Acknowledge:
    """The end of this job has arrived, its arrays may be forgotten."""

    job: str


@dataclass(frozen=True)
class FileInfo:
    """A finished file on the backend's machine; another machine fetches it by its hash."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Accepted:
    """The job is in the queue. ``event`` numbers a job's messages upward from 1."""

    job: str
    event: int
    kind: str


@dataclass(frozen=True)
class Progress:
    """How far a job is. With ``frame``, that frame is finished and lies in ``file``."""

    job: str
    event: int
    fraction: float
    stage: str
    eta: float | None = None  # seconds left, unknown at first
    frame: int | None = None
    file: FileInfo | None = None


@dataclass(frozen=True)
class Done:
    """The job's result; arrays as parts, every file it wrote in ``files``."""

    job: str
    event: int
    result: dict[str, Any] = field(default_factory=dict)
    files: tuple[FileInfo, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Failed:
    """The job ended with an error (``LimnerError.from_json(error)``)."""

    job: str
    event: int
    error: dict[str, str]


@dataclass(frozen=True)
class JobCancelled:
    """The job ended because it was cancelled."""

    job: str
    event: int


# ---- files, on the jobs channel -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Offer:
    """Do you have the file with this hash? Answered by ``Stored``."""

    sha256: str
    size: int
    name: str  # only its suffix is kept


@dataclass(frozen=True)
class Stored:
    """So many bytes of the file are here; at ``size`` the whole, its hash checked. Send on from ``received``."""

    sha256: str
    received: int
    size: int


@dataclass(frozen=True)
class Fetch:
    """Send the bytes of a result file from ``offset``; answered by ``Chunk``."""

    sha256: str
    offset: int


@dataclass(frozen=True)
class Chunk:
    """Bytes of a file, both ways: one part named ``data``, at most ``CHUNK`` bytes."""

    sha256: str
    offset: int
    size: int  # of the whole file


# ---- view: the latest request wins ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """Render a picture now. Parts: ``coefficients`` [52], ``rotation`` [3], ``location`` [3] float32, each optional."""

    sequence: int  # grows with every request of a client
    avatar: str  # path on the backend's machine or "sha256:..."
    size: int = 256  # longer side, pixels
    quality: Literal["preview", "final"] = "preview"
    background: str = "keep"
    camera: dict[str, Any] | None = None  # Camera.to_json(); None is the photograph's camera
    depth: bool = False


@dataclass(frozen=True)
class Picture:
    """Parts: ``rgba`` [H, W, 4] uint8 sRGB straight alpha, top row first; ``depth`` [H, W] float32 metres if asked."""

    sequence: int
    seconds: float  # that rendering took


@dataclass(frozen=True)
class ViewFailed:
    """No picture for this request."""

    sequence: int
    error: dict[str, str]


# ---- between the server and its workers -----------------------------------------------------------------------------


@dataclass(frozen=True)
class WorkerReady:
    """A worker has loaded its libraries."""

    device: str
    kinds: tuple[str, ...]
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkerFailed:
    """A worker cannot load its libraries or its device."""

    error: dict[str, str]


Message = (
    Hello | Welcome | Ping | Pong | CancelJob | JobInfo | ListJobs | JobList | Shutdown | Goodbye | Refusal
    | Submit | Attach | Acknowledge | Accepted | Progress | Done | Failed | JobCancelled
    | Offer | Stored | Fetch | Chunk | View | Picture | ViewFailed | WorkerReady | WorkerFailed
)  # fmt: skip
_CLASSES: dict[str, type] = {cls.__name__: cls for cls in get_args(Message)}


def encode(message: Message, parts: Mapping[str, np.ndarray | bytes] | None = None) -> list[bytes | memoryview]:
    """The frames of a message.

    Args:
        message: any of the classes above.
        parts: arrays by name, any shape; ``bytes`` travel as [N] uint8.

    Raises:
        LimnerError: ``MESSAGE_INVALID`` when a value cannot travel (not finite, object arrays, unknown types).
    """
    described: list[dict[str, Any]] = []
    frames: list[bytes | memoryview] = []
    for name, value in (parts or {}).items():
        array = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else np.asarray(value, order="C")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in _DTYPES:
            raise _invalid(f"Part {name!r} has the type {array.dtype}, which cannot travel.")
        described.append({"name": name, "dtype": array.dtype.str, "shape": array.shape})
        frames.append(array.reshape(-1).view(np.uint8).data if array.size else b"")
    values = {key: value for key, value in vars(message).items() if value is not None}
    try:
        header = json.dumps(
            {"type": type(message).__name__, **values, "parts": described},
            default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"),
        )  # fmt: skip
        return [MAGIC, header.encode(), *frames]
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid(f"A {type(message).__name__} message cannot be written ({error}).") from error


def decode(frames: Sequence[Any]) -> tuple[Message, Parts]:
    """The message and its parts; arrays are read-only views of the frames, without a copy.

    Args:
        frames: ``bytes`` or anything with the buffer protocol, such as ``zmq.Frame``.

    Raises:
        LimnerError: ``MESSAGE_INVALID`` on anything that is not a well-formed message.
    """
    if not 2 <= len(frames) <= 2 + MAXIMUM_PARTS or bytes(memoryview(frames[0])) != MAGIC:
        raise _invalid("A message does not begin as Limner's messages begin.")
    header = memoryview(frames[1])
    if header.nbytes > MAXIMUM_HEADER:
        raise _invalid(f"A message's header has {header.nbytes} bytes; the limit is {MAXIMUM_HEADER}.")
    try:
        data = json.loads(bytes(header).decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"A message's header is not JSON ({error}).") from error
    name = data.get("type") if isinstance(data, dict) else None
    cls = _CLASSES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise _invalid(f"Unknown message type {str(name)[:40]!r}.")
    return read_fields(cls, data), _read_parts(data.get("parts", []), frames[2:])


def read_fields(cls: type, data: Any) -> Any:
    """An instance of a dataclass from JSON values, every field checked against its annotation.

    Raises:
        LimnerError: ``MESSAGE_INVALID`` naming the field that is missing or does not fit.
    """
    if not isinstance(data, dict):
        raise _invalid(f"{cls.__name__} must be an object, not {type(data).__name__}.")
    values = {}
    for name, (annotation, required) in _annotations(cls).items():
        if name in data:
            values[name] = _checked(annotation, data[name], f"{cls.__name__}.{name}")
        elif required:
            raise _invalid(f"{cls.__name__}.{name} is missing.")
    return cls(**values)


def _read_parts(described: Any, frames: Sequence[Any]) -> Parts:
    if not isinstance(described, list) or len(described) != len(frames):
        raise _invalid("A message describes another number of parts than it carries.")
    parts: Parts = {}
    for entry, frame in zip(described, frames, strict=True):
        name, dtype, shape = (entry.get(key) if isinstance(entry, dict) else None for key in ("name", "dtype", "shape"))
        if not isinstance(name, str) or not isinstance(dtype, str) or not isinstance(shape, list) or len(shape) > 8:
            raise _invalid(f"A part is described as {str(entry)[:80]}.")
        if dtype not in _DTYPES:
            raise _invalid(f"Part {name!r} has the type {dtype!r}, which does not travel.")
        if not all(type(length) is int and 0 <= length < 2**40 for length in shape):
            raise _invalid(f"Part {name!r} has the shape {shape!r}.")
        kind, count = np.dtype(dtype), 1
        for length in shape:
            count *= length
        buffer = memoryview(frame)
        if count * kind.itemsize != buffer.nbytes:
            raise _invalid(f"Part {name!r} has {buffer.nbytes} bytes, {dtype} {shape} needs {count * kind.itemsize}.")
        array = np.frombuffer(buffer, kind).reshape(shape)
        parts[name] = array if array.flags.aligned else array.copy()
    return parts


@cache
def _annotations(cls: type) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(cls)
    return {f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(cls)}


def _checked(annotation: Any, value: Any, where: str) -> Any:
    """``value`` as ``annotation`` says, or ``MESSAGE_INVALID``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        for choice in arguments:
            try:
                return _checked(choice, value, where)
            except LimnerError:
                continue
    elif origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_checked(arguments[0], item, where) for item in value)
    elif origin is dict and isinstance(value, dict):
        return {str(key): _checked(arguments[1], item, where) for key, item in value.items()}
    elif is_dataclass(annotation) and isinstance(annotation, type):
        return value if isinstance(value, annotation) else read_fields(annotation, value)
    elif annotation is float and type(value) in (int, float):
        return float(value)
    elif annotation in (int, str, bool) and type(value) is annotation:
        return value
    raise _invalid(f"{where} cannot be {str(value)[:80]!r}.")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return vars(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _invalid(cause: str) -> LimnerError:
    return LimnerError("MESSAGE_INVALID", cause, "Update the add-on and the backend to the same version.")
