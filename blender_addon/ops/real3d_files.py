"""The user's own files that Real3D-Portrait needs, as the extension's preferences name them."""

import bpy

from .. import __package__ as addon_name


def real3d_files(context: bpy.types.Context) -> dict[str, str]:
    """Those that are named, of ``weights``, ``bfm`` and ``hubert``: paths on the backend's machine."""
    preferences = context.preferences.addons[addon_name].preferences
    named = {name: getattr(preferences, f"real3d_{name}") for name in ("weights", "bfm", "hubert")}
    return {name: bpy.path.abspath(path) for name, path in named.items() if path}
