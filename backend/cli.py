"""The ``limner`` command. Whatever takes time to import is imported by the command that needs it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backend.arguments import build_parser
from backend.terminal import ProgressDisplay, as_refusal
from shared.arkit import ARKIT_INDEX
from shared.errors import EXIT_DONE, EXIT_INTERRUPTED, LimnerError
from shared.storage import remove_unfinished, written_whole

if TYPE_CHECKING:
    from backend.avatars.interface import Avatar
    from backend.training.loop import Settings, Task
    from shared.camera import Camera
    from shared.motion import MotionClip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 2 wrong use, 3 input refused, 4 backend failed or 130 interrupted."""
    options = build_parser().parse_args(arguments)
    display = ProgressDisplay(getattr(options, "progress", "auto"))

    def stop(number: int, frame: object) -> None:
        # an exception out of nowhere would free arrays that threads of native code still work on, and may end as any
        # other exception while modules are loaded
        if options.command in ONE_PROCESS and remove_unfinished():
            display.interrupted()
            os._exit(EXIT_INTERRUPTED)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        return COMMANDS[options.command](options, display)
    except KeyboardInterrupt:
        display.interrupted()
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone; keep Python from complaining about it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:
        refusal = as_refusal(error)
        display.refuse(refusal)
        return refusal.exit_status
    finally:
        display.end()


def _must_exist(path: Path, what: str) -> None:
    """Refuse a missing input before anything slow is imported."""
    if not path.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist or is no file.", f"Check the path of the {what}.")


def _must_be_writable(path: Path, *suffixes: str) -> None:
    """Refuse an output that cannot be written before the work is done."""
    if suffixes and path.suffix.lower() not in suffixes:
        raise LimnerError(
            "FORMAT_UNKNOWN", f"{path.name or path} does not end in {' or '.join(suffixes)}.", "Rename the output."
        )
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK) or (suffixes and path.is_dir()):
        raise LimnerError("OUTPUT_NOT_WRITABLE", f"{path} cannot be written.", "Choose another place for it.")


def _doctor(options: argparse.Namespace, display: ProgressDisplay) -> int:
    from backend.doctor import examine, report

    findings = examine()
    print(json.dumps([vars(finding) for finding in findings], indent=1) if options.json else report(findings))
    return max((finding.exit_status for finding in findings), default=EXIT_DONE)


def _serve(options: argparse.Namespace, display: ProgressDisplay) -> int:
    from backend.server.serve import serve

    return serve(options.connection_file, options.bind, options.device, options.parent_pid)


def _reconstruct(options: argparse.Namespace, display: ProgressDisplay) -> int:
    for reference in options.references:
        _must_exist(reference, "picture")
    _must_be_writable(options.output, ".limner")
    if options.report:
        _must_be_writable(options.report, ".json")
    from backend.avatars.reconstruct import reconstruct

    avatar, report = reconstruct(
        options.references, options.kind, options.kept, display, weights=options.weights, bfm=options.bfm,
        refine=options.refine,
    )  # fmt: skip
    avatar.save(options.output)
    if options.report:
        with written_whole(options.report) as temporary:
            temporary.write_text(json.dumps(report, indent=1), encoding="utf-8")
    display.end()
    print(options.output)
    for reference in report["references"]:
        if not reference["kept"]:
            display.note(f"{Path(reference['path']).name} is not used; {reference['reason'].rstrip('.')}.")
    if "not_refined" in report:
        display.note(f"The avatar is not refined; {report['not_refined']}.")
    return EXIT_DONE


def _import_real3d(options: argparse.Namespace, display: ProgressDisplay) -> int:
    _must_be_writable(options.output, ".safetensors")
    from backend.avatars.real3d.official_files import model_groups

    model_groups(options.folder)  # a wrong path is refused before anything slow is imported
    from backend.avatars.real3d.official_import import import_real3d

    imported = import_real3d(options.folder, options.output, display)
    display.end()
    print(f"{options.output}  {', '.join(f'{name} ({count} tensors)' for name, count in imported.items())}")
    if len(imported) == 1:
        display.note("No audio-to-motion model lies beside it; pictures do not need it, the published speech does.")
    return EXIT_DONE


