"""What every script that runs in Blender begins and ends with."""

import faulthandler
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

faulthandler.dump_traceback_later(float(os.environ.get("LIMNER_TEST_SECONDS", "120")), exit=True)

PACKAGE = "bl_ext.user_default.limner"


def extension(name: str = "") -> ModuleType:
    """A module of the installed extension."""
    return importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)


if not sys.argv[0].endswith("install.py"):
    import bpy  # noqa: F401 - makes the next one importable
    import addon_utils  # isort: skip

    assert addon_utils.enable(PACKAGE, default_set=True) is not None, "the extension cannot be enabled"


def run(main: Callable[..., Any]) -> None:
    """Call ``main`` with the command line's arguments, print its result, and leave at once.

    Blender as a module prints leaks and may hang when it is taken down; so it is not.
    """
    code = 1
    try:
        print("LIMNER-RESULT " + json.dumps(main(*sys.argv[1:])))
        code = 0
    except BaseException:
        traceback.print_exc()
    pump = sys.modules.get(f"{PACKAGE}.bridge.pump")
    if pump is not None:
        pump.stop()  # what atexit would do
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
