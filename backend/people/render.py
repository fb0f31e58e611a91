"""Pictures of a person with all their maps."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from backend.capture.graphics import make_context
from backend.people.scene import Person, Picture, Shot

if TYPE_CHECKING:
    from backend.people.renderer import Renderer


def render(person: Person, shot: Shot) -> Picture:
    """Render one shot; the next shots of the same person are cheaper, for the device keeps what it has of them.

    Raises:
        LimnerError: ``GRAPHICS_UNAVAILABLE`` when no off-screen OpenGL 3.3 context can be made.
    """
    return _renderer().render(person, shot)


@lru_cache(maxsize=1)
def _renderer() -> Renderer:
    context = make_context()
    # PyOpenGL binds its platform at its first import, and making the context finds out which one works
    from backend.people.renderer import Renderer

    return Renderer(context)
