"""Frames of a ``zera`` person: rasterise the posed surfaces, look their colours up in the photograph, composite.

Every surface a ray meets becomes one sample of the volume: where it lies in the photograph's space is carried over from
the posed surface by barycentric coordinates, its opacity is that of a thin band of density (``nerf.volume_rendering``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from backend.avatars.interface import REFERENCE_COLOURS, Frame, FrameRequest
from backend.avatars.zera.completion import (
    LOST_TURN,
    HeadSurface,
    completed,
    depth_map,
    layer_view,
    moved,
    parted,
    turn_between,
)
from backend.avatars.zera.data import Person
from backend.avatars.zera.levels import CanvasLevels, Level
from backend.avatars.zera.mixer import viewed_from
from backend.avatars.zera.relief import Shell
from backend.avatars.zera.skin_colour import IS_INSIDE, SkinColour
from backend.capture.pncc import canonical_head
from backend.capture.rasteriser import rasteriser
from backend.compositing.layers import Layers, Samples, cover, merge, merge_apart, over, to_bytes
from backend.head.model import NECK_BEGINS, bend
from backend.head.normals import cosines_of_view, vertex_normals
from backend.nerf.images import look_up, smoothstep
from backend.nerf.volume_rendering import surface_opacity
from backend.networks.layer_completion import LayerCompletion
from shared.camera import Camera

HEAD_BAND, SHELL_BAND = 20.0, 12.0  # how far into a grazing angle surfaces stay solid
ASLANT = 0.01  # opacity below which surfaces are seen alike from all sides
FINER = 3  # rays a pixel in either direction where lips end and teeth begin
ROUGH = (0.03, 0.1)  # difference from the mean of those from where on to where a pixel takes it


@dataclass(frozen=True)
class Posed:
    """A person's surfaces in a frame's pose, world.

    Args:
        head: [V, 3] metres, the head model's vertices.
        expressed: [V, 3] metres, head frame, the same before the head turned.
        shut: [2] how far it shut the left and the right lids, 0 as in the photograph, 1 altogether.
        head_to_world: [4, 4] the turned head's frame.
        hair: [N, 3] metres, the hair shell's vertices.
        body: [M, 3] metres, the body shell's vertices.
    """

    head: NDArray[np.float64]
    expressed: NDArray[np.float32]
    shut: NDArray[np.float64]
    head_to_world: NDArray[np.float64]
    hair: NDArray[np.float64]
    body: NDArray[np.float64]


def _pose(request: FrameRequest) -> NDArray[np.float64]:
    """[4, 4] the turned head's frame in that of the photograph's."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.from_euler("xyz", request.rotation).as_matrix(), request.location
    return pose


@dataclass(frozen=True)
class Merged:
    """A frame's layers.

    Args:
        person: head and torso together.
        head: where the torso does not hide it. torso: the other way round.
    """

    person: Layers
    head: Layers
    torso: Layers


@dataclass(frozen=True)
class Drawn:
    """Samples of a frame's surfaces.

    Args:
        head: of the head model and of hair. torso: of the body.
        surface: of the head model, what completion is told of it.
        shares: [K, N] of further photographs in the colours of the head model.
    """

    head: list[Samples]
    torso: list[Samples]
    surface: HeadSurface
    shares: Tensor

    def merged(self, pixels: int) -> Merged:
        """The same composited for a picture of so many pixels."""
        return Merged(*merge_apart([self.head, self.torso], pixels))


