"""Cameras: pixel for pixel what Blender projects."""

from tests.blender.conftest import Blender


def test_every_fit_shift_and_aspect_projects_as_blender_does(blender: Blender) -> None:
    result = blender.run("camera.py")
    assert result["cases"] == 108
    # Blender's matrices are single precision: a few hundredths of a pixel of up to 1920
    assert result["out"] < 0.02
    assert result["back"] < 0.02
    assert result["blender_back"] < 0.02
    assert result["orthographic"] == "WRONG_USE"
