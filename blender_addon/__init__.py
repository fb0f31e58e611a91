"""Limner: talking portraits from one photograph and a piece of speech."""


def register() -> None:
    """Enable the extension; starts nothing and opens no connection."""


def unregister() -> None:
    """Undo :func:`register`."""
