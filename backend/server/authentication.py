"""Who may connect: CURVE on every socket, and ZeroMQ's ZAP question answered from a list of known keys."""

from __future__ import annotations

import logging

import zmq
from zmq.utils import z85

log = logging.getLogger(__name__)


class Gatekeeper:
    """Answers ZAP requests of all sockets of a context; must exist before the first of them is bound.

    Args:
        context: whose sockets it guards.
        allowed: for each ZAP domain the one client public key (Z85) that may enter.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], allowed: dict[str, bytes]) -> None:
        self._allowed = {domain.encode(): z85.decode(key) for domain, key in allowed.items()}
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind("inproc://zeromq.zap.01")

    def answer(self) -> None:
        """Answer one waiting request."""
        version, request, domain, address, _identity, mechanism, *credentials = self.socket.recv_multipart()
        known = mechanism == b"CURVE" and len(credentials) == 1 and self._allowed.get(domain) == credentials[0]
        if not known:
            log.warning("refused a connection from %s with an unknown key", address.decode(errors="replace"))
        status = [b"200", b"OK"] if known else [b"400", b"unknown key"]
        self.socket.send_multipart([version, request, *status, b"", b""])