def _animate(options: argparse.Namespace, display: ProgressDisplay) -> int:
    _must_exist(options.source, "speech or video")
    if options.avatar:
        _must_exist(options.avatar, "avatar")
    _must_be_writable(options.output, ".npz")
    if not 1 <= options.fps <= 240:
        raise LimnerError("WRONG_USE", f"{options.fps:g} frames a second is no film.", "Choose 1 to 240.")
    published = (options.weights, options.hubert, options.bfm)
    note = None
    if all(published):
        from backend.avatars.real3d.speech import animate_published

        clip = animate_published(options.source, *published, fps=options.fps, seed=options.seed, progress=display)
    elif any(published):
        raise LimnerError(
            "WRONG_USE",
            "The published audio-to-motion network needs --weights, --hubert and --bfm.",
            "Give all three, or none of them.",
        )
    else:
        clip, note = _driven(options, display)
    clip.save(options.output)
    display.end()
    print(f"{options.output}  {len(clip)} frames at {clip.fps:g} fps")
    if note:
        display.note(note)
    return EXIT_DONE


def _driven(options: argparse.Namespace, display: ProgressDisplay) -> tuple[MotionClip, str | None]:
    """The motion of a film's face, of speech or of a recording, and what the user should know about it."""
    from backend.capture.video import holds_pictures

    if holds_pictures(options.source):
        from backend.motion.video import animate_from_video

        head = None
        if options.avatar:
            from backend.avatars.file import load_avatar
            from backend.capture.head_track import KnownHead

            head = KnownHead(load_avatar(options.avatar, "cpu").neutral)
        motion = animate_from_video(options.source, options.fps, display, head)
        return motion.clip, motion.note
    from backend.motion.animate import animate

    return animate(options.source, options.fps, options.seed, display), None


def _render(options: argparse.Namespace, display: ProgressDisplay) -> int:
    _must_exist(options.avatar, "avatar")
    for path, what in ((options.clip, "motion clip"), (options.audio, "sound")):
        if path:
            _must_exist(path, what)
    _must_be_writable(options.output)
    from backend.avatars.file import load_avatar
    from backend.avatars.sequence import SequenceSettings, background_from_text, render_sequence

    settings = SequenceSettings(
        size=options.size,
        frames=options.frames,
        quality=options.quality,
        camera=_camera(options.camera),
        background=background_from_text(options.background),
        passes=options.passes,
        audio=options.audio,
        resume=options.resume,
    )
    clip = _clip(options)
    avatar = load_avatar(options.avatar, options.device)
    clip = posed(clip, avatar, options.settings, options.yaw, options.pitch)
    files = render_sequence(avatar, clip, options.output, settings, display, display.on_frame)
    display.end()
    print(options.output if len(files) == 1 else f"{options.output}  {len(files)} frames")
    return EXIT_DONE


def _clip(options: argparse.Namespace) -> MotionClip | None:
    from shared.motion import MotionClip

    return MotionClip.load(options.clip) if options.clip else None


def posed(
    clip: MotionClip | None, avatar: Avatar, settings: Sequence[dict[str, float]], yaw: float, pitch: float
) -> MotionClip:
    """A clip with facial actions fixed and the head turned further; without a clip, the photograph's own expression.

    Args:
        settings: values in [0, 1] by ARKit name, later ones first.
        yaw: degrees about the vertical axis, to the person's left (right in the picture).
        pitch: degrees about the axis through the ears, downward.
    """
    import numpy as np

    from backend.avatars.interface import photographed
    from shared.motion import MotionClip

    if clip is None:
        clip = photographed(avatar)
    coefficients, rotation = clip.coefficients.copy(), clip.rotation.copy()
    for values in settings:
        for name, value in values.items():
            coefficients[:, ARKIT_INDEX[name]] = value
    rotation += np.radians([pitch, 0.0, yaw]).astype(np.float32)
    # what the face model's own coefficients say holds no longer where actions are fixed
    return MotionClip(clip.fps, coefficients, rotation, clip.location, None if settings else clip.expression)


