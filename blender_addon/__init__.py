"""Limner: talking portraits from one photograph and a piece of speech."""


def register() -> None:
    """Enable the extension; starts nothing and opens no connection."""
    from . import registration  # not above: what needs no Blender must be importable without it

    registration.register()


def unregister() -> None:
    """Undo :func:`register`."""
    from . import registration

    registration.unregister()
