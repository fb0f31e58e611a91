"""Who is let in, and what is made of messages that are none."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Iterator

import pytest
import zmq

from shared import messages as wire
from shared.errors import LimnerError

from .conftest import Backend, Listener

Connect = Callable[..., Listener]


@pytest.fixture
def raw(backend: Backend) -> Iterator[Callable[..., zmq.Socket[bytes]]]:
    """Bare sockets with the right keys, or others."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def socket(channel: str, curve: bool = True) -> zmq.Socket[bytes]:
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.setsockopt(zmq.ROUTING_ID, b"raw")
        dealer.rcvtimeo = 2000
        if curve:
            dealer.curve_serverkey = backend.connection.server_key.encode()
            dealer.curve_publickey = backend.connection.client_public.encode()
            dealer.curve_secretkey = backend.connection.client_secret.encode()
        dealer.connect(backend.connection.endpoints[channel])
        return dealer

    yield socket
    context.destroy(linger=0)


def test_another_key_is_refused(backend: Backend, connect: Connect) -> None:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    connection = dataclasses.replace(backend.connection, client_public=public, client_secret=secret)
    client = Listener(connection)
    job = client.submit("echo")
    client.until(lambda: client.state == "refused")
    assert client.error is not None and client.error.code == "CONNECTION_FILE_INVALID"
    assert client.error_of(job).code == "CONNECTION_FILE_INVALID"
    client.close()


def test_another_server_key_and_no_curve_get_nowhere(backend: Backend, raw: Callable[..., zmq.Socket[bytes]]) -> None:
    plain = raw("control", curve=False)
    client = Listener(dataclasses.replace(backend.connection, server_key=zmq.curve_keypair()[0].decode()))
    plain.send_multipart(wire.encode(wire.Hello()))
    for _ in range(10):
        client.poll(0.05)
    assert client.state == "connecting" and not plain.poll(200)
    client.close()


def test_another_protocol_is_refused(raw: Callable[..., zmq.Socket[bytes]], backend: Backend) -> None:
    control = raw("control")
    control.send_multipart(wire.encode(wire.Hello(protocol=999, program="9.9")))
    refusal, _ = wire.decode(control.recv_multipart())
    assert isinstance(refusal, wire.Refusal) and LimnerError.from_json(refusal.error).code == "VERSION_MISMATCH"
    assert "9.9" in refusal.error["cause"] and wire.PROGRAM_VERSION in refusal.error["cause"]
    client = Listener(backend.connection)
    client._refused(refusal)  # what the client makes of it
    assert client.state == "refused" and client.error is not None and client.error.code == "VERSION_MISMATCH"
    client.close()


@pytest.mark.parametrize("channel", ["control", "jobs", "view"])
def test_nothing_before_hello(raw: Callable[..., zmq.Socket[bytes]], channel: str) -> None:
    socket = raw(channel)
    socket.setsockopt(zmq.ROUTING_ID, b"stranger")
    socket.disconnect(socket.last_endpoint)
    socket.connect(socket.last_endpoint)
    socket.send_multipart(wire.encode(wire.Ping()))
    refusal, _ = wire.decode(socket.recv_multipart())
    assert isinstance(refusal, wire.Refusal) and refusal.subject == "hello first"


def test_malformed_messages_are_refused_and_harm_nobody(
    backend: Backend, raw: Callable[..., zmq.Socket[bytes]], client: Listener
) -> None:
    sockets = {channel: raw(channel) for channel in ("control", "jobs", "view")}
    sockets["control"].send_multipart(wire.encode(wire.Hello()))
    assert isinstance(wire.decode(sockets["control"].recv_multipart())[0], wire.Welcome)

    def header(**values: object) -> list[bytes]:
        return [wire.MAGIC, json.dumps(values).encode()]

    bad = [
        [b""],
        [b"LMNR"],
        [b"HTTP", b"{}"],
        [wire.MAGIC, b"\xff\xfe"],
        [wire.MAGIC, b"{" * 100_000],
        [wire.MAGIC, b'{"type":"Ping","x":NaN}'],
        [wire.MAGIC, b'{"type":"Ping","x":1' + b"0" * 10_000 + b"}"],
        header(),
        header(type="Ping", parts=[{"name": "a"}]),
        header(type=["Ping"]),
        header(type="__class__"),
        header(type="Submit", job=7, kind="echo"),
        header(type="Submit", kind="echo"),
        header(type="Welcome", session="x", protocol=1, program="", state="ready"),
        header(type="WorkerReady", device="x", kinds=[]),
        header(type="Done", job="x", event=1),
        [*header(type="Ping", parts=[{"name": "a", "dtype": "<f4", "shape": [3]}]), b"12345678"],
        [*header(type="Ping", parts=[{"name": "a", "dtype": "|O", "shape": [1]}]), b"12345678"],
        [*header(type="Ping", parts=[{"name": "a", "dtype": "<f8", "shape": [2**39, 2**39, 0]}]), b"1"],
        [*header(type="Ping", parts=[{"name": "a", "dtype": "<f8", "shape": [-1, -8]}]), b"1" * 64],
        [
            *header(type="Offer", sha256="../../etc/passwd", size=3, name="x"),
        ],
        [*header(type="Fetch", sha256="/etc/passwd", offset=0)],
        [*header(type="Chunk", sha256="0" * 64, offset=0, size=1)],
    ]
    generator = random.Random(7)
    whole = wire.encode(wire.Submit("j", "echo", {"a": [1, {"b": None}]}))[1]
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(generator.randint(1, 6)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        bad.append([wire.MAGIC, bytes(damaged) + b"!"])
    for channel, socket in sockets.items():
        for frames in bad:
            socket.send_multipart(frames)
            answer, _ = wire.decode(socket.recv_multipart())
            assert isinstance(answer, wire.Refusal), (channel, frames, answer)
            assert LimnerError.from_json(answer.error).code in ("MESSAGE_INVALID", "FILE_NOT_FOUND", "TRANSFER_FAILED")
        socket.send_multipart([wire.MAGIC, *[b"{}"] * 80])
        assert isinstance(wire.decode(socket.recv_multipart())[0], wire.Refusal)
    assert isinstance(client.end_of(client.submit("echo")).message, wire.Done)
    assert backend.process.poll() is None
