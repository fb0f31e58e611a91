"""An avatar that has lost a part, before a job and while it runs."""

from pathlib import Path

import bpy
from prelude import extension, run

pump = extension("bridge.pump")


def refusal(operator, **arguments):
    try:
        operator(**arguments)
    except RuntimeError as error:
        return str(error)
    return ""


def main(media, folder):
    media, scene = Path(media), bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder, "broken.blend")))
    bpy.ops.limner.create_avatar(picture=str(media / "slow.png"))
    scene.limner.speech = str(media / "speech.wav")
    facts = {}
    bpy.ops.limner.animate(wait=False)
    bpy.data.objects.remove(scene.limner.avatar.limner.control)
    job = pump.wait(list(pump.session().jobs.values())[-1], 60)
    facts["meanwhile"] = [job.state, str(job.error)]
    facts["refusals"] = [
        refusal(operator) for operator in (bpy.ops.limner.animate, bpy.ops.limner.render, bpy.ops.limner.extract_mesh)
    ]
    # what nobody foresaw ends the job, too: it is not tried again thirty times a second
    bpy.ops.limner.create_avatar(picture=str(media / "slow.png"))
    extension("bridge.actions").write_clip = None
    facts["unforeseen"] = refusal(bpy.ops.limner.animate)
    return facts


run(main)
