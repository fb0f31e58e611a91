"""Enable and disable, over and over: quick, and nothing stays behind."""

import sys
import time
from pathlib import Path

import bpy
from prelude import PACKAGE, extension, run


def ours():
    """Everything of the extension's that Blender knows."""
    classes = [name for name in dir(bpy.types) if name.startswith(("LIMNER_", "Limner"))]
    handlers = [f for hooks in (bpy.app.handlers.load_post, bpy.app.handlers.save_post) for f in hooks]
    return {
        "classes": classes,
        "operators": list(dir(bpy.ops.limner)),
        "handlers": [handler.__module__ for handler in handlers if PACKAGE in handler.__module__],
        "properties": [hasattr(bpy.types.Scene, "limner"), hasattr(bpy.types.Object, "limner")],
    }


def main():
    import addon_utils  # there only once bpy is

    facts = {"enabled": ours(), "seconds": []}
    for _ in range(3):
        addon_utils.disable(PACKAGE, default_set=True)
        facts["disabled"] = ours()
        addon_utils.enable(PACKAGE, default_set=True)
        extension().unregister()
        start = time.perf_counter()
        extension().register()
        facts["seconds"].append(time.perf_counter() - start)
    facts["again"] = ours()
    folder = Path(bpy.utils.user_resource("EXTENSIONS"))
    facts["wheels"] = sorted(path.name for path in (folder / ".local").rglob("pyzmq-*.dist-info"))
    facts["started"] = (folder / ".user").exists()
    facts["modules"] = [name for name in sys.modules if name.split(".")[0] in ("shared", "blender_addon", "backend")]
    return facts


run(main)