class PersonRenderer:
    """A person's constant tensors on one device, and frames of it.

    Args:
        person: who is drawn.
        device: where.
        completion: what adds to frames what the photograph did not show; ``None`` for its pixels alone.
    """

    def __init__(self, person: Person, device: torch.device, completion: LayerCompletion | None = None) -> None:
        self.person = person
        self.device = device
        self.completion = None if completion is None else completion.to(device)
        self.canvas = CanvasLevels(person.canvas, Level, device)
        model = person.model
        # the head model's faces down to the neck; the torso is the body shell's
        self._head_faces = model.faces[(model.head_share[model.faces] > NECK_BEGINS).all(axis=1)]
        self.skin = SkinColour(person, self._head_faces, self.canvas)
        self._hair_source, self._body_source = self._in_photograph(person.hair), self._in_photograph(person.body)

    def _tensor(self, values: NDArray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    def _in_photograph(self, shell: Shell) -> Tensor:
        """[N, 4] where a shell's vertices are in the photograph, and the cosine of the angle at which it sees them;
        1 on the back sheet.
        """
        places = self.person.to_world(shell.vertices)
        cosine = cosines_of_view(places, vertex_normals(places, shell.faces), self.person.camera)
        cosine[len(cosine) // 2 :] = 1
        return self._tensor(np.concatenate([places, cosine], axis=1))

    def posed(self, request: FrameRequest) -> Posed:
        """The surfaces in a request's expression and pose."""
        person = self.person
        coefficients = person.coefficients if request.coefficients is None else np.asarray(request.coefficients)
        expressed = person.expressed(coefficients)
        moved = expressed - person.source_vertices

        def turned(vertices: NDArray[np.floating], head_share: NDArray[np.float32]) -> NDArray[np.float64]:
            return person.to_world(bend(vertices, head_share, request.rotation, request.location))

        def carried(shell: Shell) -> NDArray[np.float64]:
            return turned(shell.vertices + shell.bound_weight[:, None] * moved[shell.bound_to], shell.head_share)

        return Posed(
            head=turned(expressed, person.model.head_share),
            expressed=expressed,
            shut=person.lids_shut(moved),
            head_to_world=person.head_to_world @ _pose(request),
            hair=carried(person.hair),
            body=carried(person.body),
        )

    def render(self, request: FrameRequest) -> Frame:
        """Render one frame; see ``backend.avatars.interface``."""
        camera = (request.camera or self.person.camera).fitted(request.size)
        level = self.canvas.seen_by(camera, exact=request.camera is None)
        posed = self.posed(request)
        drawn = self._drawn(request, camera, level, posed)
        height, width = camera.height, camera.width
        pixels = height * width
        lifted = drawn.merged(pixels)
        person = self._completed(lifted, request, camera, drawn)
        rgba = to_bytes(over(person, self._backdrop(request, level, camera)), height, width)
        extra = {}
        if "head" in request.passes or "torso" in request.passes:
            # where the torso hides the head it is cut out, so that head over torso is the whole
            head, torso = lifted.head, merge(drawn.torso, pixels)
            if person is not lifted.person:
                head, torso = parted(person, lifted.person, head, torso)
            layers = {"head": head, "torso": torso}
            extra = {
                name: to_bytes(over(layer, None), height, width)
                for name, layer in layers.items()
                if name in request.passes
            }
        if "mixer" in request.passes:
            extra["mixer"] = to_bytes(self._origins(drawn, person), height, width)
        depth = depth_map(person, height, width) if "depth" in request.passes else None
        return Frame(rgba, depth, **extra)

    def _origins(self, drawn: Drawn, person: Layers) -> Tensor:
        """[P, 3] the colour of the photograph that each pixel came from, those of head and torso together [P]."""
        colours = self._tensor(REFERENCE_COLOURS)
        if not len(drawn.shares):
            return person.alpha[:, None] * colours[0]
        lenders = colours[1 + torch.arange(len(drawn.shares)) % (len(colours) - 1)]
        surface, *others = (
            replace(samples, colour=colours[0].expand(len(samples.pixel), 3)) for samples in drawn.head + drawn.torso
        )
        surface = replace(surface, colour=surface.colour + drawn.shares.T @ (lenders - colours[0]))
        origins = merge([surface, *others], len(person.alpha))
        return origins.rgb + (person.alpha - origins.alpha)[:, None] * colours[0]

    def view(self, request: FrameRequest, side: int) -> tuple[Tensor, float]:
        """What completion sees of a frame without it, [16, h, w] with ``side`` as the longer side; and how far the
        frame differs from the photograph where it does so most, 0..1.
        """
        camera = (request.camera or self.person.camera).fitted(request.size)
        posed = self.posed(request)
        drawn = self._drawn(request, camera, self.canvas.seen_by(camera, exact=request.camera is None), posed)
        lifted = drawn.merged(camera.height * camera.width)
        view = layer_view(lifted.head, lifted.torso, drawn.surface, camera.height, camera.width, side)
        return view, float(moved(view, turn_between(self.person, camera, request)).max())

    def _completed(self, lifted: Merged, request: FrameRequest, camera: Camera, drawn: Drawn) -> Layers:
        """The person with what completion adds, if it adds anything."""
        turn = turn_between(self.person, camera, request)
        if self.completion is None or turn > LOST_TURN[1] or (turn < 1e-6 and not drawn.surface.travel.any()):
            return lifted.person
        side = self.completion.config.side
        view = layer_view(lifted.head, lifted.torso, drawn.surface, camera.height, camera.width, side)
        return completed(self.completion, lifted.person, view, self._source_view, turn, camera.height)

    @cached_property
    def _source_view(self) -> Tensor:
        """[16, h, w] the photograph's own pose and expression as completion sees it."""
        assert self.completion is not None
        return self.view(FrameRequest(), self.completion.config.side // 2)[0]

    def _drawn(self, request: FrameRequest, camera: Camera, level: Level, posed: Posed) -> Drawn:
        """The surfaces' samples."""
        both = request.quality == "final"
        head, surface, shares = self._head_samples(posed, level, camera)
        hair = self._shell_samples(self.person.hair, posed.hair, self._hair_source, level.hair, camera, both)
        torso = self._shell_samples(self.person.body, posed.body, self._body_source, level.body, camera, both)
        return Drawn([head, *hair], torso, surface, shares)

    def _backdrop(self, request: FrameRequest, level: Level, camera: Camera) -> Tensor | None:
        """[P, 3] what stands behind the person; the photograph's plate only fits the photograph's camera."""
        pixels = camera.height * camera.width
        if isinstance(request.background, np.ndarray):
            if request.background.ndim == 1:
                return self._tensor(request.background).expand(pixels, 3) / 255
            return self._tensor(cover(request.background, camera.height, camera.width)).reshape(pixels, 3) / 255
        if request.background == "keep" and request.camera is None:
            return self._plate_at(level, camera)
        return None

    def surfaces(self, request: FrameRequest) -> list[tuple[NDArray, NDArray, NDArray, NDArray]]:
        """Posed surfaces in the world, coloured from the photograph's full resolution: head, hair, body.

        Returns:
            Vertices [V, 3] in metres, faces [F, 3], colours [V, 3] and opacity [V] in 0..1 of each.
        """
        level = self.canvas.at(1.0)
        posed = self.posed(request)
        colour, opacity, *_ = self.skin.colour(
            self.skin.attributes, torch.ones(len(posed.head), device=self.device), level
        )
        found = [(posed.head, self._head_faces, colour.cpu().numpy(), opacity.cpu().numpy())]
        for shell, vertices, source, picture in (
            (self.person.hair, posed.hair, self._hair_source, level.hair),
            (self.person.body, posed.body, self._body_source, level.body),
        ):
            rgba = look_up(picture, self.canvas.places(source[:, :3])).cpu().numpy()
            found.append((vertices, shell.faces, rgba[:, :3], rgba[:, 3]))
        return found

    def _plate_at(self, level: Level, camera: Camera) -> Tensor:
        """[H W, 3] the background plate as the photograph's camera sees it at the frame's size."""
        rows, columns = torch.meshgrid(
            torch.arange(camera.height, device=self.device) + 0.5,
            torch.arange(camera.width, device=self.device) + 0.5,
            indexing="ij",
        )
        own, canvas, margin = self.person.camera, self.person.canvas.camera, self.person.canvas.margin
        pixels = torch.stack(
            [columns.flatten() * own.width / camera.width, rows.flatten() * own.height / camera.height]
        )
        return look_up(level.plate, (pixels.T + margin) / pixels.new_tensor([canvas.width, canvas.height]))

    def _hits(
        self,
        vertices: NDArray,
        normals: NDArray,
        faces: NDArray,
        camera: Camera,
        attributes: Tensor,
        wanted: NDArray[np.bool_] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pixels [N], depth [N], interpolated attributes [N, C] and cosine of the angle of view [N] of a mesh.

        ``wanted`` [H, W] leaves the other pixels out.
        """
        hits = rasteriser().draw(vertices, faces, camera)
        chosen = slice(None) if wanted is None else np.flatnonzero(wanted.reshape(-1)[hits.seen])
        corners = torch.as_tensor(faces.T[:, hits.seen_triangle[chosen]].astype(np.int64), device=self.device)
        weights = self._tensor(hits.seen_barycentric[chosen])
        cosines = self._tensor(cosines_of_view(vertices, normals, camera))
        everything = torch.cat([attributes, cosines], dim=1)
        found = everything.index_select(0, corners[0]).mul_(weights[:, :1])
        found += everything.index_select(0, corners[1]).mul_(weights[:, 1:2])
        found += everything.index_select(0, corners[2]).mul_(weights[:, 2:])
        pixel = torch.as_tensor(hits.seen[chosen], device=self.device)
        depth = self._tensor(hits.seen_depth[chosen])
        return pixel, depth, found[:, :-1], found[:, -1].clamp(0, 1)

    def _shell_samples(
        self, shell: Shell, vertices: NDArray, source: Tensor, picture: Tensor, camera: Camera, both: bool
    ) -> list[Samples]:
        """Samples of a shell's sheets.

        Args:
            shell: whose faces.
            vertices: [N, 3] metres, posed, world.
            source: [N, 4] metres, where they are in the photograph, and the cosine of its angle of view.
            picture: [4, H, W] the shell's layer at the frame's level.
            camera: the frame's.
            both: the back sheet too, little of which is ever seen.
        """
        half = len(shell.faces) // 2
        normals = vertex_normals(vertices, shell.faces)
        samples = []
        for back, faces in ((False, shell.faces[:half]), (True, shell.faces[half:]))[: 1 + both]:
            pixel, depth, origin, cosine = self._hits(vertices, normals, faces, camera, source)
            found = look_up(picture, self.canvas.places(origin[:, :3]))
            opacity = smoothstep(0.6, 0.95, found[:, 3]) if back else found[:, 3]
            # what the photograph shows aslant, its matte has made as soft as it is
            seen, before = (surface_opacity(each, SHELL_BAND) + ASLANT for each in (cosine, origin[:, 3]))
            samples.append(Samples(pixel, depth, found[:, :3], opacity * (seen / before).clamp(max=1)))
        return samples

    def _head_samples(self, posed: Posed, level: Level, camera: Camera) -> tuple[Samples, HeadSurface, Tensor]:
        """Samples of the posed head model, coloured from a level's pictures, and lenders' shares [K, N] in them."""
        view = viewed_from(camera, posed.head_to_world)
        attributes = self.skin.attributes_in_pose(posed.head, posed.expressed, posed.shut, view)
        normals = vertex_normals(posed.head, self._head_faces)
        travel = np.linalg.norm(posed.expressed - self.person.source_vertices, axis=1, keepdims=True)
        known = self._tensor(
            np.concatenate([canonical_head()[1], normals @ camera.world_to_camera[:3, :3].T, travel], 1)
        )
        pixel, depth, everything, cosine = self._hits(
            posed.head, normals, self._head_faces, camera, torch.cat([attributes, known], dim=1)
        )
        found, known = everything[:, : attributes.shape[1]], everything[:, attributes.shape[1] :]
        colour, on_person, trust, shares = self.skin.colour(found, cosine, level)
        surface = HeadSurface(pixel, known[:, :3], F.normalize(known[:, 3:6], dim=1), trust, known[:, 6])
        in_mouth = pixel[found[:, IS_INSIDE] > 0.5].cpu().numpy()
        if len(in_mouth):
            fine, counted = self._fine_colours(posed, normals, attributes, level, camera, in_mouth)
            rough = smoothstep(*ROUGH, (fine[pixel] - colour).abs().amax(dim=1)) * counted[pixel]
            colour = colour + rough[:, None] * (fine[pixel] - colour)
        # only the outline is soft: behind the edge of the nose lies the cheek, which this one hit a pixel does not hold
        covered = torch.zeros(camera.height * camera.width, dtype=torch.uint8, device=self.device)
        covered[pixel] = 1
        inner = cv2.erode(covered.reshape(camera.height, camera.width).cpu().numpy(), np.ones((3, 3), np.uint8))
        solid = torch.as_tensor(inner.reshape(-1), device=self.device)[pixel] > 0
        opacity = torch.where(solid, 1.0, surface_opacity(cosine, HEAD_BAND))
        return Samples(pixel, depth, colour, opacity * on_person), surface, shares

    def _fine_colours(
        self,
        posed: Posed,
        normals: NDArray,
        attributes: Tensor,
        level: Level,
        camera: Camera,
        in_mouth: NDArray[np.int64],
    ) -> tuple[Tensor, Tensor]:
        """Colours [P, 3] of pixels in and next to the mouth's inside, each the mean of many rays, and [P] 1 for those.

        Lips, teeth and tongue meet along lines that one ray a pixel would show as steps.

        Args:
            posed: the surfaces.
            normals: [V, 3] of the head's.
            attributes: [V, 24 or more] of the head's.
            level: the photograph's pictures.
            camera: the frame's.
            in_mouth: [N] pixels that show the mouth's inside.
        """
        near = np.zeros((camera.height, camera.width), np.uint8)
        near.reshape(-1)[in_mouth] = 1
        near = cv2.dilate(near, np.ones((5, 5), np.uint8))
        left, top, width, height = cv2.boundingRect(near)
        closer = np.array([[FINER, 0, -left * FINER], [0, FINER, -top * FINER], [0, 0, 1.0]])
        window = Camera(closer @ camera.intrinsics, camera.world_to_camera, width * FINER, height * FINER)
        wanted = near[top : top + height, left : left + width].repeat(FINER, axis=0).repeat(FINER, axis=1) > 0
        ray, _, found, cosine = self._hits(posed.head, normals, self._head_faces, window, attributes, wanted)
        colour, *_ = self.skin.colour(found, cosine, level)
        row, column = ray // window.width // FINER + top, ray % window.width // FINER + left
        pixel = row * camera.width + column
        total = torch.zeros(near.size, 4, device=self.device)
        total.index_add_(0, pixel, torch.cat([colour, torch.ones_like(colour[:, :1])], dim=1))
        return total[:, :3] / total[:, 3:].clamp(min=1), (total[:, 3] == FINER**2).float()
