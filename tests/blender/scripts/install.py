"""Install the extension's zip as a user would."""

import bpy
from prelude import PACKAGE, run


def main(archive: str) -> list[str]:
    result = bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    assert result == {"FINISHED"}, result
    assert PACKAGE in bpy.context.preferences.addons
    return sorted(addon.module for addon in bpy.context.preferences.addons)


run(main)
