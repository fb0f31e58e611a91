"""The inside of the mouth: its colours where the photograph does not show it, and the light that parted lips let in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from backend.capture.correspondence import correspondence
from backend.head.model import GUM, MOUTH_CAVITY, SKIN, TEETH, TONGUE, head_model
from backend.head.normals import vertex_normals
from shared.arkit import ARKIT_INDEX

# mediapipe's landmarks on the inner lips, from the right corner to the left
UPPER_LIP = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
LOWER_LIP = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
LIP_THICKNESS = 0.004  # metres behind those landmarks the mouth's inside begins
SHUT_LIPS = 0.0013  # metres that the landmarks of shut lips are apart
NEAREST = 0.001  # metres behind the lips, less counts as this
OUT_OF_MOUTH = 0.003  # metres before the lips there is all the light: a tongue put out
SCATTERED = 0.05  # share of the light outside that reaches everything in the mouth
DISPLAY_GAMMA = 2.2
ENAMEL, FLESH, TONGUE_TOP = (0.92, 0.86, 0.76), (0.7, 0.36, 0.36), (0.8, 0.49, 0.49)  # beside white skin, in its light
LIP_REACH = 0.006  # metres that the lips' colour goes on into the mouth
LIP_WIDTH, ALONG_LIPS = 0.005, 0.006  # metres, from the line between the lips, and how far colours are averaged
RIM_SHADE = 0.8  # brightness of lips where they turn inwards
BRIGHTEST = 0.95
FEW_TEETH = 12  # vertices: if no more are seen, they tell nothing
MIDLINE = 0.003  # metres, half the width of the tongue's groove


def light_in_mouth(head: NDArray[np.floating]) -> NDArray[np.float64]:
    """Display brightness of the mouth's inside against that of the same thing before the lips.

    The light is that which a uniformly bright surrounding sends through a slit, and the mouth's width likewise: on a
    surface at distance d behind it that faces it, half the difference of the sines of the angles to the slit's edges
    (the view factor of a strip, Howell's catalogue B-1).

    Args:
        head: [V, 3] metres, head frame, the head model unturned.

    Returns:
        [V] 0..1, 1 on everything but the inside of mouth and lips.
    """
    inner, share = _inside()
    x, y, z = np.asarray(head[inner], np.float64).T
    lips = correspondence().on(head)
    upper, lower = (lips[row][np.argsort(lips[row][:, 0])] for row in (UPPER_LIP, LOWER_LIP))
    top, bottom = (np.interp(x, row[:, 0], row[:, 2]) for row in (upper, lower))
    front = np.interp(x, upper[:, 0], (upper[:, 1] + np.interp(upper[:, 0], lower[:, 0], lower[:, 1])) / 2)
    share = share * np.clip((y - front) / OUT_OF_MOUTH + 1, 0, 1)
    behind = np.maximum(y - front, NEAREST)
    inwards = np.minimum(SHUT_LIPS, top - bottom) / 2
    height = _seen(top - inwards - z, behind) - _seen(bottom + inwards - z, behind)
    width = _seen(upper[-1, 0] - x, behind) - _seen(upper[0, 0] - x, behind)
    light = np.clip(height / 2, 0, 1) * np.clip(width / 2, 0, 1)
    shown = (SCATTERED + (1 - SCATTERED) * light) ** (1 / DISPLAY_GAMMA)
    out = np.ones(len(head))
    out[inner] = 1 - share + share * shown
    return out


def _seen(beyond: NDArray[np.float64], behind: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sines of the angles at which an edge so far beyond points is seen from so far behind it."""
    return beyond / np.hypot(beyond, behind)


@lru_cache(maxsize=1)
def _inside() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Vertices that lie behind the lips, their inner sides included, and how much of them lies in the mouth's light."""
    model = head_model()
    x, y, z = model.mean.T
    lips = correspondence().on(model.mean)[UPPER_LIP]
    behind = y - np.interp(x, lips[:, 0], lips[:, 1], np.inf, np.inf) - LIP_THICKNESS
    share = np.clip(behind / 0.003, 0, 1) * (np.abs(z - lips[:, 2].mean()) < 0.014) * (model.region == SKIN)
    share[np.isin(model.region, (TONGUE, TEETH, GUM))] = 1
    # the wall goes on where the lip ends
    wall = np.flatnonzero(model.region == MOUTH_CAVITY)
    share[wall] = np.clip(_to_lips(wall)[0] / 0.004, 0.3, 1)
    inner = np.flatnonzero(share)
    return inner, share[inner]


def _to_lips(vertices: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """[N] metres from vertices to the nearest one of the lips' skin, in the mean head, and [N] which that is."""
    model = head_model()
    skin = np.flatnonzero((model.region == SKIN) & (np.linalg.norm(model.mean - _middle(), axis=1) < 0.05))
    distance, nearest = cKDTree(model.mean[skin]).query(model.mean[vertices])
    return distance, skin[nearest]


def _middle() -> NDArray[np.float64]:
    """[3] the middle of the mean head's mouth."""
    return np.asarray(correspondence().on(head_model().mean)[UPPER_LIP + LOWER_LIP].mean(axis=0))


@lru_cache(maxsize=1)
def _lips() -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """[V] whether vertices lie on the lips, on those of their rims that shut lips hide, and on the lower lip."""
    model = head_model()
    line = correspondence().on(model.mean)[UPPER_LIP + LOWER_LIP]
    away, _ = cKDTree(np.concatenate([line, (line[1:] + line[:-1]) / 2])).query(model.mean)
    inwards = model.mean[:, 1] - line[cKDTree(line[:, [0, 2]]).query(model.mean[:, [0, 2]])[1], 1]
    skin = model.region == SKIN
    rim = skin & (away < LIP_WIDTH) & (inwards > 0.0005)
    lower = np.linalg.norm(model.actions[ARKIT_INDEX["jawOpen"]], axis=1) > 0.015
    return skin & (away < LIP_WIDTH), rim, lower


def with_rims(
    skin: NDArray[np.float64], colour: NDArray[np.floating], confidence: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Colours of the head, the lips' going on over the rims that shut lips hide.

    Args:
        skin: [V, 3] sRGB 0..1 colours of the head's skin, smooth.
        colour: [V, 3] what the photograph shows.
        confidence: [V] how well it is seen, 0..1.

    Returns:
        [V, 3] colours, and [3] the lips' mean; none, and the colours as they are, where no lips are seen.
    """
    model, out = head_model(), skin.copy()
    lips, rim, lower = _lips()
    weight = confidence * lips * ~rim * (confidence > 0.4)
    for side in (lower, ~lower):
        known, hidden = np.flatnonzero((weight > 0) & side), np.flatnonzero(lips & (weight == 0) & side)
        if not len(known):
            continue
        across = (model.mean[hidden, :1] - model.mean[known, 0]) / ALONG_LIPS
        near = np.exp(-(across**2)) * weight[known] + 1e-9
        shade = np.where(rim[hidden, None], RIM_SHADE, 1.0)
        out[hidden] = shade * (near @ colour[known]) / near.sum(axis=1, keepdims=True)
    if not weight.any():
        return out, None
    return out, np.asarray(weight @ colour / weight.sum())


def mouth_colours(
    skin: NDArray[np.float64],
    light: NDArray[np.floating],
    lips: NDArray[np.floating] | None,
    enamel: NDArray[np.floating] | None,
) -> NDArray[np.float64]:
    """Colours of the head with those of the mouth's inside, in the light before the lips.

    Args:
        skin: [V, 3] sRGB 0..1 colours of the head's skin.
        light: [3] the skin's around the mouth.
        lips: [3] the lips', where they are known: how red flesh is in this picture.
        enamel: [3] that of the teeth, where it is known.

    Returns:
        [V, 3]
    """
    model = head_model()
    colours = skin.copy()
    flesh, tongue_top = (as_lit(np.array(base), light, lips) for base in (FLESH, TONGUE_TOP))
    wall = np.flatnonzero(model.region == MOUTH_CAVITY)
    distance, lip = _to_lips(wall)
    share = np.exp(-((distance / LIP_REACH) ** 2))[:, None]
    colours[wall] = share * skin[lip] + (1 - share) * flesh
    tongue = model.region == TONGUE
    upwards = (vertex_normals(model.mean, model.faces)[tongue] @ (0.0, -0.6, 0.8)).clip(min=0)
    groove = np.exp(-((model.mean[tongue, 0] / MIDLINE) ** 2))
    colours[tongue] = tongue_top * ((0.72 + 0.28 * upwards) * (1 - 0.1 * groove))[:, None]
    teeth = model.region == TEETH
    if enamel is None:
        enamel = as_lit(np.array(ENAMEL), light)
    enamel = enamel * min(1, BRIGHTEST / enamel.max())  # keeping its hue
    colours[teeth] = enamel * model.shade[teeth, None]
    colours[model.region == GUM] = flesh
    return colours


def seen_teeth(
    colour: NDArray[np.floating], mouth_seen: NDArray[np.floating], skin: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """[V] whether vertices of the teeth show colours that are nearer in hue to enamel's than to the skin's, and light:
    lips are neither.

    Args:
        colour: [V, 3] sRGB 0..1 what the photograph shows at the head's vertices.
        mouth_seen: [V] 0..1 how far it shows the mouth's inside there.
        skin: [3] the skin's colour around the mouth.
    """
    enamel = as_lit(np.array(ENAMEL), skin)
    redness = colour[:, 0] / (colour.mean(axis=1) + 1e-6)
    limit = (skin[0] / skin.mean() + enamel[0] / enamel.mean()) / 2
    like_teeth = (redness < limit + 0.02) & (colour.mean(axis=1) > 0.8 * skin.mean())
    return np.asarray((head_model().region == TEETH) & (mouth_seen > 0.6) & like_teeth)


def as_lit(
    colour: NDArray[np.float64], skin: NDArray[np.floating], lips: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """[3] What a colour looks like in the light, and with the pigments, that make the person's skin look like [3].

    ``lips`` [3] tell better than pale skin whether the picture has colours at all.
    """
    saturation = _saturation(skin, 0.3)  # 0 in black and white
    pigments = saturation if lips is None else max(saturation, _saturation(lips, 0.45))
    grey = colour.mean()
    cast = (skin / (skin.mean() * np.array([1.2, 0.98, 0.82]))) ** 0.6  # against skin in white light
    cast = 1 + (cast / cast.mean() - 1) * saturation
    return np.asarray((grey + pigments * (colour - grey)) * cast * skin.mean() / 0.6)


def _saturation(colour: NDArray[np.floating], full: float) -> float:
    """Of a colour [3], 1 from ``full`` on."""
    return float(np.clip((colour.max() - colour.min()) / (full * colour.max() + 1e-6), 0, 1))
