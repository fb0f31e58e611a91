"""Colours of the head model's surface in a frame: the photograph's where it shows the place, stand-ins elsewhere."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.avatars.zera.appearance import eye_directions
from backend.avatars.zera.closed_lids import lid_places
from backend.avatars.zera.data import EYE_PROFILE_REACH, Person
from backend.avatars.zera.levels import CanvasLevels, Level
from backend.avatars.zera.mixer import Mixer
from backend.avatars.zera.mouth import light_in_mouth
from backend.avatars.zera.sight import Sight
from backend.capture.lids import above_openings
from backend.head.model import EYE, EYE_CAVITY
from backend.nerf.images import look_up, smoothstep

# columns of the attributes
PLACE, MIRRORED_PLACE = slice(0, 3), slice(3, 6)
COSINE, MIRRORED_COSINE, COSINES = 6, 7, slice(6, 8)
FALLBACK, OFF_IRIS = slice(8, 11), slice(11, 14)
IS_EYE, IS_INSIDE, IS_SOCKET = 14, 15, 16
MIRRORED_SMOOTH = slice(17, 20)
LID_PLACE, ON_UPPER_LID, SHUT = slice(20, 22), 22, 23
LENDERS = slice(24, None)


class SkinColour:
    """How a person's head model is coloured, on one device.

    Args:
        person: whose.
        faces: [F, 3] the head model's faces that are drawn.
        canvas: the photograph's pictures.
    """

    def __init__(self, person: Person, faces: NDArray[np.int32], canvas: CanvasLevels[Level]) -> None:
        self.person = person
        self._canvas = canvas
        self._sight = Sight(person, faces, canvas)
        self._mixer = Mixer(person, faces, self._sight, canvas) if person.lenders else None
        self._eye_profile = self._canvas.tensor(person.skin.eye_profile).T[:, None]

    @cached_property
    def attributes(self) -> Tensor:
        """[V, 24 or more] attributes of the head in the photograph, and what others lend where it shows nothing."""
        return self._with_lenders(self._constant, self._source, self.person.source_vertices, None)

    def _with_lenders(
        self,
        attributes: Tensor,
        vertices: NDArray[np.float64],
        expressed: NDArray[np.floating],
        view: NDArray[np.float64] | None,
    ) -> Tensor:
        """Attributes [V, 24] with those of ``Mixer.attributes`` beside them."""
        if self._mixer is None:
            return attributes
        return torch.cat([attributes, self._mixer.attributes(vertices, expressed, view)], dim=1)

    @property
    def _source(self) -> NDArray[np.float64]:
        """[V, 3] the head in the photograph, world."""
        return self.person.to_world(self.person.source_vertices)

    @cached_property
    def _constant(self) -> Tensor:
        """[V, 24] constant attributes: source place, mirrored place, their cosines of view, fallback,
        direction from the iris, whether it is eyeball, inside of the mouth, or eye socket, the smooth colours
        of the other side of the face, the place on the shut lids' charts, whether it is above the eye's opening, and
        how far its eye's lids are shut: not at all.
        """
        person, model = self.person, self.person.model
        source = self._source
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
            model.in_mouth[:, None],
            (model.region == EYE_CAVITY)[:, None],
            skin.smooth[model.mirror],
            self._lids[0],
            above_openings(person.neutral)[:, None],
            np.zeros((len(source), 1)),
        ]
        return self._canvas.tensor(np.concatenate([np.asarray(column, np.float32) for column in columns], axis=1))

    def attributes_in_pose(
        self,
        vertices: NDArray[np.float64],
        expressed: NDArray[np.floating],
        shut: NDArray[np.float64],
        view: NDArray[np.float64],
    ) -> Tensor:
        """[V, 24 or more] the attributes of the head model in a pose: colours of the mouth's inside in the light that
        falls in, cosines of view lowered where the photograph must not be seen as it would be without the pose, and
        what others lend the frame.

        Args:
            vertices: [V, 3] metres, world, posed.
            expressed: [V, 3] metres, head frame, before the head turned.
            shut: [2] how far the lids are shut.
            view: [3] unit vector to the frame's camera, head frame.
        """
        attributes = self._constant.clone()
        travel = np.linalg.norm(expressed - self.person.source_vertices, axis=1)
        attributes[:, COSINES] = self._sight.dimmed(attributes[:, COSINES], vertices, travel)
        attributes[:, SHUT] = self._canvas.tensor(shut @ self._lids[1])
        attributes[:, FALLBACK] *= self._canvas.tensor(light_in_mouth(expressed))[:, None]
        return self._with_lenders(attributes, vertices, expressed, view)

    def colour(self, found: Tensor, cosine: Tensor, level: Level) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Colours of places on the head model.

        Args:
            found: [N, 24 or more] interpolated ``attributes``.
            cosine: [N] of the angle of the view that wants the colour.
            level: the photograph's pictures, as coarse as that view.

        Returns:
            [N, 3] sRGB 0..1, [N] how much of it belongs to the person at all: what the photograph shows as background
            is cut away, [N] how much of it photographs show: the rest is made up, and [K, N] the share of each of the
            person's lenders.
        """
        fallback, off_iris = found[:, FALLBACK], found[:, OFF_IRIS]
        eye, inside, socket = (found[:, column : column + 1] > 0.5 for column in (IS_EYE, IS_INSIDE, IS_SOCKET))
        shown = self._sight.at(found[:, PLACE], found[:, COSINE], cosine, level)
        mirrored = self._sight.at(found[:, MIRRORED_PLACE], found[:, MIRRORED_COSINE], cosine, level)
        trust = shown.trusted(eye, inside, socket)
        own = self._eye_colour(off_iris) if bool(eye.any()) else fallback
        stand_in = torch.where(eye, own, fallback)
        hair = look_up(level.hair[3:], self._canvas.places(found[:, MIRRORED_PLACE]))
        by_mirror = mirrored.trust * ~(eye | inside | socket) * (1 - hair)
        # the other side of the face lends its detail, not its light
        detail = ((mirrored.colour + 0.05) / (found[:, MIRRORED_SMOOTH] + 0.05)).clamp(0.75, 1.25)
        stand_in = stand_in * (1 + by_mirror * (detail - 1))
        colour = trust * shown.colour + (1 - trust) * stand_in
        shutting = found[:, SHUT].nonzero()[:, 0]
        if len(shutting):
            colour[shutting] = self._under_lids(found[shutting], colour[shutting], level)
        shares = colour.new_zeros(0, len(colour))
        if self._mixer is not None:
            lent, lenders = self._mixer.lent(found[:, LENDERS], (eye, inside, socket), trust, cosine, level)
            colour = colour + (lenders * (lent - colour)).sum(dim=0)
            shares, trust = lenders[..., 0], torch.maximum(trust, lenders.sum(dim=0))
        return colour, shown.cut[:, 4] * shown.kept, trust[:, 0], shares

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

    def _eye_colour(self, off_iris: Tensor) -> Tensor:
        """[N, 3] colour of eyeballs by angle from the iris; ``off_iris`` [N, 3] is direction minus iris direction."""
        chord = off_iris.norm(dim=1).clamp(max=1.99)
        radius = 2 * torch.asin(chord / 2) / self.person.skin.iris_angle
        place = torch.stack([radius / EYE_PROFILE_REACH, torch.full_like(radius, 0.5)], 1)
        return look_up(self._eye_profile, place)

    @cached_property
    def _lids(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """[V, 2] places on the shut lids' charts, and [2, V] whether they are near the left, and the right eye."""
        return lid_places(self.person.closed_vertices)
