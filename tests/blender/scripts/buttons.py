"""The operators' other form, as buttons use it: nothing blocks, frames appear one by one, jobs survive file reloads."""

import time
from pathlib import Path

import bpy
from prelude import extension, run

pump = extension("bridge.pump")
compat = extension("compat")
ticks = []


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, {job.task: (job.state, job.stage, job.error) for job in jobs()}
        start = time.perf_counter()
        pump.tick()
        ticks.append(time.perf_counter() - start)
        time.sleep(0.01)


def jobs():
    return list(pump.session().jobs.values())


def duration():
    editor = bpy.context.scene.sequence_editor
    strip = editor.strips.get("slow Frames") if editor else None
    return compat.strip_duration(strip) if strip else 0


def main(media, folder):
    media, folder = Path(media), Path(folder)
    facts = {}
    scene = bpy.context.scene
    scene.limner.pictures.add().path = str(media / "slow.png")
    start = time.monotonic()
    facts["invoked"] = sorted(bpy.ops.limner.create_avatar(wait=False))
    facts["invoke"] = [jobs()[-1].active, time.monotonic() - start]
    try:
        bpy.ops.limner.create_avatar(wait=False)
    except RuntimeError as error:
        facts["second"] = str(error)
    # the file gets its name while the job runs: the job goes with it
    file = folder / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    until(lambda: scene.limner.avatar is not None)
    facts["timer"] = bpy.app.timers.is_registered(pump._timer)

    scene.limner.speech = str(media / "speech.wav")
    bpy.ops.limner.animate(wait=False)
    until(lambda: not jobs()[-1].active)
    scene.frame_end = scene.frame_start + 29
    scene.limner.size = 128
    bpy.ops.limner.render(wait=False)
    job = jobs()[-1]
    lengths = set()
    until(lambda: lengths.add(duration()) or job.fraction > 0.3)
    facts["grew"] = sorted(lengths)
    facts["eta"] = job.eta
    facts["described"] = job.describe()
    bpy.ops.wm.save_mainfile()

    bpy.ops.wm.read_homefile(use_empty=True)  # another file meanwhile
    until(lambda: not job.active)
    facts["elsewhere"] = [job.state, job.applied, duration()]
    bpy.ops.wm.open_mainfile(filepath=str(file))
    until(lambda: job.applied)
    facts["back"] = duration()

    # a cancelled render keeps its frames, and the next one begins where it stopped
    scene = bpy.context.scene
    scene.limner.size = 160
    bpy.ops.limner.render(wait=False)
    job = jobs()[-1]
    until(lambda: len(job.frames) >= 5)
    start = time.monotonic()
    bpy.ops.limner.cancel(job=job.id)
    until(lambda: not job.active)
    facts["cancel"] = [job.state, time.monotonic() - start]
    kept = {frame: frame.stat().st_mtime_ns for frame in job.frames.values()}
    bpy.ops.limner.render(wait=False)
    job = jobs()[-1]
    until(lambda: len(job.frames) >= len(kept))
    facts["kept"] = [len(kept), all(frame.stat().st_mtime_ns == before for frame, before in kept.items())]
    bpy.ops.limner.cancel(job=job.id)
    until(lambda: not job.active)

    # a job for a file that was never saved is not brought into another one, unless asked
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    scene.limner.pictures.add().path = str(media / "portrait.png")
    bpy.ops.limner.create_avatar(wait=False)
    bpy.ops.wm.read_homefile(use_empty=True)
    until(lambda: jobs()[-1].task == "build" and not jobs()[-1].active)
    facts["unsaved"] = [jobs()[-1].applied, len(bpy.data.objects)]
    bpy.ops.limner.bring_in(job=jobs()[-1].id)
    facts["brought_in"] = [jobs()[-1].applied, bpy.context.scene.limner.avatar is not None]

    # refusals
    def refused(operator, **arguments):
        try:
            operator(**arguments)
        except RuntimeError as error:
            return str(error)
        return ""

    facts["no_face"] = refused(bpy.ops.limner.create_avatar, picture=str(media / "dog.png"))
    facts["no_file"] = refused(bpy.ops.limner.create_avatar, picture=str(media / "nothing.png"))
    facts["no_speech"] = refused(bpy.ops.limner.animate)
    facts["tick_ms"] = [1000 * sorted(ticks)[len(ticks) // 2], 1000 * max(ticks)]
    return facts


run(main)
