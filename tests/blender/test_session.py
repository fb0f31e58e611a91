"""The backend's life as the add-on leads it, without Blender: started, lost, started again, given up."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blender_addon.shared.connection import Connection, process_alive

from blender_addon.core.jobs import Job, readable_duration
from blender_addon.core.session import Session, Settings
from installer.addon import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="starts the stand-in with a shell script")


@pytest.fixture
def session(tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("LIMNER_INSTALLATION", str(stand_in))
    session = Session(tmp_path / "backend", "a test")
    yield session
    session.stop()


def until(session: Session, condition: Callable[[], bool], seconds: float = 120) -> float:
    """Update until the condition holds; returns how long that took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"{session.status} {session.error}"
        session.update(wait=0.02)
    return time.monotonic() - start


def reconstruction(media: Path, output: Path, name: str = "portrait", **extra: object) -> Job:
    parameters = {"references": [str(media / f"{name}.png")], "output": str(output), **extra}
    return Job("reconstruct", parameters, "create")


def test_nothing_starts_before_there_is_work(session: Session) -> None:
    session.update()
    assert session.status == "stopped" and not session.process.running and not session.process.log.exists()


def test_a_job_starts_the_backend_and_ends_once(session: Session, media: Path, tmp_path: Path) -> None:
    job = session.submit(reconstruction(media, tmp_path / "a.limner"))
    fractions: list[float] = []
    until(session, lambda: fractions.append(job.fraction) or not job.active)
    assert job.state == "done" and job.error is None
    assert fractions == sorted(fractions) and len(set(fractions)) > 3
    assert (tmp_path / "a.limner").exists()
    until(session, lambda: session.status == "ready")
    assert session.device


def test_a_refusal_arrives_as_it_was_said(session: Session, media: Path, tmp_path: Path) -> None:
    job = session.submit(reconstruction(media, tmp_path / "a.limner", "dog"))
    until(session, lambda: not job.active)
    assert job.error is not None and job.error.code == "FACE_NOT_FOUND" and "dog.png" in job.error.cause
    assert session.error is None and not (tmp_path / "a.limner").exists()


def test_a_killed_backend_is_noticed_and_the_next_job_has_a_new_one(
    session: Session, media: Path, tmp_path: Path
) -> None:
    job = session.submit(reconstruction(media, tmp_path / "a.limner", seconds=300.0))
    until(session, lambda: job.state == "running")
    first = session.process.connection_file.read_text()
    os.kill(json.loads(first)["pid"], signal.SIGKILL)
    until(session, lambda: not job.active)
    assert job.error is not None and job.error.code == "BACKEND_LOST"
    assert str(session.process.log) in job.error.remedy
    assert session.status == "failed"
    again = session.submit(reconstruction(media, tmp_path / "a.limner"))
    until(session, lambda: not again.active)
    assert again.state == "done"
    assert session.process.connection_file.read_text() != first


def test_other_settings_take_effect_with_the_next_job(session: Session, media: Path, tmp_path: Path) -> None:
    running = session.submit(reconstruction(media, tmp_path / "a.limner"))
    until(session, lambda: running.state == "running")
    broken = Settings(command=str(tmp_path / "nothing"))
    session.configure(broken)
    assert session.settings != broken, "not while there is work"
    until(session, lambda: not running.active)
    session.configure(broken)
    failed = session.submit(reconstruction(media, tmp_path / "b.limner"))
    until(session, lambda: not failed.active)
    assert failed.error is not None and failed.error.code == "BACKEND_NOT_INSTALLED"
    session.configure(Settings())
    again = session.submit(reconstruction(media, tmp_path / "b.limner"))
    until(session, lambda: not again.active)
    assert (running.state, again.state) == ("done", "done")


