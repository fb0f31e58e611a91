"""Divides the person into hair, face, neck and clothes, in a frame aligned to the head.

A network says what is where, if its weights are there. Else the landmarks say what may be where, and skin, hair and
clothes learn their colours from places that are sure; skin is face above the jaw line and neck below it. Either way the
boundaries settle where neighbouring pixels differ (a random walk with priors, solved for all parts at once).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.capture.face_parser import parsed, parsing_network
from backend.capture.head_frame import ABOVE, BESIDE, FACE_OVAL, SIDE, HeadFrame, beyond_oval, filled
from backend.capture.masks_colours import Colours, Mixture, settle

HAIR, FACE, NECK, CLOTHES = range(4)
FRAME_SIDE = 360  # pixels
TALL = FRAME_SIDE / SIDE  # pixels from the top of the forehead to the chin in the head frame
ROUNDS = 3
BUT_NECK = np.array([1, 1, 0, 1], np.float32)
UNFORESEEN = 5e-6  # about a tenth of the density at the peak of a part's colours
SURE = 0.985  # a share of the network that colours do not change

RIGHT_EAR, LEFT_EAR = 234, 454
BROWS = [46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336]
NOT_SKIN = [  # eyes, brows, mouth: inside the face but without its colour
    [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
    [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146],
    [46, 53, 52, 65, 55, 107, 66, 105, 63, 70],
    [276, 283, 282, 295, 285, 336, 296, 334, 293, 300],
]


def parse(rgb: NDArray[np.uint8], person: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares of the four parts.

    Args:
        rgb: [H, W, 3] uint8. person: [H, W] matte. points: [478, 3] landmarks in its pixels.

    Returns:
        [H, W, 4] in [0, 1], summing to one: hair, face, neck, clothes. Meaningful where the person is.
    """
    height, width = person.shape
    frame = HeadFrame.of(points, FRAME_SIDE)
    inside = frame.take(person, outside=0) > 0.4
    layout = _Layout(inside, frame.seen(width, height), frame.marks(points))
    colours = Colours(frame.take(rgb), inside)
    if network := parsing_network():
        belief = _recognised(colours, layout, parsed(network, rgb, person, points, FRAME_SIDE)[..., 1:])
    else:
        belief = _guessed(colours, layout)
    shares = _walked(colours, layout, belief)
    full = np.stack(
        [frame.give_back(shares[..., part], width, height, float(part == CLOTHES)) for part in range(4)], axis=2
    )
    refined = cv2.ximgproc.guidedFilter(rgb, full, max(2, round(1.5 / frame.scale)), 60.0)
    refined = np.clip(refined, 1e-3, 1) ** 2  # guided filtering leaves a veil of every part everywhere
    return _without_veil(_normalised(refined))


def _without_veil(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """The shares without hair where a patch is nowhere mostly hair: a speck that would turn with the head."""
    count, patches = cv2.connectedComponents((shares[..., HAIR] > 0.02).astype(np.uint8))
    most = np.zeros(count, np.float32)
    np.maximum.at(most, patches.reshape(-1), shares[..., HAIR].reshape(-1))
    veil = np.where((most < 0.5)[patches], shares[..., HAIR], 0)
    result = shares.copy()
    result[..., HAIR] -= veil
    result[..., CLOTHES] += veil
    return result


def _normalised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values / np.maximum(np.einsum("hwc->hw", values), 1e-9)[..., None], np.float32)


def _step(values: NDArray[np.floating], at: float, width: float) -> NDArray[np.float32]:
    """Rises from 0 to 1 around ``at``."""
    return np.asarray(1 / (1 + np.exp(-np.clip((values - at) / width, -30, 30))), np.float32)


