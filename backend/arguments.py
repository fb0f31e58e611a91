"""The grammar of the ``limner`` command (DESIGN.md section 10)."""

from __future__ import annotations

import argparse
import difflib
import math
from pathlib import Path

from shared.arkit import ARKIT_INDEX

VERSION = "0.1.0"
PASSES = ("rgba", "depth", "head", "torso", "mixer")


def build_parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="limner", description="A talking portrait: a photograph and a piece of speech become an animated avatar."
    )
    parser.add_argument("--version", action="version", version=f"limner {VERSION}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")

    def with_progress(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--progress",
            choices=["auto", "bar", "json", "none"],
            default="auto",
            help="how to report progress on standard error (default: a bar on a terminal)",
        )

    def with_device(added: argparse.ArgumentParser) -> None:
        added.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to compute")

    doctor = command("doctor", "say what works here, what does not, and the remedy")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")

    serve = command("serve", "answer Blender and other clients until told to stop")
    serve.add_argument("--connection-file", type=Path, metavar="FILE", help="where to write endpoints and keys")
    serve.add_argument(
        "--bind", default="127.0.0.1", metavar="HOST", help="address to listen on (default: this machine)"
    )
    serve.add_argument("--parent-pid", type=int, metavar="N", help="end when this process ends")
    with_device(serve)

    reconstruct = command("reconstruct", "make an avatar from one picture of a face or several")
    reconstruct.add_argument(
        "references",
        type=Path,
        nargs="+",
        metavar="REF",
        help="a picture of the person; others after the first lend what it does not show",
    )
    reconstruct.add_argument("-o", "--output", type=Path, required=True, metavar="A.limner")
    reconstruct.add_argument(
        "--kind", choices=["zera", "real3d"], default="zera", help="kind of avatar (default: %(default)s)"
    )
    reconstruct.add_argument(
        "--weights", type=Path, metavar="FILE", help="what import-real3d wrote, which the kind real3d needs"
    )
    reconstruct.add_argument(
        "--bfm", type=Path, metavar="FOLDER", help="your Basel Face Model, for the kind real3d (default: Limner's head)"
    )
    reconstruct.add_argument(
        "--references",
        dest="kept",
        type=_positive,
        default=4,
        metavar="K",
        help="how many of the pictures to keep at most (default: %(default)s)",
    )
    reconstruct.add_argument(
        "--refine",
        type=_steps,
        default=0,
        metavar="STEPS",
        help="of learning how the person looks from aside, from several pictures; 100 take about a minute (default: 0)",
    )
    reconstruct.add_argument("--report", type=Path, metavar="R.json", help="write what was found in the pictures")
    with_progress(reconstruct)

    imported = command("import-real3d", "convert official Real3D-Portrait checkpoints, once, into a file for avatars")
    imported.add_argument(
        "folder", type=Path, metavar="CHECKPOINT_FOLDER", help="such as checkpoints/240210_real3dportrait_orig"
    )
    imported.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.safetensors")
    with_progress(imported)

    animate = command("animate", "make a motion clip from speech, a video or a Live Link Face recording")
    animate.add_argument("source", type=Path, metavar="SPEECH|VIDEO|CSV")
    animate.add_argument("-o", "--output", type=Path, required=True, metavar="C.npz")
    animate.add_argument("--fps", type=float, default=25.0, help="frames a second (default: 25)")
    animate.add_argument(
        "--avatar",
        type=Path,
        metavar="A.limner",
        help="an avatar of the person in the video: their head need not be guessed",
    )
    animate.add_argument("--seed", type=int, default=0, metavar="N", help="of blinks and head motion (default: 0)")
    published = animate.add_argument_group(
        "the published audio-to-motion network of Real3D-Portrait; all three or none"
    )
    published.add_argument("--weights", type=Path, metavar="FILE", help="what import-real3d wrote")
    published.add_argument("--hubert", type=Path, metavar="FOLDER", help="your copy of facebook/hubert-large-ls960-ft")
    published.add_argument("--bfm", type=Path, metavar="FOLDER", help="your Basel Face Model")
    with_progress(animate)

    render = command("render", "render an avatar to pictures or a film")
    render.add_argument("avatar", type=Path, metavar="A.limner")
    render.add_argument("clip", type=Path, nargs="?", metavar="C.npz", help="motion; without it, the photograph's own")
    render.add_argument("-o", "--output", type=Path, required=True, metavar="DIR|FILE.mp4|FILE.png")
    render.add_argument("--size", type=_positive, default=512, metavar="PIXELS", help="longer side (default: 512)")
    render.add_argument("--frames", type=_frames, metavar="A:B", help="first and last frame, counted from 1")
    render.add_argument("--quality", choices=["preview", "final"], default="final")
    render.add_argument("--camera", default="source", metavar="source|FILE.json", help="(default: the photograph's)")
    render.add_argument(
        "--yaw",
        type=_degrees,
        default=0.0,
        metavar="DEG",
        help="turn the head from the photograph's pose to its left (right in the picture)",
    )
    render.add_argument("--pitch", type=_degrees, default=0.0, metavar="DEG", help="bow the head; negative looks up")
    render.add_argument(
        "--set",
        dest="settings",
        type=_coefficients,
        action="append",
        default=[],
        metavar="NAME=VALUE,...",
        help="fix facial actions, such as jawOpen=0.5",
    )
    render.add_argument("--background", default="keep", metavar="keep|transparent|FILE|#rrggbb")
    render.add_argument("--passes", type=_passes, default=("rgba",), metavar="NAMES", help=f"of {','.join(PASSES)}")
    render.add_argument("--audio", type=Path, metavar="FILE", help="sound for a film")
    render.add_argument("--resume", action="store_true", help="keep the frames that are there and still valid")
    with_device(render)
    with_progress(render)

    mesh = command("mesh", "write the head, or the surface of the whole person, as a mesh")
    mesh.add_argument("avatar", type=Path, metavar="A.limner")
    mesh.add_argument("clip", type=Path, nargs="?", metavar="C.npz", help="motion that --frame chooses from")
    mesh.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.glb|.obj|.ply|.usdc")
    mesh.add_argument(
        "--surface",
        choices=["volume", "head"],
        default="head",
        help="the fitted head with shape keys and texture, or the whole person as seen",
    )
    mesh.add_argument("--resolution", type=_positive, default=192, metavar="N", help="cells along the longest side")
    mesh.add_argument("--frame", type=_positive, metavar="N", help="frame of the clip, counted from 1")
    with_device(mesh)
    with_progress(mesh)

    benchmark = command("benchmark", "measure speed and memory on this machine, beside their budgets")
    benchmark.add_argument("references", type=Path, nargs="*", metavar="REF", help="default: scikit-image's astronaut")
    benchmark.add_argument("-o", "--output", type=Path, metavar="B.json", help="write all the numbers")
    benchmark.add_argument("--repeats", type=_positive, default=5, metavar="N", help="(default: %(default)s)")
    benchmark.add_argument(
        "--frames", type=_positive, default=2000, metavar="N", help="of the test of memory (default: %(default)s)"
    )
    benchmark.add_argument("--speech", type=Path, metavar="FILE", help="sound for the stages of the demo")
    benchmark.add_argument(
        "--weights", type=Path, metavar="FILE", help="measure the kind real3d with what import-real3d wrote"
    )
    with_device(benchmark)
    with_progress(benchmark)

    train = command("train", "train a network on people that the program makes, and use it if it is better")
    networks = train.add_subparsers(title="networks", dest="network", metavar="NETWORK", required=True)
    for network, steps, batch, text in (
        ("parsing", 20_000, 32, "divide a picture into hair, face, neck, clothes and background"),
        ("completion", 20_000, 16, "add to lifted frames what the photograph did not show"),
        ("relief", 20_000, 32, "tell how far away hair and headwear are"),
    ):
        trained = networks.add_parser(network, help=text, description=text[0].upper() + text[1:] + ".")
        trained.add_argument(
            "-o", "--output", type=Path, required=True, metavar="FOLDER",
            help="for people, checkpoint, log and strips; a training that is there is gone on with",
        )  # fmt: skip
        as_default = "(default: %(default)s)"
        trained.add_argument("--steps", type=_positive, default=steps, metavar="N", help=f"in all {as_default}")
        trained.add_argument("--minutes", type=float, metavar="M", help="end this run then; the next one goes on")
        trained.add_argument("--people", type=_positive, default=3000, metavar="N", help=f"to make {as_default}")
        trained.add_argument("--batch", type=_positive, default=batch, metavar="N", help=f"samples a step {as_default}")
        if network == "parsing":
            trained.add_argument("--size", type=_positive, default=192, metavar="PIXELS", help=as_default)
        trained.add_argument("--seed", type=int, default=0, metavar="N", help=as_default)
        with_device(trained)
        with_progress(trained)

    evaluate = command("evaluate", "measure how good avatars are")
    what = evaluate.add_subparsers(title="what to evaluate", dest="what", metavar="WHAT", required=True)
    text = "the source view, turns of the head, jaw and lids of the avatar of every picture in a folder"
    portraits = what.add_parser("portraits", help=text, description=text[0].upper() + text[1:] + ".")
    portraits.add_argument("folder", type=Path, metavar="FOLDER")
    portraits.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="for sheets, table and JSON")
    portraits.add_argument("--size", type=_positive, default=512, metavar="PIXELS", help="longer side (default: 512)")
    portraits.add_argument("--only", metavar="TEXT", help="only pictures with this in their names")
    portraits.add_argument(
        "--weights", type=Path, metavar="FILE", help="measure the kind real3d with what import-real3d wrote"
    )
    with_progress(portraits)
    text = "one picture of a film becomes an avatar, the film drives it and is compared with it"
    reenactment = what.add_parser("reenactment", help=text, description=text[0].upper() + text[1:] + ".")
    reenactment.add_argument("films", type=Path, nargs="+", metavar="FOLDER|VIDEO", help="films of one face each")
    reenactment.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="for sheets, table and JSON"
    )
    reenactment.add_argument("--seconds", type=_seconds, metavar="S", help="of each film (default: all of it)")
    reenactment.add_argument("--size", type=_positive, default=512, metavar="PIXELS", help="longer side (default: 512)")
    with_progress(reenactment)
    text = "avatars of procedural people beside their true pictures in other poses and with other expressions"
    people = what.add_parser("people", help=text, description=text[0].upper() + text[1:] + ".")
    people.add_argument(
        "--seeds",
        type=_seeds,
        default=range(1_000_000, 1_000_008),
        metavar="A:B",
        help="first and last; nothing is trained on 1000000 and above (default: eight of these)",
    )
    people.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="for sheets, table and JSON")
    people.add_argument("--size", type=_positive, default=512, metavar="PIXELS", help="(default: %(default)s)")
    people.add_argument(
        "--references",
        type=int,
        choices=range(1, 5),
        default=1,
        metavar="K",
        help="pictures that each avatar is made from, 1 to 4 (default: %(default)s)",
    )
    with_progress(people)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _steps(text: str) -> int:
    return int(text) and _positive(text)


def _seeds(text: str) -> range:
    first, _, last = text.partition(":")
    try:
        seeds = range(int(first), int(last or first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not A:B, such as 1000000:1000007") from None
    if not seeds or seeds[0] < 0:
        raise argparse.ArgumentTypeError(f"{text} holds no seeds")
    return seeds


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no length of time")
    return number


def _degrees(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is no angle")
    return number


def _frames(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    try:
        return int(first), int(last or first)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not A:B, such as 1:100") from None


def _passes(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in names if name not in PASSES]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not one of {', '.join(PASSES)}")
    return names


def _coefficients(text: str) -> dict[str, float]:
    values = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        name = name.strip()
        if name not in ARKIT_INDEX:
            near = difflib.get_close_matches(name, ARKIT_INDEX, n=1)
            raise argparse.ArgumentTypeError(f"no facial action {name!r}" + (f"; {near[0]}?" if near else ""))
        try:
            values[name] = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part!r} is not NAME=VALUE, such as jawOpen=0.5") from None
        if not 0 <= values[name] <= 1:
            raise argparse.ArgumentTypeError(f"{name} goes from 0 to 1, not to {value}")
    return values
