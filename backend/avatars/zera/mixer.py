"""The mixer without learned weights: what further photographs lend the surface of the main one's head.

Every lender's weight at a place is its trust there times its affinity to the frame: a softmax over squares of the
angle between its view of the head and the frame's, and of the way that the expression moved the place since. The main
photograph is preferred; lenders fill what it does not show, and take its place where they show the frame clearly
better.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from torch import Tensor

from backend.avatars.zera.completion import FULL_TRAVEL, FULL_TURN
from backend.avatars.zera.data import Person, Reference
from backend.avatars.zera.levels import CanvasLevels, HeadLevel, Level
from backend.avatars.zera.sight import Sight
from backend.capture.lids import BLINKS
from backend.head.model import NECK_BEGINS, SKIN
from backend.head.normals import cosines_of_view, vertex_normals
from backend.head.smooth import laplacian
from backend.nerf.images import smoothstep
from shared.camera import Camera

VIEW, EXPRESSION = np.radians(8), 0.004  # radians and metres by which a picture differs from a frame by one
PREFERENCE = 6.0  # of the main photograph, in squares of those
MOST_AFFINITY = 20.0
ALIKE = (0.003, 0.009)  # metres from where on mouths and lids in a photograph are no longer those of the frame
LID_TRAVEL = 0.001  # metres that blinks move lids at least
ASLANT = (0.15, 0.45)  # cosines of the angle at which a photograph sees what it lends
LIGHT_DETAIL = 0.003  # metres: size of the pixels that are compared
LIGHT_HOLD = 0.05  # how fast light follows what both photographs show, against smoothness
MOST_LIGHT = 2.0
LIT = 80  # percent of the skin that is darker than what is in full light

# columns of what a lender adds to the head's attributes
PLACE, COSINE, LIGHT, AFFINITY, READY, COLUMNS = slice(0, 3), 3, slice(4, 7), 7, 8, 9


def viewed_from(camera: Camera, head_to_world: NDArray[np.floating]) -> NDArray[np.float64]:
    """[3] unit vector from a head with the pose [4, 4] to a camera, head frame."""
    towards = head_to_world[:3, :3].T @ (camera.position - head_to_world[:3, 3])
    return np.asarray(towards / np.linalg.norm(towards), np.float64)


class Mixer:
    """A person's further photographs on one device.

    Args:
        person: whose.
        faces: [F, 3] the head model's faces that are drawn.
        main: how the main photograph sees the head, and its pictures.
    """

    def __init__(self, person: Person, faces: NDArray[np.int32], main: Sight, canvas: CanvasLevels[Level]) -> None:
        self._person = person
        self._view = viewed_from(person.camera, person.head_to_world)
        self._lenders = [_Lender(person, reference, faces, main, canvas) for reference in person.lenders]

    def attributes(
        self,
        vertices: NDArray[np.float64],
        expressed: NDArray[np.floating],
        view: NDArray[np.float64] | None,
    ) -> Tensor:
        """[V, 9 K] what every lender adds to the head's attributes in a pose: places, cosines, light, affinity to the
        frame beyond the main photograph's, and how far it may lend.

        Args:
            vertices: [V, 3] metres, world, posed.
            expressed: [V, 3] metres, head frame, before the head turned.
            view: [3] unit vector to the frame's camera, head frame; ``None`` for no frame: everything is lent that the
                main photograph does not show.
        """
        travel = np.linalg.norm(expressed - self._person.source_vertices, axis=1)
        turn = 0.0 if view is None else _angle(view, self._view)
        changed = np.maximum(travel / FULL_TRAVEL, turn / FULL_TURN)
        ready = np.ones_like(travel) if view is None else smoothstep(0.0, 1.0, changed)
        moved = expressed - self._person.neutral
        columns = []
        for lender in self._lenders:
            turn_left, travel_left = _angle(self._view if view is None else view, lender.view), lender.travel(moved)
            # skin looks much the same in all expressions, and better as one photograph shows it
            affinity = lender.mobile * (travel**2 - travel_left**2) / EXPRESSION**2
            affinity = affinity + (turn**2 - turn_left**2) / VIEW**2 - PREFERENCE
            columns.append(lender.attributes(vertices, travel_left, affinity, ready))
        return torch.cat(columns, dim=1)

    def lent(
        self, found: Tensor, kinds: tuple[Tensor, Tensor, Tensor], trust: Tensor, cosine: Tensor, level: HeadLevel
    ) -> tuple[Tensor, Tensor]:
        """Colours that lenders have for places of the head [K, N, 3], and the share of each in the frame's [K, N, 1].

        Args:
            found: [N, 9 K] interpolated ``attributes``.
            kinds: [N, 1] bool each: eyeball, inside of the mouth, eye socket.
            trust: [N, 1] in the main photograph.
            cosine: [N] of the angle of the view that wants the colours.
            level: the main photograph's pictures, as coarse as that view.
        """
        columns = found.split(COLUMNS, dim=1)
        pairs = [each.colour(own, kinds, cosine, level) for each, own in zip(self._lenders, columns, strict=True)]
        colours, trusts = (torch.stack(values) for values in zip(*pairs, strict=True))
        weights = trusts * found[:, AFFINITY::COLUMNS].T[..., None].clamp(max=MOST_AFFINITY).exp()
        total = weights.sum(dim=0)
        instead = total / (1 + total)  # of the main photograph's own share
        shown = 1 - (1 - trusts).prod(dim=0)
        # what fills a gap must not differ in light from what is around it; a whole face may be lit as from its side
        light = torch.stack([own[:, LIGHT] for own in columns]) ** (1 - instead)
        return (colours * light).clamp(0, 1), shown * (1 - trust * (1 - instead)) * weights / total.clamp(min=1e-9)


class _Lender:
    """One further photograph."""

    def __init__(
        self,
        person: Person,
        reference: Reference,
        faces: NDArray[np.int32],
        main: Sight,
        canvas: CanvasLevels[Level],
    ) -> None:
        model = person.model
        self._canvas = CanvasLevels(reference.canvas, HeadLevel, canvas.device)
        self._sight = Sight(reference, faces, self._canvas)
        self._reference = reference
        self._finer = self._canvas.metre / canvas.metre
        self.view = viewed_from(reference.canvas.camera, reference.head_to_world)
        blinking = np.linalg.norm(person.actions[list(BLINKS)], axis=2).max(axis=0) > LID_TRAVEL
        self._in_mouth = model.in_mouth
        self.mobile = self._in_mouth | blinking
        place, cosine = _seen(reference, reference.canvas.camera)
        exposure, light = _light(person, main, canvas, self._sight, self._canvas)
        self._exposure = self._canvas.tensor(exposure)
        self._constant = self._canvas.tensor(np.concatenate([place, cosine, light], axis=1))

    def travel(self, moved: NDArray[np.floating]) -> NDArray[np.floating]:
        """[V] metres from where the photograph shows vertices, for offsets [V, 3] from the neutral head."""
        return np.linalg.norm(moved + self._reference.neutral - self._reference.source_vertices, axis=1)

    def attributes(
        self,
        vertices: NDArray[np.float64],
        travel: NDArray[np.floating],
        affinity: NDArray[np.floating],
        ready: NDArray[np.floating],
    ) -> Tensor:
        """[V, 9], see ``Mixer.attributes``.

        Args:
            vertices: [V, 3] metres, world, posed.
            travel: [V] metres from where the photograph shows them.
            affinity: [V] to the frame, beyond the main photograph's.
            ready: [V] how far the frame calls for what others lend, 0..1.
        """
        # teeth stay where they are while the lips around them move: a mouth is alike as a whole
        farthest = np.where(self._in_mouth, np.percentile(travel[self._in_mouth], 90), travel)
        alike = np.clip((ALIKE[1] - farthest) / (ALIKE[1] - ALIKE[0]), 0, 1)
        constant = self._constant.clone()
        constant[:, COSINE : COSINE + 1] = self._sight.dimmed(constant[:, COSINE : COSINE + 1], vertices, travel)
        of_frame = np.stack([affinity, ready * np.where(self.mobile, alike, 1.0)], axis=1)
        return torch.cat([constant, self._canvas.tensor(of_frame)], dim=1)

    def colour(
        self, found: Tensor, kinds: tuple[Tensor, Tensor, Tensor], cosine: Tensor, level: HeadLevel
    ) -> tuple[Tensor, Tensor]:
        """[N, 3] colours at the main photograph's exposure, and [N, 1] trust in them; see ``Mixer.lent``."""
        if not found[:, READY].any():  # the main photograph's own view
            return torch.zeros_like(found[:, PLACE]), torch.zeros_like(found[:, :1])
        own = self._canvas.scaled(level.scale / self._finer, exact=False)
        shown = self._sight.at(found[:, PLACE], found[:, COSINE], cosine, own)
        # gazes differ: an eyeball has one photograph's iris or another's
        trust = shown.trusted(*kinds) * ~kinds[0] * found[:, READY : READY + 1]
        trust = trust * smoothstep(*ASLANT, found[:, COSINE : COSINE + 1])
        return shown.colour * self._exposure, trust


