"""Files by content hash, in chunks, both ways, as for a backend on another machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared import messages as wire
from shared.errors import LimnerError

from .conftest import Backend, Listener


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three and a half chunks of noise."""
    path = tmp_path / "sound.wav"
    path.write_bytes(np.random.default_rng(3).bytes(3 * wire.CHUNK + 12_345))
    return path


def test_up_used_and_down_again(client: Listener, file: Path, tmp_path: Path) -> None:
    upload = client.upload(file)
    client.until(lambda: upload.done)
    assert upload.error is None and upload.fraction == 1
    assert upload.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    done = client.end_of(client.submit("read", {"source": upload.reference})).message
    assert done.result == {"bytes": file.stat().st_size, "suffix": ".wav"}
    info = wire.FileInfo("anything", file.stat().st_size, upload.sha256)
    download = client.download(info, tmp_path / "deep" / "copy.wav")
    client.until(lambda: download.done)
    assert download.error is None and download.path.read_bytes() == file.read_bytes()
    assert [path.name for path in download.path.parent.iterdir()] == ["copy.wav"]


def test_what_is_there_is_not_sent_again(client: Listener, file: Path) -> None:
    first, second = client.upload(file), client.upload(file)
    client.until(lambda: first.done and second.done)
    again = client.upload(file)
    client.until(lambda: again.done)
    assert again._sent == again.size and first.error is second.error is again.error is None


def test_empty_and_missing_files(client: Listener, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    empty, missing = client.upload(tmp_path / "empty"), client.upload(tmp_path / "missing")
    client.until(lambda: empty.done and missing.done)
    assert empty.error is None and client.end_of(client.submit("read", {"source": empty.reference}))
    assert missing.error is not None and missing.error.code == "FILE_NOT_FOUND"


def test_results_are_fetched_by_their_hash(client: Listener, tmp_path: Path) -> None:
    done = client.end_of(client.submit("frames", {"count": 2, "bytes": 2_500_000})).message
    downloads = [client.download(info, tmp_path / f"{number}.bin") for number, info in enumerate(done.files, 1)]
    client.until(lambda: all(download.done for download in downloads))
    for number, download in enumerate(downloads, 1):
        assert download.error is None and download.path.read_bytes() == bytes([number]) * 2_500_000


def test_a_result_that_changed_meanwhile_is_refused(client: Listener, tmp_path: Path) -> None:
    done = client.end_of(client.submit("frames", {"count": 1, "bytes": 2_500_000})).message
    Path(done.files[0].path).write_bytes(b"x" * 2_500_000)
    download = client.download(done.files[0], tmp_path / "copy.bin")
    client.until(lambda: download.done)
    assert download.error is not None and download.error.code == "TRANSFER_FAILED"
    assert list(tmp_path.iterdir()) == []


def test_files_no_job_wrote_are_not_given(client: Listener, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(Path("/etc/hostname").read_bytes()).hexdigest()
    download = client.download(wire.FileInfo("/etc/hostname", 10, sha256), tmp_path / "copy")
    client.until(lambda: download.done)
    assert download.error is not None and download.error.code == "FILE_NOT_FOUND"
    assert client.error_of(client.submit("read", {"source": f"sha256:{sha256}"})).code == "FILE_NOT_FOUND"


def test_damaged_content_is_refused(client: Listener) -> None:
    data = np.zeros(10, np.uint8)
    client._send("jobs", wire.Offer("1" * 64, 10, "x.png"))
    client._send("jobs", wire.Chunk("1" * 64, 0, 10), {"data": data})
    refusal = client.until(lambda: client.of(wire.Refusal))[0]
    assert refusal.subject == "1" * 64 and LimnerError.from_json(refusal.error).code == "TRANSFER_FAILED"


def test_interrupted_transfers_go_on(backend: Backend, connect: Callable[[Backend], Listener], tmp_path: Path) -> None:
    client = connect(backend)
    path = tmp_path / "large.bin"
    path.write_bytes(np.random.default_rng(4).bytes(24 * wire.CHUNK))
    upload = client.upload(path)

    def interrupt() -> None:
        for channel, socket in client._sockets.items():
            socket.disconnect(client.connection.endpoints[channel])
            socket.connect(client.connection.endpoints[channel])

    client.until(lambda: 0.1 < upload.fraction < 1)
    interrupt()
    client.until(lambda: upload.done)
    assert upload.error is None
    download = client.download(wire.FileInfo("", upload.size, upload.sha256), tmp_path / "copy.bin")
    client.until(lambda: 0.1 < download.fraction < 1)
    interrupt()
    client.until(lambda: download.done)
    assert download.error is None and (tmp_path / "copy.bin").read_bytes() == path.read_bytes()
