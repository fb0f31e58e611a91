"""Install an extension's zip as a user would; says whether Blender took it."""

from pathlib import Path

import bpy
from prelude import PACKAGE, run


def main(archive: str) -> bool:
    # finishes whether or not Blender takes the zip
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    installed = Path(bpy.utils.user_resource("EXTENSIONS"), "user_default", "limner").is_dir()
    assert installed == (PACKAGE in bpy.context.preferences.addons)
    return installed


run(main)
