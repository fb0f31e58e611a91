"""Jobs that outlive a Blender that crashed: what it left behind, and how the next Blender finds them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..shared.connection import Connection, process_alive
from ..shared.errors import LimnerError
from .jobs import Job

LOGS_KEPT_SECONDS = 7 * 86400


@dataclass(frozen=True)
class Orphan:
    """A backend whose Blender is gone, and the jobs it was working on."""

    connection: Connection
    jobs: list[Job]


def remember(folder: Path, jobs: Iterable[Job]) -> None:
    """Note the open jobs of this process; no jobs, no note."""
    path = folder / f"jobs-{os.getpid()}.json"
    notes = [
        {"id": job.id, "kind": job.kind, "task": job.task, "parameters": job.parameters, "context": job.context}
        for job in jobs
        if job.active
    ]
    if notes:
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(notes), encoding="utf-8")
        os.replace(temporary, path)
    else:
        path.unlink(missing_ok=True)


def find_orphan(folder: Path) -> Orphan | None:
    """The backend of a Blender that crashed, if it still works on something; other remains are cleared away."""
    found = None
    for path in sorted(folder.glob("jobs-*.json")):
        pid = path.stem.partition("-")[2]
        if not pid.isdigit() or process_alive(int(pid)):
            continue
        connection_file = folder / f"connection-{pid}.json"
        try:
            connection = Connection.read(connection_file)
            jobs = [Job(**note) for note in json.loads(path.read_text(encoding="utf-8"))]
            if process_alive(connection.pid):
                found = Orphan(connection, jobs)
        except (LimnerError, OSError, ValueError, TypeError):
            pass  # whatever it was, it cannot be followed any more
        path.unlink(missing_ok=True)
        connection_file.unlink(missing_ok=True)
    for log in folder.glob("backend-*.log"):
        if time.time() - log.stat().st_mtime > LOGS_KEPT_SECONDS:
            log.unlink(missing_ok=True)
    return found
