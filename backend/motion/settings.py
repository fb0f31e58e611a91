"""Every slider of the motion that speech makes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MouthSettings:
    """Speech to mouth.

    Args:
        amplitude: factor on the mouth's movement; 1 is conversational.
        loudness: how much louder speech opens the mouth more, 0 for not at all.
        acoustic: share of the opening told by the sound itself rather than by recognised phones, in [0, 1].
        lead: seconds by which the lips are ahead of the sound.
        jaw_spread: seconds in which a sound's hold on the opening falls to 1/e outside its own time.
        lip_spread: the same for rounding and spreading of the lips, which reach further.
        closure_spread: seconds in which the lips part from a closure.
    """

    amplitude: float = 1.0
    loudness: float = 1.0
    acoustic: float = 0.25
    lead: float = 0.05
    jaw_spread: float = 0.03
    lip_spread: float = 0.07
    closure_spread: float = 0.02


@dataclass(frozen=True)
class MotionSettings:
    """The layers of a talking face; each factor 0 switches its layer off, 1 is natural.

    Args:
        mouth: see :class:`MouthSettings`.
        blinks: how far the lids close.
        blinks_a_minute: 17 at rest, 26 in conversation (Bentivoglio et al. 1997).
        gaze: size of the eyes' small movements.
        nods: size of the head's nods on stressed syllables.
        sway: size of the head's slow movement.
        brows: size of the brows' raises on emphasis.
        idle: size of the small movements of a silent face.
    """

    mouth: MouthSettings = field(default_factory=MouthSettings)
    blinks: float = 1.0
    blinks_a_minute: float = 22.0
    gaze: float = 1.0
    nods: float = 1.0
    sway: float = 1.0
    brows: float = 1.0
    idle: float = 1.0