def _angle(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Radians between unit vectors [3]."""
    return float(np.arctan2(np.linalg.norm(np.cross(first, second)), first @ second))


def _seen(reference: Reference, camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """World places [V, 3] of a photograph's head, and the cosines [V, 1] of the angles at which it is seen."""
    places = reference.to_world(reference.source_vertices)
    return places, cosines_of_view(places, vertex_normals(places, reference.model.faces), camera)


def _light(
    person: Person,
    main: Sight,
    canvas: CanvasLevels[Level],
    lender: Sight,
    lender_canvas: CanvasLevels[HeadLevel],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factors of a lender's colours: [3] to the main photograph's exposure and white balance, by the skin in full
    light; and [V, 3] from there to its light, smooth, by the skin that both show.
    """
    found = []
    for sight, levels in ((main, canvas), (lender, lender_canvas)):
        place, cosine = (levels.tensor(values) for values in _seen(sight.reference, levels.canvas.camera))
        coarse = levels.scaled(1 / (LIGHT_DETAIL * levels.metre), exact=False)
        found.append(sight.at(place, cosine[:, 0], cosine[:, 0], coarse))
    nothing = torch.zeros_like(found[0].trust, dtype=torch.bool)
    skin = (person.model.region == SKIN) & (person.model.head_share > NECK_BEGINS)
    trusts = [each.trusted(nothing, nothing, nothing)[:, 0].cpu().numpy() * skin for each in found]
    colours = [each.colour.cpu().numpy().astype(np.float64) + 0.05 for each in found]
    lit = [np.percentile(c[t > 0.5], LIT, axis=0) if (t > 0.5).any() else 1.0 for c, t in zip(colours, trusts)]
    exposure = np.clip(lit[0] / lit[1], 1 / MOST_LIGHT, MOST_LIGHT) * np.ones(3)
    ratio = np.log(np.clip(colours[0] / (colours[1] * exposure), 1 / MOST_LIGHT, MOST_LIGHT))
    weight = LIGHT_HOLD * trusts[0] * trusts[1]
    mean = (weight[:, None] * ratio).sum(axis=0) / (weight.sum() + 1e-9)
    graph = laplacian(person.model.faces, None, len(weight))
    system = splu((graph + sparse.diags(weight + 1e-6)).tocsc())
    return exposure, np.exp(system.solve(weight[:, None] * ratio + 1e-6 * mean))