class _Layout:
    """What the landmarks and the outline say about where parts may be, in the head frame. Lengths in face heights.

    ``v`` counts downward from the chin, ``u`` sideways from the middle of the face; ``prior`` [H, W, 4].
    """

    def __init__(self, inside: NDArray[np.bool_], seen: NDArray[np.bool_], marks: NDArray[np.float32]) -> None:
        height, width = inside.shape
        self.inside = inside
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self.v = rows / TALL - ABOVE
        self.u = columns / TALL - BESIDE
        v, u = self.v, self.u
        outline = marks[FACE_OVAL, :2]
        self.oval = filled(inside.shape, outline)
        self.beyond = beyond_oval(marks, len(inside))
        self.brows = float(np.median(marks[BROWS, 1])) / TALL - ABOVE
        left, right = float(outline[:, 0].min()) / TALL - BESIDE, float(outline[:, 0].max()) / TALL - BESIDE
        middle = (left + right) / 2
        across = marks[LEFT_EAR] - marks[RIGHT_EAR]
        yaw = float(np.arctan2(across[2], across[0]))  # positive: the person's right ear is nearer

        # the level below which skin is neck: the jaw's lower edge; beside the jaw, the lobes of the ears
        lowest = np.where(self.oval.any(axis=0), height - 1 - np.argmax(self.oval[::-1], axis=0), 0) / TALL - ABOVE
        lobes = -0.30
        jaw = np.where(self.oval.any(axis=0), np.maximum(lowest, lobes), lobes)
        self.under_jaw = v - cv2.GaussianBlur(jaw.astype(np.float32)[None], (0, 0), 2.0)

        ears = np.zeros_like(v)
        for mark, sign, turned in ((RIGHT_EAR, -1, yaw), (LEFT_EAR, 1, -yaw)):
            reach = 0.10 + 0.22 * max(np.sin(turned), 0.0) - 0.25 * max(-np.sin(turned), 0.0)
            if reach <= 0.02:
                continue
            ear_u = marks[mark, 0] / TALL - BESIDE + sign * reach / 2
            ear_v = marks[mark, 1] / TALL - ABOVE + 0.06
            distance = np.sqrt(((u - ear_u) / (reach / 2 + 0.08)) ** 2 + ((v - ear_v) / 0.27) ** 2)
            ears = np.maximum(ears, np.maximum(_step(-distance, -1.0, 0.10), 0.4 * _step(-distance, -1.5, 0.10)))

        self.notch = [self._notch(seen, -1, -left), self._notch(seen, 1, right)]
        # below a notch (the neck seen narrow between head and shoulders) nothing is hair any more
        falls = np.ones_like(v)
        for side, notch in zip((u < 0, u >= 0), self.notch, strict=True):
            if notch is not None:
                falls = np.where(side, _step(-v, -(notch + 0.03), 0.03), falls)

        face = np.maximum(_step(-self.beyond, -0.02, 0.012), 0.7 * ears)
        high_forehead = 0.3 * _step(-self.beyond, -0.12, 0.03) * (v < -0.85) * (np.abs(u - middle) < 0.33)
        face = np.maximum(face, high_forehead)
        face = face * (1 - _step(self.under_jaw, 0.02, 0.015) * (self.beyond > 0))
        chest = 0.45 + 1.4 * np.maximum(v - 0.1, 0)
        neck = _step(self.under_jaw, 0.0, 0.012) * (self.beyond > 0) * _step(chest - np.abs(u - middle), 0.0, 0.08)
        hair = _step(self.beyond, -0.06, 0.03) * (0.12 + 0.88 * _step(-v, -0.45, 0.25)) * (0.02 + 0.98 * falls)
        front = _step(self.under_jaw, 0.02, 0.03) * _step(-np.abs(u - middle), -0.26, 0.05)  # under the chin
        hair = hair * (1 - 0.92 * front)
        hair = np.where(self.oval & (v < self.brows - 0.03), np.maximum(hair, 0.3), hair)
        hair = np.where(self.oval & (self.beyond > -0.13) & (v < -0.25), np.maximum(hair, 0.2), hair)
        if abs(yaw) > 0.35:  # the cheek is the outline on the side turned away
            away = (u * yaw > 0) & (v > self.brows - 0.1) & (v < 0.1) & (self.beyond < 0.15)
            hair, face = np.where(away, 0.1 * hair, hair), np.where(away, np.maximum(face, 0.5), face)
            neck = np.where(away & (v < -0.05), 0.1 * neck, neck)  # which the jaw hides
        clothes = _step(v, 0.12, 0.06) + 0.15 * _step(self.under_jaw, 0.05, 0.03)
        clothes = np.maximum(clothes, (1 - falls) * _step(v, -0.25, 0.03))
        clothes = clothes * (self.beyond > 0.03) * (0.15 + 0.85 * _step(v, 0.02, 0.04))
        self.prior = _normalised(np.stack([hair, face, neck, clothes], axis=2).astype(np.float32) + 1e-4)

        self.sure = np.full(inside.shape, -1, np.int8)
        self.sure[(self.beyond < np.where(v < -0.25, -0.13, -0.05)) & (v > self.brows + 0.02)] = FACE
        self.sure[~inside] = -1
        self.features = np.zeros(inside.shape, bool)
        for ring in NOT_SKIN:
            self.features |= cv2.dilate(filled(inside.shape, marks[ring, :2]).astype(np.uint8), np.ones((5, 5))) > 0

    def _notch(self, seen: NDArray[np.bool_], sign: int, cheek: float) -> float | None:
        """Level at which the outline on one side of the face is narrowest between ear and shoulder, where that is a
        bare neck's width; None where hair or a collar hides it. ``cheek``: the face's own reach on that side.
        """
        middle = round(BESIDE * TALL)
        levels, reach = [], []
        for row in np.flatnonzero((self.v[:, 0] > -0.4) & (self.v[:, 0] < 0.5)):
            line = self.inside[row, middle:] if sign > 0 else self.inside[row, middle::-1]
            inner = seen[row, middle:] if sign > 0 else seen[row, middle::-1]
            gap = np.flatnonzero(~line)
            if not inner[gap[0] if len(gap) else -1]:
                continue  # the picture ends here, not the person
            levels.append(float(self.v[row, 0]))
            reach.append((gap[0] if len(gap) else len(line)) / TALL)
        if not reach:
            return None
        least = int(np.argmin(reach))
        widens = max(reach[least:]) > reach[least] + 0.06
        return levels[least] if reach[least] < max(cheek + 0.06, 0.36) and widens else None


