"""Makes every person of a range and counts what came of it: ``python -m backend.people.census``.

One line of JSON a person goes to the output as soon as it is made; a census that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from backend.people.faults import faults_of_person, faults_of_picture, found
from backend.people.person import make_person
from backend.people.render import render
from backend.people.shots import draw_shots
from backend.people.studio import studio_shot

FRONTAL_EVERY, FRONTAL_SIZE = 10, 256  # who is looked for by the face detector, and in how large a picture, pixels
SHOWN = 12  # seeds that the summary names for each fault

Record = dict[str, Any]


def _span(name: str, bounds: Sequence[float], record: Record) -> str:
    """The stretch between two bounds, the first of them included, that a record's value lies in."""
    below, above = max((pair for pair in pairwise(bounds) if record[name] >= pair[0]), default=(bounds[0], bounds[1]))
    return f"{below:g} to {above:g}"


_FIFTHS = (0, 0.2, 0.4, 0.6, 0.8, 1)
SPANS: dict[str, Callable[[Record], str]] = {
    "age": partial(_span, "age", (4, 12, 19, 40, 60, 92)),
    "skin, light to dark": partial(_span, "pigment", _FIFTHS),
    "hair's pigment, white to black": partial(_span, "hair_pigment", _FIFTHS),
    "share of grey hair": partial(_span, "grey", (0, 0.1, 0.5, 0.9, 1)),
    "redness of hair": partial(_span, "redness", (0, 0.5, 1)),
}
KINDS: dict[str, Callable[[Record], str]] = {
    "sex": lambda record: "female" if record["female"] > 0.5 else "male",
    "arbitrary colours": lambda record: "yes" if record["arbitrary"] else "no",
    "hair": lambda record: str(record["hair"]),
    "beard": lambda record: str(record["beard"]),
    "clothes": lambda record: str(record["clothes"]).removesuffix(" + scarf"),
    "scarf": lambda record: "yes" if record["clothes"].endswith("scarf") else "no",
    "headwear": lambda record: str(record["headwear"]),
    "glasses": lambda record: _last_of(record["glasses"], ("none", "sunglasses"), "clear"),
    "jewellery": lambda record: "none" if record["jewellery"] == "none" else "some",
}


def _last_of(style: str, names: Sequence[str], otherwise: str) -> str:
    return next((name for name in names if style.endswith(name)), otherwise)


def examined(seed: int, size: int) -> Record:
    """The person of that seed as a record: traits, style, and what is wrong with one picture of ``size`` pixels.

    Whatever raises is a finding, not an end: its name and text are the record's ``error``.
    """
    try:
        return _examined(seed, size)
    except Exception as error:  # the census counts failures of any kind
        return {"seed": seed, "error": f"{type(error).__name__}: {error}"}


def _examined(seed: int, size: int) -> Record:
    person = make_person(seed)
    picture = render(person, draw_shots(person, seed, 1, size)[0])
    traits = {name: round(value, 4) for name, value in vars(person.traits).items()}
    faults = [*faults_of_person(person), *faults_of_picture(picture)]
    record = {"seed": seed, **traits, **person.style, "faults": faults}
    if seed % FRONTAL_EVERY == 0:
        frontal = render(person, studio_shot(FRONTAL_SIZE))
        record["faults"] = sorted({*faults, *faults_of_picture(frontal)})
        record["found"] = found(frontal)
    return record


def _taken(seeds: Sequence[int], size: int, processes: int) -> Iterator[Record]:
    """Records of these seeds in any order."""
    examine = partial(examined, size=size)
    if processes == 1:
        yield from map(examine, seeds)
        return
    # a forked process would share its parent's graphics context
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(examine, seeds, chunksize=8)


def summary(records: Sequence[Record]) -> str:
    """What a census says, its shares as a Markdown table."""
    made = [record for record in records if "error" not in record]
    looked_for = [record for record in made if "found" in record]
    missed = [record["seed"] for record in looked_for if not record["found"]]
    faulty: dict[str, list[int]] = {}
    for record in made:
        for fault in record["faults"]:
            faulty.setdefault(fault, []).append(record["seed"])
    lines = [
        f"people made: {len(made)} of {len(records)}",
        *(f"failed: {record['seed']} {record['error']}" for record in records if "error" in record),
        *(f"{name}: {len(seeds)}, first {sorted(seeds)[:SHOWN]}" for name, seeds in faulty.items()),
        f"frontal faces found: {len(looked_for) - len(missed)} of {len(looked_for)}, missed {sorted(missed)}",
        "",
        "| | share of people |",
        "|---|---|",
    ]
    for title, named in {**SPANS, **KINDS}.items():
        counted = Counter(map(named, made)).most_common()
        if title in SPANS:
            counted.sort(key=lambda pair: float(pair[0].split()[0]))
        lines.append(f"| {title} | {', '.join(f'{name} {100 * n / len(made):.3g} %' for name, n in counted)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the census, or what is left of it, and print its summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:10000", metavar="A:B")
    parser.add_argument("--size", type=int, default=96, help="of a picture, pixels")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.jsonl")
    chosen = parser.parse_args(arguments)
    first, last = (int(part) for part in chosen.seeds.split(":"))
    records = []
    if chosen.output.exists():
        records = [json.loads(line) for line in chosen.output.read_text(encoding="utf-8").splitlines()]
    left = sorted(set(range(first, last)) - {record["seed"] for record in records})
    with chosen.output.open("a", encoding="utf-8") as file:
        for record in _taken(left, chosen.size, chosen.processes):
            records.append(record)
            print(json.dumps(record), file=file, flush=True)
            print(f"\r{len(records)} of {last - first}", end="", file=sys.stderr)
    print(file=sys.stderr)
    print(summary(records))


if __name__ == "__main__":
    main()
