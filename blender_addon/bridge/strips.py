"""Frames and sound on the sequencer."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import compat


def place_sound(scene: bpy.types.Scene, path: Path, frame: int, name: str) -> bpy.types.Strip:
    """Put a sound on the sequencer at a frame; one of the same name gives way."""
    channel = remove_strip(scene, name)
    strips = scene.sequence_editor_create().strips
    end = frame + 1  # its length is known once it is loaded
    strip = strips.new_sound(name, str(path), channel or free_channel(scene, frame, end), frame)
    strip.show_waveform = True
    overlap_free(scene, strip)
    compat.show_in_sequencer(scene)
    return strip


class GrowingStrip:
    """An image strip that gets longer as the frames of a render arrive, in whatever order they do.

    Args:
        scene: whose sequencer.
        name: the strip's name; an earlier strip of that name is taken on if it shows the same frames of the scene, so
            that it keeps what the user made of it, and gives way if it does not.
        start: the scene frame of the render's frame 1.
        count: how many frames the whole render has.
    """

    def __init__(self, scene: bpy.types.Scene, name: str, start: int, count: int) -> None:
        self.scene, self.name, self.start, self.count = scene, name, start, count

    def show(self, paths: list[Path]) -> int:
        """Show the first frames of a render, from frame 1 on without a gap; returns how many are on the strip.

        Raises:
            RuntimeError: Blender cannot make the strip.
        """
        if not paths:
            return 0
        strip = find_strip(self.scene, self.name)
        if strip is None or not self._continues(strip, paths[0].parent):
            channel = remove_strip(self.scene, self.name)
            strips = self.scene.sequence_editor_create().strips
            channel = channel or free_channel(self.scene, self.start, self.start + 1)
            strip = strips.new_image(self.name, str(paths[0]), channel, self.start, fit_method="FIT")
            strip.colorspace_settings.name = "sRGB"
            compat.show_in_sequencer(self.scene)
        for path in paths[len(strip.elements):]:
            strip.elements.append(path.name)
        compat.set_strip_end(strip, self.start + len(strip.elements))
        strip.directory = strip.directory  # Blender remembers pictures it has shown, and they may be other ones now
        overlap_free(self.scene, strip)
        return len(strip.elements)

    def _continues(self, strip: bpy.types.Strip, folder: Path) -> bool:
        """Whether a strip that is there is an earlier state of this one."""
        if strip.type != "IMAGE" or Path(bpy.path.abspath(strip.directory)) != folder:
            return False
        return compat.strip_start(strip) == self.start and len(strip.elements) <= self.count


def find_strip(scene: bpy.types.Scene, name: str) -> bpy.types.Strip | None:
    """The strip of a name, or ``None``."""
    return scene.sequence_editor.strips.get(name) if scene.sequence_editor else None


def remove_strip(scene: bpy.types.Scene, name: str) -> int | None:
    """Remove the strip of a name; returns the channel it was on."""
    strip = find_strip(scene, name)
    if strip is None:
        return None
    channel = int(strip.channel)
    scene.sequence_editor.strips.remove(strip)
    return channel


def free_channel(scene: bpy.types.Scene, start: int, end: int) -> int:
    """The lowest channel with nothing between two frames."""
    taken = {
        strip.channel
        for strip in scene.sequence_editor.strips
        if compat.strip_start(strip) < end and compat.strip_start(strip) + compat.strip_duration(strip) > start
    }
    return next(channel for channel in range(1, len(taken) + 2) if channel not in taken)


def overlap_free(scene: bpy.types.Scene, strip: bpy.types.Strip) -> None:
    """Move a strip to the lowest channel where it covers nothing else, unless it already covers nothing."""
    start, end = compat.strip_start(strip), compat.strip_start(strip) + compat.strip_duration(strip)
    others = {
        other.channel
        for other in scene.sequence_editor.strips
        if other != strip
        and compat.strip_start(other) < end
        and compat.strip_start(other) + compat.strip_duration(other) > start
    }
    if strip.channel in others:
        strip.channel = next(channel for channel in range(1, len(others) + 2) if channel not in others)