@dataclass(frozen=True, eq=False)
class _Belief:
    """What is known before boundaries settle.

    Args:
        prior: [h, w, 4] shares. sure: [h, w] the part of pixels that are not in question, -1 elsewhere.
        models: colours of hair, skin and clothes.
        telling: [4] which parts tell colours.
        rooted: whether every piece of a part must hang together with its root.
        unforeseen: density of clothes of a colour that nothing else has.
    """

    prior: NDArray[np.float32]
    sure: NDArray[np.int8]
    models: tuple[Mixture | None, Mixture | None, Mixture | None]
    telling: NDArray[np.float32]
    rooted: bool
    unforeseen: float


def _recognised(colours: Colours, layout: _Layout, shares: NDArray[np.float32]) -> _Belief:
    """What the network recognised, [h, w, 4]. It takes turtlenecks for necks: the face tells the skin's colours."""
    prior = _normalised(shares + 1e-3)
    sure = np.where(prior.max(axis=2) > SURE, prior.argmax(axis=2), -1).astype(np.int8)
    sure[sure == NECK] = -1
    return _Belief(
        prior, sure, _models(colours, layout, prior * BUT_NECK, 0.8, shade=True), BUT_NECK, False, UNFORESEEN
    )


def _guessed(colours: Colours, layout: _Layout) -> _Belief:
    """What places that are sure tell of the parts' colours, and the layout of where they are."""
    inside, v, u, beyond = layout.inside, layout.v, layout.u, layout.beyond
    skin = colours.mixture(inside & (layout.sure == FACE) & ~layout.features, shade=True)
    cheeks = np.median(colours.features[inside & (layout.sure == FACE) & ~layout.features], axis=0)
    unlike_skin = inside & (colours.distance(skin) > 3.0)
    hidden = np.where(u < 0, layout.notch[0] is None, layout.notch[1] is None)
    crown = (v < -0.85) | (hidden & (v < -0.1) & (beyond < 0.25))
    hair = colours.mixture(unlike_skin & (beyond > 0.04) & crown, shade=True)
    below = np.where(u < 0, *[0.55 if notch is None else notch + 0.12 for notch in layout.notch])
    chest = (np.abs(u) < 0.6) & (v < 1.2)  # bare, it may shine beyond what the face's colours foresee
    low = inside & (colours.distance(skin) > np.where(chest, 4.5, 3.0)) & (v > below) & (layout.under_jaw > 0.1)
    low &= ~(chest & _lit_like(colours.features, cheeks))
    unlike_hair = low & (colours.distance(hair) > 3.0)
    clothes = colours.mixture(np.where(hidden, unlike_hair, low) & (np.abs(u) < 1.6))
    top = inside & (beyond > 0.03) & (beyond < 0.2) & (v < -0.95)
    prior = layout.prior
    alike = np.linalg.norm((colours.features - cheeks)[..., :3], axis=2)[top] < 14
    if alike.size and float(alike.mean()) > 0.6:  # a bald head
        scalp = 0.5 * _step(-beyond, -0.3, 0.05) * _step(-v, 0.7, 0.05)
        prior = _normalised(np.dstack([prior[..., HAIR], np.maximum(prior[..., FACE], scalp), prior[..., NECK:]]))
    return _Belief(prior, layout.sure, (hair, skin, clothes), np.ones(4, np.float32), True, 0.0)


