"""The view channel's rule: one picture in the making, and of each client only its latest wish waits."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from shared import messages as wire


@dataclass(frozen=True)
class Wish:
    """A picture that a client asked for."""

    client: bytes
    view: wire.View
    parts: wire.Parts


class ViewDesk:
    """Which picture is next."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[bytes, Wish] = OrderedDict()
        self.making: Wish | None = None

    def ask(self, wish: Wish) -> None:
        """Take a wish; it replaces the client's earlier one that has not begun, at that one's place in the row."""
        self._waiting[wish.client] = wish

    def begin(self) -> Wish | None:
        """The next wish, now in the making; ``None`` while one is or when there is none."""
        if self.making is None and self._waiting:
            self.making = self._waiting.popitem(last=False)[1]
            return self.making
        return None

    def end(self) -> Wish | None:
        """The wish that was in the making is done."""
        wish, self.making = self.making, None
        return wish

    @property
    def waiting(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)
