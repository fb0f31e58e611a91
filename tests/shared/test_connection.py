"""The connection file and the watching of processes."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.connection import CHANNELS, Connection, default_connection_file, process_alive
from shared.errors import LimnerError

CONNECTION = Connection(
    1, "0.1.0", "session", 1234, "machine", dict.fromkeys(CHANNELS, "tcp://127.0.0.1:5555"), "k" * 40, "p" * 40,
    "s" * 40,
)  # fmt: skip


def test_round_trip_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "connection.json"
    previous = os.umask(0)
    try:
        CONNECTION.write(path)
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert Connection.read(path) == CONNECTION
    assert [entry.name for entry in path.parent.iterdir()] == ["connection.json"]


def test_the_secret_key_is_not_shown() -> None:
    assert "s" * 40 not in repr(CONNECTION)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_file_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "connection.json"
    CONNECTION.write(path)
    path.chmod(mode)
    with pytest.raises(LimnerError, match=r"CONNECTION_FILE_INVALID.*chmod 600"):
        Connection.read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"\xff\xfe\x00", b"[" * 60_000, b"{}", json.dumps({**vars(CONNECTION), "pid": "x"}).encode(),
        json.dumps({**vars(CONNECTION), "server_key": "short"}).encode(),
        json.dumps({**vars(CONNECTION), "endpoints": {}}).encode(),
    ],
)  # fmt: skip
def test_malformed_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "connection.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(LimnerError, match="CONNECTION_FILE_INVALID"):
        Connection.read(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LimnerError, match="FILE_NOT_FOUND"):
        Connection.read(tmp_path / "none.json")


def test_local_means_this_machine() -> None:
    assert not CONNECTION.local and dataclasses.replace(CONNECTION, machine=os.uname().nodename).local


def test_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LIMNER_CONNECTION", raising=False)
    assert default_connection_file().name == "connection.json"
    monkeypatch.setenv("LIMNER_CONNECTION", str(tmp_path / "c.json"))
    assert default_connection_file() == tmp_path / "c.json"


def test_process_alive_knows_the_dead_before_they_are_collected() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert process_alive(child.pid) and process_alive(os.getpid())
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, not collected
    assert not process_alive(child.pid)
    child.wait()
    assert not process_alive(child.pid) and not process_alive(0) and not process_alive(-1)