def _walked(colours: Colours, layout: _Layout, belief: _Belief) -> NDArray[np.float32]:
    """[h, w, 4] shares in the head frame: colours and boundaries told by one another, in turns."""
    prior, (hair, skin, clothes) = belief.prior, belief.models
    for turn in range(ROUNDS):
        density = np.stack([colours.density(model) for model in (hair, skin, skin, clothes)], axis=2) + 1e-6
        density[..., CLOTHES] += belief.unforeseen
        density[layout.features & layout.oval] = 1  # eyes and lips: where they are says enough
        evidence = _normalised(prior * (density / density.sum(axis=2, keepdims=True)))
        shares = settle(colours, evidence, belief.sure)
        if belief.rooted and turn == ROUNDS - 2:
            prior = _normalised(prior * np.where(_connected(shares, layout), 1.0, 0.02).astype(np.float32))
        hair, skin, clothes = _models(colours, layout, shares * belief.telling, 0.6, shade=turn == 0)
    return _normalised(np.clip(_extended(shares, layout.inside), 1e-4, 1) ** 2)


def _models(
    colours: Colours, layout: _Layout, shares: NDArray[np.float32], least: float, shade: bool
) -> tuple[Mixture | None, Mixture | None, Mixture | None]:
    """Colours of hair (in other shades too), skin and clothes, where their shares are at least so large."""
    inside = layout.inside
    hair = colours.mixture((shares[..., HAIR] > least) & inside, shade=shade)
    skin = colours.mixture(
        (shares[..., FACE] + shares[..., NECK] > least + 0.1) & inside & ~layout.features, shade=True
    )
    clothes = colours.mixture((shares[..., CLOTHES] > least) & inside & (np.abs(layout.u) < 1.6))
    return hair, skin, clothes


def _lit_like(features: NDArray[np.float32], skin: NDArray[np.float32]) -> NDArray[np.bool_]:
    """[h, w]: the skin's hue, at least as bright: skin in stronger light, where skin has a hue at all."""
    strength, wanted = np.hypot(features[..., 1], features[..., 2]), float(np.hypot(skin[1], skin[2]))
    hue = np.arctan2(features[..., 2], features[..., 1]) - np.arctan2(skin[2], skin[1])
    alike = np.abs(np.angle(np.exp(1j * hue))) < np.radians(12)
    return np.asarray(alike & (strength > 0.7 * wanted) & (features[..., 0] > skin[0]) & (wanted > 12))


def _connected(shares: NDArray[np.float32], layout: _Layout) -> NDArray[np.bool_]:
    """[h, w, 4]: where each part hangs together with its root: hair with the head's, face with its oval, neck with the
    throat. Clothes may be anywhere below.
    """
    label = np.where(layout.inside, shares.argmax(axis=2), -1)
    roots = {
        HAIR: (layout.v < -0.3) & (layout.beyond < 0.5),
        FACE: layout.beyond < 0,
        NECK: (layout.under_jaw < 0.2) & (layout.beyond < 0.2),
    }
    result = np.ones(shares.shape, bool)
    for part, root in roots.items():
        mask = (label == part).astype(np.uint8)
        _, pieces = cv2.connectedComponents(mask, connectivity=8)
        rooted = np.unique(pieces[root & (mask > 0)])
        lost = (mask > 0) & ~np.isin(pieces, rooted)
        result[..., part] = ~lost
    return result


def _extended(shares: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The shares of the nearest inside pixel, outside."""
    if not inside.any():
        return shares
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    order = np.zeros(int(labels.max()) + 1, np.intp)
    order[labels[inside]] = np.flatnonzero(inside)
    return np.asarray(shares.reshape(-1, shares.shape[2])[order[labels]], np.float32)
