r"""Press every button of the panel in a real Blender window, and take pictures on the way.

    python -m installer.addon dist
    LIMNER_INSTALLATION=... LIMNER_WALK=/tmp/walk ../shared/tools/blender-gui run --reset --wait 300 \\
        --every 4 --shots /tmp/walk/shots --install dist/limner-0.1.0-blender-5.1-and-later.zip \\
        --python tests/gui/walkthrough.py

``LIMNER_WALK`` is a folder with a picture, ``speech.*`` and perhaps ``no_face*`` to be refused; ``log.txt`` goes there,
too, with the number of the screenshot that shows each state. The buttons are pressed as the panel presses them
(``INVOKE_DEFAULT``), Blender's own timer does the rest. The tool takes the pictures: Blender's own screenshots are
black where the window is off screen.
"""

from __future__ import annotations

import importlib
import os
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(os.environ["LIMNER_WALK"])
FRAMES = int(os.environ.get("LIMNER_WALK_FRAMES", "30"))
EVERY_SECONDS = 4.0  # as --every says
STEP_SECONDS = 1.0
STARTED = time.monotonic()


def say(text: str) -> None:
    """Leave a line in the log."""
    with open(FOLDER / "log.txt", "a", encoding="utf-8") as log:
        log.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def window() -> dict[str, Any]:
    """The first window's 3D viewport."""
    first = bpy.context.window_manager.windows[0]
    area = next(area for area in first.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": first, "screen": first.screen, "area": area, "region": region}


def press(operator: Any, **arguments: Any) -> None:
    """Press a button of the panel."""
    start = time.monotonic()
    with bpy.context.temp_override(**window()):
        operator("INVOKE_DEFAULT", **arguments)
    say(f"{operator.idname()} returned after {1000 * (time.monotonic() - start):.0f} ms")


def pause(name: str) -> Iterator[None]:
    """Stand still until the tool has taken a picture."""
    say(f"{name}: on picture {(time.monotonic() - STARTED) / EVERY_SECONDS:.0f} or the next")
    for _ in range(int(EVERY_SECONDS / STEP_SECONDS) + 2):
        yield


def latest() -> Any:
    """The last job."""
    session = importlib.import_module("bl_ext.user_default.limner.bridge.pump").session()
    return list(session.jobs.values())[-1] if session.jobs else None


def until_ended(name: str) -> Iterator[None]:
    """Wait for the last job."""
    while (job := latest()) is None or job.active or job.followed_by is not None:
        yield
    say(f"{name}: {job.state} after {job.seconds:.1f} s {job.error or ''}")
    yield from pause(name)


def show_sequencer() -> None:
    """Strips under the viewport, their picture in place of the properties."""
    place = window()
    before = set(place["screen"].areas)
    with bpy.context.temp_override(**place):
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.25)
    lower = min((place["area"], *(set(place["screen"].areas) - before)), key=lambda area: area.y)
    lower.ui_type = "SEQUENCE_EDITOR"
    properties = next(area for area in place["screen"].areas if area.type == "PROPERTIES")
    properties.ui_type = "SEQUENCE_EDITOR"
    properties.spaces[0].view_type = "PREVIEW"
    upper = next(area for area in place["screen"].areas if area.type == "VIEW_3D")
    upper.spaces[0].show_region_ui = True


def walk() -> Iterator[None]:
    """The whole way, one step at each ``yield``."""
    yield
    pictures = [path for kind in ("jpg", "png") for path in FOLDER.glob(f"*.{kind}")]
    picture = next(path for path in pictures if not path.name.startswith("no_face"))
    scene = bpy.context.scene
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "walk.blend"))
    place = window()
    place["area"].spaces[0].show_region_ui = True
    yield
    sidebar = next(region for region in place["area"].regions if region.type == "UI")
    sidebar.active_panel_category = "Limner"
    yield
    yield from pause("01_panel")
    for refused in FOLDER.glob("no_face*"):
        press(bpy.ops.limner.create_avatar, picture=str(refused))
        yield from until_ended("02_refused")
    with bpy.context.temp_override(**window()):
        bpy.ops.limner.add_pictures(filepath=str(picture))
    press(bpy.ops.limner.create_avatar)
    yield from until_ended("02_create")
    place = window()
    place["area"].spaces[0].region_3d.view_perspective = "CAMERA"
    shading = place["area"].spaces[0].shading
    shading.color_type, shading.light = "TEXTURE", "FLAT"  # the texture carries the photograph's light
    yield
    yield from pause("03_camera")
    scene.limner.speech = str(next(FOLDER.glob("speech.*")))
    press(bpy.ops.limner.animate)
    yield from until_ended("04_animate")
    show_sequencer()
    scene.frame_end = min(scene.frame_end, scene.frame_start + FRAMES - 1)
    yield
    press(bpy.ops.limner.render)
    yield from until_ended("05_render")
    scene.frame_set(scene.frame_start + min(12, FRAMES // 2))
    yield
    yield
    yield from pause("06_timeline")
    with bpy.context.temp_override(**window()):
        objects = len(bpy.data.objects)
        bpy.ops.limner.extract_mesh("INVOKE_DEFAULT")
    yield from until_ended("07_mesh")
    say(f"objects {objects} -> {len(bpy.data.objects)}")
    with bpy.context.temp_override(**window()):
        bpy.ops.ed.undo()
    say(f"after undo: {len(bpy.data.objects)} objects")
    yield
    yield from pause("08_undone")
    bpy.ops.screen.userpref_show()
    preferences = bpy.context.preferences
    preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Limner"
    yield
    bpy.ops.preferences.addon_expand(module="bl_ext.user_default.limner")
    bpy.ops.limner.doctor()
    yield from pause("09_preferences")
    say("finished")


def main() -> None:
    """Let Blender's timer take the steps."""
    steps = walk()

    def step() -> float | None:
        try:
            next(steps)
            return STEP_SECONDS
        except StopIteration:
            return None
        except Exception:
            say(traceback.format_exc())
            return None

    bpy.app.timers.register(step, first_interval=6.0)


main()
