"""Colours of the head model's surface in a frame: the photograph's where it shows the place, stand-ins elsewhere."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.avatars.zera.appearance import BESIDE_OUTLINE, eye_directions, outlines_around
from backend.avatars.zera.closed_lids import lid_places
from backend.avatars.zera.data import EYE_PROFILE_REACH, NO_SURFACE, Person
from backend.avatars.zera.levels import CanvasLevels, Level
from backend.avatars.zera.mouth import light_in_mouth
from backend.capture.lids import above_openings
from backend.head.model import EYE, EYE_CAVITY, GUM, MOUTH_CAVITY, TEETH, TONGUE
from backend.head.normals import vertex_areas
from backend.nerf.images import look_up, smoothstep
from shared.arkit import ARKIT_INDEX

JAW_OPEN, MOUTH_IS_OPEN = ARKIT_INDEX["jawOpen"], 0.4

# columns of the attributes
PLACE, MIRRORED_PLACE = slice(0, 3), slice(3, 6)
COSINE, MIRRORED_COSINE, COSINES = 6, 7, slice(6, 8)
FALLBACK, OFF_IRIS = slice(8, 11), slice(11, 14)
IS_EYE, IS_INSIDE, IS_SOCKET = 14, 15, 16
MIRRORED_SMOOTH = slice(17, 20)
LID_PLACE, ON_UPPER_LID, SHUT = slice(20, 22), 22, 23


class SkinColour:
    """How a person's head model is coloured, on one device.

    Args:
        person: whose.
        faces: [F, 3] the head model's faces that are drawn.
        canvas: the photograph's pictures.
    """

    def __init__(self, person: Person, faces: NDArray[np.int32], canvas: CanvasLevels) -> None:
        self.person = person
        self._faces = faces
        self._canvas = canvas
        depth = person.canvas.depth.astype(np.float32)
        outlines = outlines_around(np.where(depth < NO_SURFACE, depth, np.inf), person.canvas)
        self._depth = self._tensor(np.stack([depth, np.minimum(outlines, NO_SURFACE)]))
        self._eye_profile = self._tensor(person.skin.eye_profile).T[:, None]

    def _tensor(self, values: NDArray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self._canvas.device)

    @cached_property
    def attributes(self) -> Tensor:
        """[V, 24] constant attributes: source place, mirrored place, their cosines of view, fallback,
        direction from the iris, whether it is eyeball, inside of the mouth, or eye socket, the smooth colours
        of the other side of the face, the place on the shut lids' charts, whether it is above the eye's opening, and
        how far its eye's lids are shut: not at all.
        """
        person, model = self.person, self.person.model
        source = person.to_world(person.source_vertices)
        skin = person.skin
        directions = eye_directions(model, person.neutral)
        is_eye = model.region == EYE
        irises = np.where(model.mean[:, :1] < 0, skin.iris[0], skin.iris[1])
        columns = [
            source,
            source[model.mirror],
            skin.cosine[:, None],
            skin.cosine[model.mirror][:, None],
            skin.fallback,
            directions - irises * is_eye[:, None],
            is_eye[:, None],
            self._inside[:, None],
            (model.region == EYE_CAVITY)[:, None],
            skin.smooth[model.mirror],
            self._lids[0],
            above_openings(person.neutral)[:, None],
            np.zeros((len(source), 1)),
        ]
        return self._tensor(np.concatenate([np.asarray(column, np.float32) for column in columns], axis=1))

    def attributes_in_pose(
        self, vertices: NDArray[np.float64], expressed: NDArray[np.floating], shut: NDArray[np.float64]
    ) -> Tensor:
        """[V, 24] the attributes of the head model in a pose: colours of the mouth's inside in the light that falls in,
        cosines of view lowered where the photograph must not be seen as it would be without the pose.

        Args:
            vertices: [V, 3] metres, world, posed.
            expressed: [V, 3] metres, head frame, before the head turned.
            shut: [2] how far the lids are shut.
        """
        attributes = self.attributes.clone()
        # skin stretched to twice its area has little of the photograph to show
        spread = self._tensor(self._source_areas / (vertex_areas(vertices, self._faces) + 1e-12)).clamp(max=1)
        attributes[:, COSINES] *= spread[:, None] ** 1.5
        travel = np.linalg.norm(expressed - self.person.source_vertices, axis=1)
        leaving = self._borrowed * np.clip(travel / 0.003, 0, 1)
        attributes[:, COSINES] *= 1 - self._tensor(leaving)[:, None]
        attributes[:, SHUT] = self._tensor(shut @ self._lids[1])
        attributes[:, FALLBACK] *= self._tensor(light_in_mouth(expressed))[:, None]
        return attributes

    def colour(self, found: Tensor, cosine: Tensor, level: Level) -> tuple[Tensor, Tensor, Tensor]:
        """Colours of places on the head model.

        Args:
            found: [N, 24] interpolated ``attributes``.
            cosine: [N] of the angle of the view that wants the colour.
            level: the photograph's pictures, as coarse as that view.

        Returns:
            [N, 3] sRGB 0..1, [N] how much of it belongs to the person at all: what the photograph shows as background
            is cut away, and [N] how much of it the photograph shows: the rest is made up.
        """
        fallback, off_iris = found[:, FALLBACK], found[:, OFF_IRIS]
        eye, inside, socket = (found[:, column : column + 1] > 0.5 for column in (IS_EYE, IS_INSIDE, IS_SOCKET))
        shown, cut, sees_it, trust, kept = self._photographed(found[:, PLACE], found[:, COSINE], cosine, level)
        shown_mirror, _, _, by_mirror, _ = self._photographed(
            found[:, MIRRORED_PLACE], found[:, MIRRORED_COSINE], cosine, level
        )
        eyes_seen, mouth_seen = cut[:, 1:2], cut[:, 2:3]
        # skin does not take the colours of what shows through lids and lips, nor the other way round
        on_skin = trust * (1 - smoothstep(0.6, 1.0, torch.maximum(eyes_seen, mouth_seen)))
        trust = torch.where(eye, smoothstep(0.1, 0.4, eyes_seen), on_skin)
        trust = torch.where(inside, smoothstep(0.1, 0.4, mouth_seen) * sees_it, trust)
        trust = torch.where(socket, sees_it, trust)
        own = self._eye_colour(off_iris) if bool(eye.any()) else fallback
        stand_in = torch.where(eye, own, fallback)
        hair = look_up(level.hair, self._canvas.places(found[:, MIRRORED_PLACE]))[:, 3:]
        by_mirror = by_mirror * ~(eye | inside | socket) * (1 - hair)
        # the other side of the face lends its detail, not its light
        detail = ((shown_mirror + 0.05) / (found[:, MIRRORED_SMOOTH] + 0.05)).clamp(0.75, 1.25)
        stand_in = stand_in * (1 + by_mirror * (detail - 1))
        colour = trust * shown + (1 - trust) * stand_in
        shutting = found[:, SHUT].nonzero()[:, 0]
        if len(shutting):
            colour[shutting] = self._under_lids(found[shutting], colour[shutting], level)
        return colour, cut[:, 4] * kept, trust[:, 0]

    @staticmethod
    def _under_lids(found: Tensor, colour: Tensor, level: Level) -> Tensor:
        """[N, 3] colours of places around the eyes whose lids are shutting, from [N, 3] those under open lids."""
        painted, shut = look_up(level.lids, found[:, LID_PLACE]), found[:, SHUT]
        # the rim of an open upper lid shows eyeball and lashes, which must not come along; what lies below, and the
        # eyeball between rims that do not quite touch, stay as they are until it arrives
        upper, late = smoothstep(0.0, 0.35, shut), smoothstep(0.6, 1.0, shut)
        upper_lid = found[:, ON_UPPER_LID] * ((found[:, IS_EYE] + found[:, IS_SOCKET]) < 0.5)
        share = painted[:, 3] * (late + upper_lid * (upper - late))
        return colour + share[:, None] * (painted[:, :3] - colour)

    def _photographed(
        self, places: Tensor, source_cosine: Tensor, cosine: Tensor, level: Level
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What the photograph shows at places of the head.

        Args:
            places: [N, 3] world, in the photograph's pose.
            source_cosine: [N] of the angle at which the photograph sees them.
            cosine: [N] of the angle at which the frame sees them.
            level: the photograph's pictures.

        Returns:
            [N, 3] colours, [N, 5] the masks of ``Canvas.cut`` there, [N, 1] whether the photograph sees the place: 0
            where another part of the head hides it or where the photograph would have to be stretched too far, and
            [N, 1] the same without what is clothes or background there, and [N] how much stands inside the matte. Where
            the frame looks much less aslant than the photograph did, the outline is no outline and is not cut.
        """
        at = self._canvas.places(places)
        depth = self._canvas.depths(places)
        behind = depth[:, None] - look_up(self._depth, at)
        hidden, beside = smoothstep(0.004, 0.01, behind[:, 0]), smoothstep(*BESIDE_OUTLINE, behind[:, 1])
        stretch = (source_cosine + 0.06).clamp(min=0) / (cosine + 0.06).clamp(min=0.06)
        seen = (1 - hidden) * smoothstep(0.15, 0.45, stretch)
        as_aslant = (1 - hidden) * smoothstep(0.5, 0.9, stretch)
        cut = look_up(level.cut, at)
        trust = seen * smoothstep(0.2, 0.7, cut[:, 0]) * (1 - smoothstep(0.3, 0.7, cut[:, 3]))
        trust = trust * (1 - beside * (1 - smoothstep(0.4, 0.8, stretch)))
        kept = 1 - as_aslant * (1 - smoothstep(0.05, 0.6, cut[:, 0]))
        return look_up(level.skin, at), cut, seen[:, None], trust[:, None], kept

    def _eye_colour(self, off_iris: Tensor) -> Tensor:
        """[N, 3] colour of eyeballs by angle from the iris; ``off_iris`` [N, 3] is direction minus iris direction."""
        chord = off_iris.norm(dim=1).clamp(max=1.99)
        radius = 2 * torch.asin(chord / 2) / self.person.skin.iris_angle
        place = torch.stack([radius / EYE_PROFILE_REACH, torch.full_like(radius, 0.5)], 1)
        return look_up(self._eye_profile, place)

    @cached_property
    def _inside(self) -> NDArray[np.bool_]:
        """[V] whether vertices lie in the mouth."""
        return np.isin(self.person.model.region, (MOUTH_CAVITY, TONGUE, TEETH, GUM))

    @cached_property
    def _lids(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """[V, 2] places on the shut lids' charts, and [2, V] whether they are near the left, and the right eye."""
        return lid_places(self.person.closed_vertices)

    @cached_property
    def _borrowed(self) -> NDArray[np.float64]:
        """[V] 1 where the photograph shows something else than what lies there, and must not move along with it.

        What shows between smiling lips are upper teeth, though the head model may have tongue or lower teeth there.
        """
        model = self.person.model
        borrowed = (model.region == EYE_CAVITY).astype(float)
        if self.person.coefficients[JAW_OPEN] < MOUTH_IS_OPEN:
            rides_on_jaw = np.linalg.norm(model.actions[JAW_OPEN], axis=1) > 0.004
            borrowed[np.isin(model.region, (TONGUE, TEETH, GUM)) & rides_on_jaw] = 1
        return borrowed

    @cached_property
    def _source_areas(self) -> NDArray[np.float64]:
        """[V] square metres of the faces around each vertex in the photograph's pose."""
        return vertex_areas(self.person.source_vertices, self._faces)