def _camera(text: str) -> Camera | list[Camera] | None:
    """``source``, or one camera or a list of them out of a JSON file."""
    if text == "source":
        return None
    from shared.camera import Camera

    _must_exist(Path(text), "camera")
    try:
        data = json.loads(Path(text).read_text(encoding="utf-8"))
        if not data:
            raise ValueError("it is empty")
        return [Camera.from_json(item) for item in data] if isinstance(data, list) else Camera.from_json(data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LimnerError(
            "CAMERA_UNREADABLE",
            f"{text} is not a camera ({type(error).__name__}: {error}).",
            "Give JSON with intrinsics, world_to_camera, width and height.",
        ) from error


def _mesh(options: argparse.Namespace, display: ProgressDisplay) -> int:
    _must_exist(options.avatar, "avatar")
    if options.clip:
        _must_exist(options.clip, "motion clip")
    if options.frame and not options.clip:
        raise LimnerError("WRONG_USE", "A frame was asked for without a clip.", "Give a clip, or no --frame.")
    _must_be_writable(options.output, ".glb", ".obj", ".ply", ".usdc")
    clip = _clip(options)
    if clip is not None and options.frame and options.frame > len(clip):
        raise LimnerError("WRONG_USE", f"The clip has {len(clip)} frames.", "Choose one of them.")
    from backend.avatars.file import load_avatar
    from backend.meshing.export import export_mesh

    avatar = load_avatar(options.avatar, options.device)
    made = export_mesh(avatar, options.output, options.surface, clip, options.frame, options.resolution, display)
    display.end()
    print(made)
    return EXIT_DONE


def _benchmark(options: argparse.Namespace, display: ProgressDisplay) -> int:
    for path in (*options.references, *([options.speech] if options.speech else [])):
        _must_exist(path, "picture or sound")
    if options.weights:
        _must_exist(options.weights, "weights")
    if options.output:
        _must_be_writable(options.output, ".json")
    from backend.evaluation.benchmark import run_benchmark

    table, _ = run_benchmark(
        options.references,
        options.output,
        options.repeats,
        options.frames,
        options.speech,
        options.device,
        display,
        options.weights,
    )
    display.end()
    print(table, end="")
    return EXIT_DONE


def _evaluate(options: argparse.Namespace, display: ProgressDisplay) -> int:
    found = EVALUATIONS[options.what](options, display)
    display.end()
    print(found, end="")
    return EXIT_DONE


def _evaluate_portraits(options: argparse.Namespace, display: ProgressDisplay) -> str:
    from backend.evaluation.portrait_score import table
    from backend.evaluation.portraits import evaluate_portraits

    scores = evaluate_portraits(
        options.folder, options.output, options.size, options.only, display, options.weights
    )
    return table(scores)


def _evaluate_reenactment(options: argparse.Namespace, display: ProgressDisplay) -> str:
    from backend.evaluation.reenactment import evaluate_reenactment
    from backend.evaluation.reenactment_score import table

    return table(evaluate_reenactment(options.films, options.output, options.seconds, options.size, display))


def _evaluate_people(options: argparse.Namespace, display: ProgressDisplay) -> str:
    from backend.evaluation.people import evaluate_people
    from backend.evaluation.people_score import table

    return table(evaluate_people(options.seeds, options.output, options.size, display, options.references))


EVALUATIONS = {"portraits": _evaluate_portraits, "reenactment": _evaluate_reenactment, "people": _evaluate_people}


def _train(options: argparse.Namespace, display: ProgressDisplay) -> int:
    _must_be_writable(options.output)
    from backend.training.export import export
    from backend.training.loop import Settings, train

    settings = Settings(options.steps, options.minutes, options.batch, options.seed)
    task = TASKS[options.network](options, settings)
    outcome = train(task, settings, options.output, options.device, display)
    if outcome.leads:
        measures = export(task, settings, outcome, options.output, options.people)
        display.end()
        print(json.dumps({"step": outcome.step, **measures}))
    return EXIT_DONE


def _parsing_task(options: argparse.Namespace, settings: Settings) -> Task:
    from backend.networks.face_parsing import FaceParsingConfig
    from backend.training.parsing import ParsingTask

    return ParsingTask(settings, options.output / "people", options.people, FaceParsingConfig(size=options.size))


def _completion_task(options: argparse.Namespace, settings: Settings) -> Task:
    from backend.training.completion import CompletionTask

    return CompletionTask(settings, options.output / "people", options.people)


def _relief_task(options: argparse.Namespace, settings: Settings) -> Task:
    from backend.training.relief import ReliefTask

    return ReliefTask(settings, options.output / "people", options.people)


TASKS = {"parsing": _parsing_task, "completion": _completion_task, "relief": _relief_task}


COMMANDS: dict[str, Callable[[argparse.Namespace, ProgressDisplay], int]] = {
    "doctor": _doctor,
    "serve": _serve,
    "reconstruct": _reconstruct,
    "import-real3d": _import_real3d,
    "animate": _animate,
    "render": _render,
    "mesh": _mesh,
    "benchmark": _benchmark,
    "evaluate": _evaluate,
    "train": _train,
}
# commands without child processes and temporary folders: they end at once when interrupted
ONE_PROCESS = {"reconstruct", "import-real3d", "animate", "render", "mesh"}