def test_a_backend_that_hangs_is_ended(
    session: Session, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.shared.transport.SILENCE_SECONDS", 1.5)
    monkeypatch.setattr("blender_addon.core.session.LOST_SECONDS", 1.0)
    job = session.submit(reconstruction(media, tmp_path / "a.limner", seconds=300.0))
    until(session, lambda: job.state == "running")
    os.kill(json.loads(session.process.connection_file.read_text())["pid"], signal.SIGSTOP)
    until(session, lambda: session.status == "lost")
    until(session, lambda: not job.active)
    assert job.error is not None and job.error.code == "BACKEND_LOST"


def test_cancelling_is_quick_wherever_the_job_is(session: Session, media: Path, tmp_path: Path) -> None:
    waiting = session.submit(reconstruction(media, tmp_path / "a.limner"))
    session.cancel(waiting)
    assert waiting.state == "cancelled"
    running = session.submit(reconstruction(media, tmp_path / "a.limner", seconds=20.0))
    queued = session.submit(reconstruction(media, tmp_path / "b.limner"))
    until(session, lambda: running.state == "running")
    session.cancel(queued)
    session.cancel(running)
    assert until(session, lambda: not running.active and not queued.active) < 10  # of 20
    assert running.state == queued.state == "cancelled"
    assert not list(tmp_path.glob("*.limner"))


def test_a_backend_that_cannot_start_is_not_started_for_ever(
    session: Session, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.core.process.SECONDS_BETWEEN_STARTS", 0.1)
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 3\n")
    broken.chmod(0o755)
    session.settings.command = str(broken)
    job = session.submit(reconstruction(media, tmp_path / "a.limner"))
    until(session, lambda: not job.active)
    assert job.error is not None and job.error.code == "BACKEND_START_FAILED"
    assert "no such library" in job.error.cause and str(session.process.log) in job.error.remedy
    assert session.process.log.read_text().count("no such library") == 3
    session.settings.command = ""
    session.start()  # the user presses Start Backend
    until(session, lambda: session.status == "ready")


def test_no_backend_installed_says_what_to_do(
    session: Session, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_INSTALLATION", str(tmp_path / "none.json"))
    job = session.submit(reconstruction(media, tmp_path / "a.limner"))
    session.update()
    assert job.error is not None and job.error.code == "BACKEND_NOT_INSTALLED" and "install.py" in job.error.remedy


def test_the_backend_ends_with_the_session(session: Session) -> None:
    session.start()
    until(session, lambda: session.status == "ready")
    pid = json.loads(session.process.connection_file.read_text())["pid"]
    session.stop()
    assert session.status == "stopped" and not session.process.connection_file.exists()
    end = time.monotonic() + 60
    while process_alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not process_alive(pid)


def test_a_backend_on_another_machine_gets_and_gives_files(
    session: Session, media: Path, tmp_path: Path, stand_in: Path
) -> None:
    session.start()
    until(session, lambda: session.status == "ready")
    connection = Connection.read(session.process.connection_file)
    file = tmp_path / "elsewhere.json"
    dataclasses.replace(connection, machine="elsewhere").write(file)
    far = Session(tmp_path / "far", "far away")
    far.settings.remote = file
    try:
        made = far.submit(reconstruction(media, tmp_path / "fetched" / "a.limner"))
        until(far, lambda: not made.active)
        assert made.state == "done", made.error
        assert made.result["avatar"] == str(tmp_path / "fetched" / "a.limner")
        assert Path(made.result["avatar"]).is_file()
        render = far.submit(Job("render", {"avatar": made.result["avatar"], "fps": 25.0, "size": 64,
                                           "output": str(tmp_path / "frames")}, "render"))  # fmt: skip
        until(far, lambda: not render.active)
        assert render.state == "done", render.error
        assert render.result["frames"] == [str(tmp_path / "frames" / "0001.png")]
        assert (tmp_path / "frames" / "0001.png").is_file()
    finally:
        far.stop()
    session.update(wait=0.1)
    assert session.process.running  # leaving a backend elsewhere does not end it


def test_another_machine_needs_leave_to_go_online(session: Session, media: Path, tmp_path: Path) -> None:
    session.start()
    until(session, lambda: session.status == "ready")
    connection = Connection.read(session.process.connection_file)
    endpoints = dict.fromkeys(connection.endpoints, "tcp://198.51.100.7:5555")
    file = tmp_path / "elsewhere.json"
    dataclasses.replace(connection, machine="elsewhere", endpoints=endpoints).write(file)
    far = Session(tmp_path / "far", "far away")
    far.settings.remote, far.settings.online = file, False
    job = far.submit(reconstruction(media, tmp_path / "a.limner"))
    far.update()
    assert job.error is not None and job.error.code == "WRONG_USE" and "Online Access" in job.error.remedy
    far.stop()


CRASHING = """
import os, sys, time
from pathlib import Path
from blender_addon.core.jobs import Job
from blender_addon.core.session import Session
folder, picture, output = map(Path, sys.argv[1:])
session = Session(folder, "about to crash")
parameters = {"references": [str(picture)], "output": str(output), "seconds": 4.0}
job = session.submit(Job("reconstruct", parameters, "create", context={"file": "/shot.blend"}))
while job.state != "running":
    session.update(wait=0.02)
os.kill(os.getpid(), 9)
"""


def test_a_job_outlives_a_blender_that_crashes(
    media: Path, tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_INSTALLATION", str(stand_in))
    arguments = [str(tmp_path / "backend"), str(media / "portrait.png"), str(tmp_path / "a.limner")]
    done = subprocess.run([sys.executable, "-c", CRASHING, *arguments], cwd=ROOT, timeout=400)
    assert done.returncode == -signal.SIGKILL
    session = Session(tmp_path / "backend", "the next Blender")
    try:
        assert session.adopt()
        (job,) = session.jobs.values()
        until(session, lambda: not job.active)
        assert job.state == "done" and job.context == {"file": "/shot.blend"}
        assert (tmp_path / "a.limner").exists()
        assert not list((tmp_path / "backend").glob("jobs-*"))
        assert not session.adopt()
    finally:
        session.stop()


def test_durations_read_well() -> None:
    said = [readable_duration(seconds) for seconds in (0.2, 59.4, 200, 3900)]
    assert said == ["0 s", "59 s", "3 min 20 s", "1 h 5 min"]
