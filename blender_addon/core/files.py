"""Files of jobs whose backend is on another machine: sent before the job begins, fetched when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..shared.errors import LimnerError
from ..shared.messages import FileInfo
from ..shared.transport import Client
from ..shared.transport_files import Download, Upload
from .jobs import INPUTS, Job


@dataclass
class _Sending:
    job: Job
    uploads: dict[str, Upload]  # by path


@dataclass
class _Fetching:
    job: Job
    downloads: list[Download]
    frames: dict[int, Download] = field(default_factory=dict)
    whole: bool = False  # whether the backend is done


class Transfers:
    """What is on its way for which job."""

    def __init__(self) -> None:
        self._sending: dict[str, _Sending] = {}
        self._fetching: dict[str, _Fetching] = {}

    def send(self, client: Client, job: Job) -> None:
        """Send a job's files, then submit it."""
        paths = [path for name in INPUTS[job.kind] for path in _listed(job.parameters[name])]
        self._sending[job.id] = _Sending(job, {path: client.upload(Path(path)) for path in dict.fromkeys(paths)})
        job.stage = "Sending files"

    def fetch_frame(self, client: Client, job: Job, number: int, file: FileInfo) -> None:
        """Fetch a frame of a running render into the folder the job asked for."""
        fetching = self._fetching.setdefault(job.id, _Fetching(job, []))
        fetching.frames[number] = client.download(file, Path(job.parameters["output"], Path(file.path).name))

    def fetch(self, client: Client, job: Job, files: Sequence[FileInfo]) -> None:
        """Fetch what a finished job wrote; the job is done when all of it is here."""
        fetching = self._fetching.setdefault(job.id, _Fetching(job, []))
        output = job.parameters.get("output")
        if output and job.kind != "render":  # frames have been fetched one by one
            places = [Path(output), *(Path(output).with_name(Path(file.path).name) for file in files[1:])]  # textures
            fetching.downloads += [client.download(file, place) for file, place in zip(files, places)]
        fetching.whole = True

    def drop(self, job: Job) -> bool:
        """Forget a job; returns whether the backend has not heard of it yet, or is done with it."""
        sending, fetching = self._sending.pop(job.id, None), self._fetching.pop(job.id, None)
        return sending is not None or (fetching is not None and fetching.whole)

    def update(self, client: Client) -> set[str]:
        """Submit jobs whose files have arrived, end jobs whose results have; returns the ids of jobs with news."""
        touched: set[str] = set()
        for sending in list(self._sending.values()):
            error = next((upload.error for upload in sending.uploads.values() if upload.error), None)
            if error is None and not all(upload.done for upload in sending.uploads.values()):
                continue
            touched.add(sending.job.id)
            del self._sending[sending.job.id]
            if error is not None:
                sending.job.end("error", error)
            elif sending.job.active:
                self._submit(client, sending)
        for fetching in list(self._fetching.values()):
            touched |= self._arrived(fetching)
        return touched

    def _submit(self, client: Client, sending: _Sending) -> None:
        job = sending.job
        parameters = dict(job.parameters)
        if output := parameters.get("output"):
            parameters["output"] = Path(output).name  # a mere name lies in the job's own folder over there
        for name in INPUTS[job.kind]:
            value = parameters[name]
            references = [sending.uploads[path].reference for path in _listed(value)]
            parameters[name] = references[0] if isinstance(value, str) else references
        try:
            client.submit(job.kind, parameters, job.parts, job.id)
        except LimnerError as error:
            job.end("error", error)

    def _arrived(self, fetching: _Fetching) -> set[str]:
        job, output = fetching.job, fetching.job.parameters.get("output")
        touched: set[str] = set()
        for number, download in list(fetching.frames.items()):
            if download.done and download.error is None:
                job.frames[number] = download.path
                del fetching.frames[number]
                touched.add(job.id)
        failed = [d.error for d in (*fetching.downloads, *fetching.frames.values()) if d.error]
        if failed:
            job.end("error", failed[0])
        elif fetching.whole and not fetching.frames and all(download.done for download in fetching.downloads):
            for name in ("avatar", "output"):
                if name in job.result and output:
                    job.result[name] = output  # where it lies on this machine
            if job.kind == "render":
                job.result["frames"] = [str(job.frames[number]) for number in sorted(job.frames)]
            job.end("done")
        if not job.active:
            self.drop(job)
            touched.add(job.id)
        return touched


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
