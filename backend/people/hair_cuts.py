"""Hair cuts, and who wears them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backend.people.scene import Traits


@dataclass(frozen=True)
class Cut:
    """A way to wear hair; lengths in metres.

    Args:
        name: for the model card.
        top: length on top.
        sides: length above the ears.
        back: length on the back of the head.
        fringe: length of the hair at the forehead; ``None`` if it is combed like the rest.
        sweep: sideways component of the fringe's direction; ``None`` parts it like a curtain.
        fringe_level: height above the eyes at which the fringe is cut.
        level: height at which the rest is cut, for cuts with an even edge.
        parting: how far to the person's left the hair parts; ``None`` if it grows from the whorl.
        combed: direction of the top (towards the parted side, back, up); how firmly is its length.
        lift: 0 lies flat, 1 stands on end; of the top.
        side_lift: of the sides and back.
        stiffness: metres along which gravity bends it.
        cling: how firmly it is pressed to the head.
        volume: thickness of the hair on the head.
        curl: radius of the curls.
        pitch: length of one turn of a curl.
        locks: number of locks; 0 leaves single strands.
        clumping: how far locks close at their tips.
        gathered: metres to which they close.
        strands: how many the whole scalp would bear.
        points: along each strand.
        width: of a strand.
        forward: share of the long hair that falls over the front of the shoulders.
        tied: what becomes of long hair: "", "ponytail", "bun", "braid" or "plaits".
        gather: [3] where it is tied, on the mean head.
        strip: half width of the only strip that is not shorn, 0 for none.
    """

    name: str
    top: float
    sides: float
    back: float
    fringe: float | None = None
    sweep: float | None = 0.0
    fringe_level: float = 0.03
    level: float | None = None
    parting: float | None = None
    combed: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lift: float = 0.25
    side_lift: float = 0.15
    stiffness: float = 0.06
    cling: float = 0.3
    volume: float = 0.012
    curl: float = 0.0
    pitch: float = 0.05
    locks: int = 350
    clumping: float = 0.4
    gathered: float = 0.006
    strands: int = 4800
    points: int = 9
    width: float = 0.0025
    forward: float = 0.4
    tied: str = ""
    gather: tuple[float, float, float] = (0.0, 0.1, 0.03)
    strip: float = 0.0


_BUZZ = Cut(
    "buzz", 0.008, 0.005, 0.006, lift=0.6, side_lift=0.45, volume=0.001, locks=0, strands=9000, points=3, width=0.0009
)
_SHORT = Cut("short", 0.045, 0.022, 0.02, lift=0.35, side_lift=0.18, stiffness=0.12, volume=0.010, points=7)
_SIDE = replace(_SHORT, name="side parting", top=0.075, parting=0.03, combed=(0.9, 0.25, 0.0), lift=0.3, points=8)
_SLICK = replace(
    _SHORT, name="slicked back", top=0.11, sides=0.05, back=0.03, combed=(0.1, 1.2, 0.0), lift=0.15, cling=0.8, points=9
)
_QUIFF = replace(_SHORT, name="quiff", top=0.065, combed=(0.15, 0.8, 0.25), lift=0.75, cling=0.1, points=8)
_UNDERCUT = replace(_SLICK, name="undercut", sides=0.007, back=0.008, side_lift=0.4)
_MOHAWK = replace(
    _SHORT, name="mohawk", top=0.085, sides=0.005, back=0.006, lift=0.97, stiffness=1.0, cling=0.0, strip=0.022
)
_CURLY = replace(
    _SHORT, name="short curls", top=0.09, sides=0.055, back=0.05, lift=0.7, side_lift=0.55, volume=0.03, cling=0.1,
    curl=0.006, pitch=0.028, locks=520, clumping=0.75, strands=2400, points=14, stiffness=0.07,
)  # fmt: skip
_AFRO = replace(
    _CURLY, name="afro", top=0.085, sides=0.075, back=0.075, lift=1.0, side_lift=1.0, volume=0.05, cling=0.0,
    curl=0.0045, pitch=0.018, locks=0, strands=3400, points=13, width=0.0022, stiffness=2.0,
)  # fmt: skip
_PIXIE = replace(_SHORT, name="pixie", top=0.075, sides=0.045, back=0.035, fringe=0.085, sweep=0.8, fringe_level=0.035)
_FRINGED = replace(_SHORT, name="short fringe", top=0.065, sides=0.03, fringe=0.07, fringe_level=0.045)
_MOP = replace(_SHORT, name="mop", top=0.10, sides=0.075, back=0.07, fringe=0.10, fringe_level=0.02, volume=0.018)
_BOB = Cut(
    "bob", 0.30, 0.25, 0.22, level=-0.095, parting=0.0, combed=(0.9, 0.15, 0.0), lift=0.2, stiffness=0.045,
    volume=0.016, points=13, strands=3400,
)  # fmt: skip
_BOWL = replace(_BOB, name="bowl", level=-0.02, top=0.22, parting=None, fringe=0.13, fringe_level=0.03)
_SHOULDER = replace(_BOB, name="shoulder length", level=-0.17, top=0.38, sides=0.32, back=0.30, points=15)
_LONG = replace(
    _BOB, name="long", level=None, top=0.48, sides=0.42, back=0.38, points=18, strands=3000, locks=260, width=0.0032
)
_WAVES = replace(_LONG, name="long waves", curl=0.008, pitch=0.11, clumping=0.7, volume=0.02, locks=200, strands=2700)
_RINGLETS = replace(
    _LONG, name="long curls", top=0.36, sides=0.33, back=0.30, curl=0.009, pitch=0.05, clumping=0.85, locks=320,
    strands=2200, points=24, volume=0.03, lift=0.4, side_lift=0.3,
)  # fmt: skip
_DREADS = replace(
    _LONG, name="locks", top=0.30, sides=0.27, back=0.25, locks=130, clumping=1.0, gathered=0.004, strands=2300,
    points=15, volume=0.02, stiffness=0.07, lift=0.4, width=0.0028,
)  # fmt: skip
_TAIL = replace(
    _SLICK, name="ponytail", top=0.3, sides=0.3, back=0.3, tied="ponytail", lift=0.1, volume=0.006, points=11
)
_BUN = replace(_TAIL, name="bun", tied="bun")
_BRAID = replace(_TAIL, name="braid", tied="braid", gather=(0.0, 0.082, -0.045))
_PLAITS = replace(_TAIL, name="plaits", tied="plaits", parting=0.0, gather=(0.062, 0.035, -0.055))
_BALD = replace(_BUZZ, name="bald", strands=0)

CUTS = {
    cut.name: cut
    for cut in (
        _BALD, _BUZZ, _SHORT, _SIDE, _SLICK, _QUIFF, _UNDERCUT, _MOHAWK, _CURLY, _AFRO, _PIXIE, _FRINGED, _MOP, _BOB,
        _BOWL, _SHOULDER, _LONG, _WAVES, _RINGLETS, _DREADS, _TAIL, _BUN, _BRAID, _PLAITS,
    )
}  # fmt: skip

_MASCULINE = {
    "bald": 2, "buzz": 4, "short": 7, "side parting": 6, "slicked back": 2.5, "quiff": 3.5, "undercut": 2,
    "mohawk": 0.3, "short curls": 4, "afro": 1, "short fringe": 4, "mop": 2.5, "shoulder length": 0.8, "long": 0.8,
    "locks": 0.8, "bun": 0.5, "ponytail": 0.5, "long waves": 0.3, "long curls": 0.3,
}  # fmt: skip
_FEMININE = {
    "bald": 0.2, "buzz": 0.4, "short": 1, "side parting": 0.6, "slicked back": 0.4, "short curls": 2, "afro": 1,
    "pixie": 2, "bob": 4, "bowl": 0.7, "shoulder length": 5, "long": 6, "long waves": 5, "long curls": 3, "locks": 0.7,
    "ponytail": 3.5, "bun": 3, "braid": 1.5, "plaits": 1.2, "undercut": 0.3, "mop": 0.5,
}  # fmt: skip
_COILED = {"afro": 5.0, "short curls": 1.5, "locks": 4.0, "buzz": 2.0, "long curls": 1.5, "braid": 1.5}


def _suits(name: str, traits: Traits) -> float:
    """How often somebody with these traits wears that cut, in no particular unit."""
    weight = (1 - traits.female) * _MASCULINE.get(name, 0.0) + traits.female * _FEMININE.get(name, 0.0)
    # tightly coiled hair goes with dark skin: the ancestry behind both is not told
    coiled = np.clip((traits.pigment - 0.5) / 0.25, 0, 1)
    weight *= 1 + coiled * (_COILED.get(name, 0.35) - 1)
    if name in ("afro", "locks"):
        weight *= 0.15 + 0.85 * coiled
    if traits.age < 14:
        factors: dict[str, float] = {
            "bald": 0.0, "mohawk": 0.3, "slicked back": 0.2, "mop": 3, "bowl": 3, "plaits": 3, "short fringe": 2,
            "undercut": 0.3, "ponytail": 1.5, "quiff": 0.5,
        }  # fmt: skip
        weight *= factors.get(name, 1.0)
    elif traits.age > 62 and CUTS[name].top > 0.2 and not CUTS[name].tied:
        weight *= 0.45
    return weight


def drawn_cut(traits: Traits, random: np.random.Generator) -> Cut:
    """A cut that suits the traits, with lengths and manners of its own."""
    names = list(CUTS)
    weights = np.array([_suits(name, traits) for name in names])
    return varied(CUTS[str(random.choice(names, p=weights / weights.sum()))], traits, random)


def varied(cut: Cut, traits: Traits, random: np.random.Generator) -> Cut:
    """The cut as one wearer has it."""

    def about(value: float, spread: float = 0.2) -> float:
        return float(value * np.exp(random.normal(0, spread)))

    length = about(1.0)
    cut = replace(
        cut,
        top=cut.top * length,
        sides=cut.sides * length * about(1, 0.12),
        back=cut.back * length * about(1, 0.12),
        fringe=None if cut.fringe is None else about(cut.fringe, 0.1),
        lift=min(1.0, about(cut.lift, 0.15)),
        volume=about(cut.volume, 0.25),
        curl=about(cut.curl),
        pitch=about(cut.pitch),
        clumping=float(np.clip(cut.clumping + random.normal(0, 0.12), 0, 1)),
        stiffness=about(cut.stiffness),
        forward=float(random.choice([0.0, 0.3, 0.5, 0.8], p=[0.3, 0.25, 0.25, 0.2])),
    )
    if cut.level is not None:
        cut = replace(cut, level=cut.level + random.uniform(-0.03, 0.025))
    if cut.parting is not None and cut.tied != "plaits":
        where = random.choice([0.0, 0.025, 0.04]) if cut.top > 0.2 else 0.03
        cut = replace(cut, parting=float(random.choice([-1, 1]) * where + random.normal(0, 0.003)))
    if cut.top > 0.2 and cut.fringe is None and cut.tied != "plaits" and random.random() < 0.35:
        sweep = (0.0, None, 0.6, -0.6)[random.integers(4)]
        cut = replace(cut, fringe=0.10, sweep=sweep, fringe_level=float(random.uniform(0.0, 0.04)))
    elif cut.fringe is not None:
        cut = replace(cut, fringe_level=cut.fringe_level + float(random.uniform(-0.015, 0.012)))
        if cut.sweep:
            cut = replace(cut, sweep=cut.sweep * float(random.choice([-1, 1])))
    if cut.curl == 0 and cut.top > 0.03 and cut.tied == "" and cut.name != "mohawk" and random.random() < 0.35:
        cut = replace(cut, curl=about(0.003, 0.4), pitch=about(0.07))
    if cut.tied in ("ponytail", "bun"):
        places = ((0.0, 0.108, 0.045), (0.0, 0.103, 0.01), (0.0, 0.086, -0.04), (0.0, 0.07, 0.115))
        cut = replace(cut, gather=places[random.choice(4, p=[0.3, 0.3, 0.28, 0.12])])
    return cut
